"""The one door to environments: ids, registered names, paths, classes, and what is refused."""

import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from ray.rllib.env.env_context import EnvContext
from ray.rllib.env.multi_agent_env import MultiAgentEnv
from ray.tune.registry import ENV_CREATOR, _global_registry, register_env

from rllib_zoo.algorithms.env_runner.env_group import capture_env_state, restore_env_state
from rllib_zoo.envs import (
    EnvironmentRequestError,
    environment_spaces,
    make_single_env,
    make_vector_env,
)
from rllib_zoo.envs.probes import ConstantReward, ContinuousTarget
from rllib_zoo.envs.space_checks import unsupported_action_space


class Spaced(ConstantReward):
    """Spaces as asked for."""

    def __init__(self, observation=None, action=None):
        self.observation_space = observation or ConstantReward.observation_space
        self.action_space = action or ConstantReward.action_space

    def _start(self):
        return self.observation_space.sample()

    def step(self, action):
        return self._start(), *super().step(action)[1:]


@pytest.fixture
def registered():
    """A name registered as a user would, with a lambda that reads its options."""
    name = "my_own_target"
    register_env(name, lambda options: ContinuousTarget(target=options.get("aim", 0.25)))
    return name


def stepped(vector, steps=3):
    """Observations and rewards of some steps, then closed."""
    vector.action_space.seed(0)
    rows = [vector.reset(seed=1)[0]]
    rewards = []
    for _ in range(steps):
        obs, reward, *_ = vector.step(vector.action_space.sample())
        rows.append(obs)
        rewards.append(reward)
    vector.close()
    return np.array(rows), np.array(rewards)


def test_an_id_uses_its_own_vector_implementation_unless_told_otherwise():
    native = make_vector_env("CartPole-v1", 3)
    assert type(native).__name__ == "CartPoleVectorEnv"
    assert native.num_envs == 3
    for mode, kind in (("sync", SyncVectorEnv), ("async", AsyncVectorEnv)):
        vector = make_vector_env("CartPole-v1", 3, vectorize_mode=mode)
        assert type(vector) is kind
        vector.close()
    assert type(make_vector_env("Pendulum-v1", 2)) is SyncVectorEnv


def test_processes_and_one_process_play_alike():
    sync, asynchronous = (
        stepped(make_vector_env("MountainCar-v0", 3, vectorize_mode=mode))
        for mode in ("sync", "async")
    )
    np.testing.assert_array_equal(sync[0], asynchronous[0])
    np.testing.assert_array_equal(sync[1], asynchronous[1])


def test_options_reach_an_id_natively_and_one_by_one():
    for mode in ("vector_entry_point", "sync"):
        vector = make_vector_env("CartPole-v1", 2, {"max_episode_steps": 2}, mode)
        vector.reset(seed=0)
        vector.step(np.array([0, 1]))
        *_, truncated, _ = vector.step(np.array([1, 0]))
        assert truncated.all(), mode


@pytest.mark.parametrize("env", ["envs.probes.ContinuousTarget", ContinuousTarget])
def test_a_class_and_its_path_take_options_as_keywords(env):
    vector = make_vector_env(env, 2, {"target": 2.0})
    assert [copy.unwrapped._target for copy in vector.envs] == [2.0, 2.0]
    assert vector.envs[0] is not vector.envs[1]
    default = make_vector_env(env, 1)
    assert default.envs[0].unwrapped._target == 1.0


class OfOneConfig(ContinuousTarget):
    """A class as RLlib calls it: one parameter that holds everything."""

    def __init__(self, config):
        super().__init__(config.get("target", 0.5))


class OfOneOptionalConfig(OfOneConfig):
    def __init__(self, config=None):
        super().__init__(config or {})


class TwoAgents(MultiAgentEnv):
    pass


@pytest.mark.parametrize("env", [OfOneConfig, OfOneOptionalConfig])
def test_a_class_of_one_parameter_gets_the_options_whole(env):
    assert make_vector_env(env, 1, {"target": 2.0}).envs[0].unwrapped._target == 2.0
    assert make_vector_env(env, 1, {"config": {"target": 3.0}}).envs[0].unwrapped._target == 3.0
    assert make_vector_env(env, 1).envs[0].unwrapped._target == 0.5


class Placed(ContinuousTarget):
    """Keeps what it gets, and takes an option out of it."""

    def __init__(self, config):
        super().__init__(config.pop("target", 0.5))
        self.context = config


class PlacedOptional(Placed):
    def __init__(self, env_config=None, render_mode=None):
        super().__init__(env_config)


