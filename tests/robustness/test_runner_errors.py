"""Exceptions in runner processes end training at once, with their own type, text and place."""

from __future__ import annotations

import sys

import faulty_envs
import gymnasium as gym
import pytest
import torch
from ray import cloudpickle
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.models.torch.fcnet import FullyConnectedNetwork

from rllib_zoo.algorithms.dqn.env_runner import FactoryEnvRunner
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.runner_errors import RunnerError, RunnerTraceback
from rllib_zoo.envs import EnvironmentFault
from rllib_zoo.envs.restart_policy import RESTARTS_IN_A_ROW

SIZES = {"num_envs_per_env_runner": 2, "rollout_fragment_length": 10}
# Longer than any test: an error must not wait for it.
PATIENCE = {"sample_timeout_s": 1000.0}
# Processes that Ray starts know neither this module nor the helpers.
cloudpickle.register_pickle_by_value(faulty_envs)
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class VocabularyError(Exception):
    """Cannot be unpickled: its constructor needs two arguments."""

    def __init__(self, word, place):
        super().__init__(f"no word {word!r} in {place}")


class Forgetful(FullyConnectedNetwork):
    """Fails with more rows than a check of the network has."""

    def forward(self, input_dict, state, seq_lens):
        if len(input_dict["obs"]) > 2 and torch.is_inference_mode_enabled():
            raise KeyError("no such word")
        return super().forward(input_dict, state, seq_lens)


class FailingSecond(faulty_envs.Sound):
    """Cannot be built by the second runner."""

    def __init__(self, config):
        if config.worker_index == 2:
            raise FileNotFoundError("shard-2.csv")


class Pressing(faulty_envs.Sound):
    """DDPG's actions; the third step is too much."""

    action_space = gym.spaces.Box(-1.0, 1.0, (1,))


class EpisodeCallback(RLlibCallback):
    def on_episode_step(self, **_):
        raise LookupError("no such episode")


# --- without Ray ------------------------------------------------------------------------------


def test_a_runners_call_returns_its_error_as_a_value(make_runner):
    runner = make_runner(faulty_envs.Sound, **SIZES)
    assert runner.apply(lambda r, number: r.num_envs + number, 3) == 5

    def missing(runner):
        raise KeyError("speed")

    answer = cloudpickle.loads(cloudpickle.dumps(runner.apply(missing)))
    with pytest.raises(KeyError, match="speed") as error:
        answer.raise_()
    assert isinstance(error.value.__cause__, RunnerTraceback)
    text = str(error.value.__cause__)
    assert f'File "{__file__}"' in text
    assert "in missing" in text


def test_a_runner_that_exits_does_not_end_the_training_process(make_runner):
    answer = make_runner(faulty_envs.Sound, **SIZES).apply(lambda runner: sys.exit("no license"))
    with pytest.raises(RuntimeError, match=r"^no license$") as caught:
        cloudpickle.loads(cloudpickle.dumps(answer)).raise_()
    assert type(caught.value).__name__ == "SystemExit"


def test_an_error_that_cannot_be_pickled_keeps_name_and_text():
    error = VocabularyError("go", "aisle 3")
    answer = cloudpickle.loads(cloudpickle.dumps(RunnerError.of(error)))
    with pytest.raises(Exception, match=r"^no word 'go' in aisle 3$") as caught:
        answer.raise_()
    assert type(caught.value).__name__ == "VocabularyError"
    assert type(caught.value).__module__ == VocabularyError.__module__


def test_dqns_runner_raises_the_environments_own_error(make_config):
    runner = FactoryEnvRunner(
        config=make_config("DQN", faulty_envs.Raising), worker_index=0, num_workers=0
    )
    with pytest.raises(OSError, match=r"^the simulator is gone$"):
        runner.sample(num_timesteps=3, random_actions=True)
    runner.stop()


@pytest.mark.parametrize(
    ("env", "text"),
    [(faulty_envs.Raising, "the simulator is gone"), (faulty_envs.NeverResets, "no second")],
)
def test_dqns_runner_rebuilds_an_environment_so_often(make_config, env, text):
    faulty_envs.NeverResets.resets[:] = [1] * 10
    config = make_config("DQN", env, restart_failed_sub_environments=True)
    runner = FactoryEnvRunner(config=config, worker_index=0, num_workers=0)
    line = f"'{env.__name__}': OSError: {text}.*, after {RESTARTS_IN_A_ROW} restarts in a row"
    with pytest.raises(EnvironmentFault, match=line):
        runner.sample(num_timesteps=3, random_actions=True)
    runner.stop()


def test_dqns_copies_get_their_indices(make_config):
    class Placed(faulty_envs.Sound):
        def __init__(self, config):
            self.context = config

    config = make_config("DQN", Placed, num_envs_per_env_runner=3, env_config={"a": 1})
    runner = FactoryEnvRunner(config=config, worker_index=2, num_workers=4)
    contexts = [env.unwrapped.context for env in runner.env.unwrapped.envs]
    assert [(c.worker_index, c.vector_index, c.num_workers) for c in contexts] == [
        (2, 0, 4), (2, 1, 4), (2, 2, 4)
    ]  # fmt: skip
    assert [dict(context) for context in contexts] == [{"a": 1}] * 3
    runner.stop()


def test_a_networks_attribute_error_is_not_replaced(make_runner):
    class Hurried(FullyConnectedNetwork):
        def __init__(self, obs_space, *args, **kwargs):
            super().__init__(obs_space, *args, **kwargs)
            self.size = obs_space.original_space

    with pytest.raises(AttributeError, match="no attribute 'original_space'"):
        make_runner(model={"custom_model": Hurried})


# --- in processes -----------------------------------------------------------------------------


def raised(make_algo, config, kind, text):
    """The error of two iterations, which must come long before ``sample_timeout_s``."""

    def train():
        algo = make_algo(config.update_from_dict(PATIENCE))
        for _ in range(2):
            algo.train()

    with pytest.raises(kind, match=text) as error:
        train()
    return str(error.value.__cause__)


@pytest.mark.ray
@pytest.mark.parametrize(
    "name",
    ["A2C", *(pytest.param(name, marks=pytest.mark.slow) for name in ("PPO", "A3C", "PG"))],
)
def test_a_networks_error_ends_training(make_algo, make_config, name):
    sizes = {**SIZES, "num_envs_per_env_runner": 4, "num_env_runners": 1}
    if name != "A3C":
        sizes |= {"train_batch_size": 40, "minibatch_size": None}
    model = {"custom_model": Forgetful}
    config = make_config(name, "CartPole-v1", **sizes)
    config._model_config = model  # the class itself: Ray's processes cannot import this module
    cause = raised(make_algo, config, KeyError, "no such word")
    assert "in forward" in cause


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("name", ["A2C", "DQN"])
def test_an_environment_that_one_runner_cannot_build_ends_training(make_algo, make_config, name):
    sizes = {**SIZES, "num_env_runners": 2, **({"train_batch_size": 40} if name == "A2C" else {})}
    config = make_config(name, FailingSecond, **sizes)
    cause = raised(make_algo, config, FileNotFoundError, "shard-2.csv")
    assert "in __init__" in cause


@pytest.mark.ray
@pytest.mark.slow
def test_dqns_callback_and_environment_end_training(make_algo, make_config):
    config = make_config("DQN", "CartPole-v1", num_env_runners=1)
    config.callbacks(EpisodeCallback)
    assert "in on_episode_step" in raised(make_algo, config, LookupError, "no such episode")
    config = make_config("DQN", faulty_envs.Raising, num_env_runners=1)
    assert "in step" in raised(make_algo, config, OSError, "the simulator is gone")


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("runners", [0, 1])
@pytest.mark.parametrize("name", ["A2C", "DQN"])
def test_evaluation_runners_errors_end_training(make_algo, make_config, name, runners):
    sizes = {**SIZES, "train_batch_size": 20} if name == "A2C" else {}
    config = make_config(
        name,
        faulty_envs.Flaky,
        env_config={"step": 0.0, "reset": 0.0},
        evaluation_interval=1,
        evaluation_duration=2,
        evaluation_num_env_runners=runners,
        evaluation_config={
            "env_config": {"step": 1.0, "reset": 0.0},
            "restart_failed_sub_environments": False,
        },
        **sizes,
    )
    raised(make_algo, config, OSError if name == "DQN" else EnvironmentFault, "no luck in step")


@pytest.mark.ray
@pytest.mark.slow
def test_ddpgs_network_error_ends_training(make_algo, make_config):
    keys = {**SIZES, "num_env_runners": 1, "random_steps": 0}
    config = make_config("DDPG", Pressing, restart_failed_sub_environments=False, **keys)
    algo = make_algo(config.update_from_dict(PATIENCE))

    def broken(runner):
        runner.module.actor.forward = None

    algo.env_runner_group.foreach_env_runner(broken, local_env_runner=False)
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        algo.train()


@pytest.mark.ray
@pytest.mark.slow
def test_environments_of_all_runners_know_their_place(make_algo, make_config):

    class Placed(faulty_envs.Sound):
        def __init__(self, config):
            self.context = config

    sizes = {**SIZES, "num_env_runners": 2, "train_batch_size": 40}
    algo = make_algo(
        make_config("A2C", Placed, evaluation_num_env_runners=1, evaluation_interval=1, **sizes)
    )

    def places(runner):
        contexts = [copy.unwrapped.context for copy in runner.env.envs]
        return [(c.worker_index, c.vector_index, c.num_workers) for c in contexts]

    training = algo.env_runner_group.foreach_env_runner(places, local_env_runner=False)
    assert training == [[(1, 0, 2), (1, 1, 2)], [(2, 0, 2), (2, 1, 2)]]
    evaluation = algo.eval_env_runner_group.foreach_env_runner(places, local_env_runner=False)
    assert evaluation == [[(1, 0, 1), (1, 1, 1)]]


def test_rllibs_classes_have_what_is_patched():
    """Fails when RLlib moves what ``runner_errors.py`` relies on."""
    from ray.rllib.env import env_runner_group
    from ray.rllib.utils.actor_manager import FaultAwareApply, FaultTolerantActorManager

    assert env_runner_group.FaultTolerantActorManager is FaultTolerantActorManager
    assert issubclass(VectorEnvRunner, FaultAwareApply)
    assert callable(FaultTolerantActorManager._fetch_result)