def places(vector):
    """Target, type, other options and indices of every copy."""
    return [
        (
            env._target,
            type(env.context),
            dict(env.context),
            env.context.worker_index,
            env.context.vector_index,
            env.context.num_workers,
            env.context.remote,
        )
        for env in (copy.unwrapped for copy in vector.envs)
    ]


@pytest.fixture
def placed_name():
    register_env("placed", lambda context: Placed(context))
    yield "placed"
    _global_registry.unregister(ENV_CREATOR, "placed")


@pytest.mark.parametrize("env", [Placed, PlacedOptional, f"{__name__}.Placed", "placed"])
def test_environments_get_rllibs_context(env, placed_name):
    context = EnvContext({"target": 2.0, "a": 1}, worker_index=3, vector_index=4, num_workers=5)
    vector = make_vector_env(env, 2, context)
    # The first copy took its option out of its own context only.
    common = (2.0, EnvContext, {"a": 1}, 3)
    assert places(vector) == [(*common, 4, 5, False), (*common, 5, 5, False)]
    assert dict(context) == {"target": 2.0, "a": 1}
    (first, second) = places(make_vector_env(env, 2))
    assert first == (0.5, EnvContext, {}, 0, 0, 0, False)
    assert second == (0.5, EnvContext, {}, 0, 1, 0, False)
    assert make_single_env(env).unwrapped.context.worker_index == 0


def test_a_restarted_copy_keeps_its_indices():
    class Fragile(Placed):
        def step(self, action):
            raise OSError("fragile")

    vector = make_vector_env(
        Fragile, 3, EnvContext({"target": 2.0}, worker_index=1), restart_failed=True
    )
    vector.reset(seed=0)
    vector.step(np.zeros((3, 1), np.float32))
    assert [place[4] for place in places(vector)] == [0, 1, 2]
    assert {place[0] for place in places(vector)} == {2.0}


def test_several_agents_are_refused():
    with pytest.raises(EnvironmentRequestError, match="has several agents; only one is supported"):
        environment_spaces(TwoAgents)


def test_a_registered_creator_gets_the_options_whole(registered):
    vector = make_vector_env(registered, 2, {"aim": -1.5, "unused": "too"})
    assert [copy.unwrapped._target for copy in vector.envs] == [-1.5, -1.5]
    assert make_vector_env(registered, 1).envs[0].unwrapped._target == 0.25


def test_a_registered_name_wins_over_gymnasiums(registered):
    register_env("Acrobot-v1", lambda options: ContinuousTarget())
    try:
        assert isinstance(make_vector_env("Acrobot-v1", 1).envs[0].unwrapped, ContinuousTarget)
    finally:
        from ray.tune.registry import ENV_CREATOR, _global_registry

        _global_registry.unregister(ENV_CREATOR, "Acrobot-v1")
    assert make_vector_env("Acrobot-v1", 1).single_observation_space.shape == (6,)


def test_registered_environments_can_be_saved_and_continued(registered):
    vector = make_vector_env(registered, 2)
    vector.reset(seed=0)
    state = capture_env_state(vector)
    assert state is not None
    continued = restore_env_state(make_vector_env(registered, 2), state)
    actions = np.zeros((2, 1), np.float32)
    np.testing.assert_array_equal(vector.step(actions)[1], continued.step(actions)[1])


@pytest.mark.parametrize(
    ("observation", "shape"),
    [
        (gym.spaces.Discrete(5), (5,)),
        (gym.spaces.MultiBinary(3), (3,)),
        (gym.spaces.Dict(a=gym.spaces.Discrete(2), b=gym.spaces.Box(-1, 1, (2, 3))), (8,)),
        (gym.spaces.Tuple((gym.spaces.Discrete(2), gym.spaces.Discrete(3))), (5,)),
        (gym.spaces.Box(0, 255, (4, 4, 3), np.uint8), (4, 4, 3)),
    ],
    ids=str,
)
def test_observations_become_one_box_alike_for_many_and_for_one(observation, shape):
    vector = make_vector_env(Spaced, 2, {"observation": observation})
    assert vector.single_observation_space.shape == shape
    obs, _ = stepped(vector)
    assert obs.shape == (4, 2, *shape)
    single = make_single_env(Spaced, {"observation": observation})
    assert single.observation_space == vector.single_observation_space
    assert single.reset(seed=0)[0].shape == shape
    spaces = environment_spaces(Spaced, {"observation": observation})
    assert spaces == (single.observation_space, single.action_space)


def test_a_single_environment_can_be_rendered():
    env = make_single_env("CartPole-v1", {"sutton_barto_reward": True}, render_mode="rgb_array")
    env.reset(seed=0)
    assert env.step(0)[1] == 0.0  # the option arrived: no reward before the fall
    assert env.render().shape == (400, 600, 3)
    env.close()


@pytest.mark.parametrize(
    ("env", "options", "pieces"),
    [
        ("CartPole-v9", {}, ["'CartPole-v9' is not registered", "did you mean 'CartPole-v"]),
        ("CartPol-v1", {}, ["'CartPol-v1'", "did you mean 'CartPole-v1'?"]),
        ("Qwertz", {}, ["'Qwertz' is not registered"]),
        ("no_such_module.MyEnv", {}, ["'no_such_module.MyEnv' cannot be imported", "No module"]),
        ("envs.probes.NoSuchEnv", {}, ["cannot be imported", "NoSuchEnv"]),
        ("CartPole-v1", {"gravty": 1}, ["'CartPole-v1'", "(gravty)", "gravty"]),
        ("MountainCar-v0", {"gravty": 1, "a": 2}, ["'MountainCar-v0'", "(a, gravty)"]),
        ("envs.probes.ContinuousTarget", {"aim": 1}, ["(aim)", "unexpected keyword"]),
        (
            Spaced,
            {"action": gym.spaces.Text(3)},
            ["actions of Text(1, 3", "supported are Discrete, "],
        ),
        (
            Spaced,
            {
                "action": gym.spaces.Dict(
                    a=gym.spaces.Tuple((gym.spaces.Box(0, 3, (2,), np.int64),))
                )
            },
            ["actions of Dict('a': Tuple", ", with Box(0, 3, (2,), int64) in it; supported are"],
        ),
        (Spaced, {"action": gym.spaces.Box(0, 3, (2,), np.int64)}, ["integer actions", "int64"]),
        (
            Spaced,
            {"observation": gym.spaces.Sequence(gym.spaces.Discrete(2))},
            ["observations of Sequence", "supported are Box"],
        ),
        (
            Spaced,
            {"observation": gym.spaces.Graph(gym.spaces.Discrete(2), None)},
            ["observations of Graph", "supported are Box"],
        ),
    ],
    ids=str,
)
def test_what_cannot_be_built_is_said_in_one_sentence(env, options, pieces):
    for build in (lambda: make_vector_env(env, 2, options), lambda: make_single_env(env, options)):
        with pytest.raises(EnvironmentRequestError) as error:
            build()
        for piece in pieces:
            assert piece in str(error.value)
        assert "\n" not in str(error.value)


def test_actions_without_parts_are_refused():
    for space in (gym.spaces.Tuple(()), gym.spaces.Dict()):
        assert unsupported_action_space(space) is space
        assert unsupported_action_space(gym.spaces.Tuple((space,))) is space


def test_an_unknown_vectorize_mode_names_the_known_ones():
    with pytest.raises(EnvironmentRequestError, match=r"'thread' is unknown; .*, sync, async"):
        make_vector_env("CartPole-v1", 2, vectorize_mode="thread")


def test_a_missing_package_is_named_with_our_extra():
    """In a process of its own, in which MuJoCo cannot be imported."""
    code = (
        "import sys; sys.modules['mujoco'] = None\n"
        "from rllib_zoo.envs import EnvironmentRequestError, make_vector_env\n"
        "try: make_vector_env('HalfCheetah-v5', 1)\n"
        "except EnvironmentRequestError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "environment 'HalfCheetah-v5' needs a missing package: MuJoCo is not installed; "
        "run: pip install 'rllib-zoo[mujoco]'"
    )


@pytest.mark.parametrize("name", ["HalfCheetah-v5", "Reacher-v5"])
def test_mujoco_is_played(name):
    pytest.importorskip("mujoco", reason="the extra mujoco is not installed")
    vector = make_vector_env(name, 2)
    vector.reset(seed=0)
    observations, rewards, *_ = vector.step(vector.action_space.sample())
    assert observations.shape[0] == rewards.shape[0] == 2
    assert np.isfinite(observations).all()
    vector.close()


class Structured(gym.Env):
    observation_space = gym.spaces.Dict(
        {"place": gym.spaces.Discrete(3), "speed": gym.spaces.Box(-1.0, 1.0, (2,), np.float32)}
    )
    action_space = gym.spaces.Discrete(2)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_flattened_space_knows_the_environments_own_also_in_other_processes(mode):
    vector = make_vector_env(Structured, 2, vectorize_mode=mode)
    single = make_single_env(Structured)
    for space in (vector.single_observation_space, single.observation_space):
        assert space.shape == (5,)
        assert pickle.loads(pickle.dumps(space)).original_space == Structured.observation_space
    vector.close()
