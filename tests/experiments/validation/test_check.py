"""Every wrong experiment is refused with its one sentence, before Ray starts."""

from __future__ import annotations

import copy
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import ray
from ray.rllib.callbacks.callbacks import RLlibCallback

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate

IMPORT = "registered by a module? --import MODULE"
OURS = "custom_models.SharedEncoderActorCritic"
RISING = "or a schedule [[0, value], [step, value], …] with rising steps"
RATE = f"must be a number of at least 0, {RISING}"
PAIRS = f"must be a number {RISING}"
REMEDY = " (remove the quotes or the stray comma)"


def experiment(algorithm="PPO", **config):
    return Experiment(
        name="x",
        algorithm=algorithm,
        env="CartPole-v1",
        config={"num_env_runners": 1 if algorithm == "A3C" else 0, **config},
        stop={"training_iteration": 1},
    )


def grid(*values):
    return {"grid_search": list(values)}


@pytest.fixture
def refused(capfd):
    """The message; on the way: nothing printed, input unchanged, no Ray started by the check."""

    def check(request, **resources):
        running, before = ray.is_initialized(), copy.deepcopy(request)
        with pytest.raises(RequestError) as caught:
            validate(request, **resources)
        assert request == before
        assert ray.is_initialized() == running
        assert capfd.readouterr() == ("", "")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return check


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ppo", "run: algorithm 'ppo' is unknown; did you mean 'PPO'?"),
        ("PPP", "run: algorithm 'PPP' is unknown; did you mean 'PPO'?"),
        ("A2", "run: algorithm 'A2' is unknown; did you mean 'A2C'?"),
        (
            "nonsense",
            "run: algorithm 'nonsense' is unknown; use one of A2C, A3C, DDPG, DQN, PG, PPO; "
            + IMPORT,
        ),
        ("SAC", "run: SAC is not supported; use one of A2C, A3C, DDPG, DQN, PG, PPO"),
        ("IMPALA", "run: IMPALA is not supported; use one of A2C, A3C, DDPG, DQN, PG, PPO"),
        ("DD_PPO", "run: DD_PPO is not supported; use one of A2C, A3C, DDPG, DQN, PG, PPO"),
        ("APEX", "run: APEX is not supported; use one of A2C, A3C, DDPG, DQN, PG, PPO"),
    ],
)
def test_algorithm(refused, name, message):
    assert refused(replace(experiment(), algorithm=name)) == message


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            "CartPoll-v1",
            "env: environment 'CartPoll-v1' is not registered with gymnasium; "
            "did you mean 'CartPole-v1'?",
        ),
        ("nothing", f"env: environment 'nothing' is not registered with gymnasium; {IMPORT}"),
        (
            "no_such.Env",
            "env: environment 'no_such.Env' cannot be imported: No module named 'no_such'",
        ),
        (
            "rllib_zoo.envs.probes.ConstantRewart",
            "env: environment 'rllib_zoo.envs.probes.ConstantRewart' cannot be imported: module "
            "'rllib_zoo.envs.probes' has no attribute 'ConstantRewart'; did you mean 'ConstantReward'?",
        ),
        (
            "rllib_zoo.envs.probs.Any",
            "env: environment 'rllib_zoo.envs.probs.Any' cannot be imported: No module named "
            "'rllib_zoo.envs.probs'; did you mean 'probes'?",
        ),
        (5, "env: must be a name or a class path, got 5"),
        (
            grid(),
            "env.grid_search: must list alternatives, got []; for example {grid_search: [1, 2]}",
        ),
        (
            grid("CartPole-v1", "Acrobat-v1"),
            "env: environment 'Acrobat-v1' is not registered with gymnasium; "
            "did you mean 'Acrobot-v1'?",
        ),
    ],
)
def test_environment(refused, env, message):
    assert refused(replace(experiment(), env=env)) == message


@pytest.mark.parametrize(
    "config",
    [
        {"env_config": {"graviti": 1}},
        {"env_config": grid({}, {"graviti": 1})},
        {"env_config": {"graviti": grid(1, 2)}},
        {"evaluation_config": {"env_config": {"graviti": 1}}},
    ],
)
def test_environment_options(refused, config):
    message = refused(experiment(**config))
    where = "config.evaluation_config" if "evaluation_config" in config else "config"
    assert message == (
        f"{where}.env_config.graviti: is not an option of CartPole-v1; its options are "
        "sutton_barto_reward, render_mode, max_episode_steps, disable_env_checker, vector_kwargs, wrappers"
    )


KEYS = [
    ("PPO", {"lrr": 1}, "config.lrr: is not a key of PPO; did you mean 'lr'?"),
    (
        "PPO",
        {"train_batch_siz": 1},
        "config.train_batch_siz: is not a key of PPO; did you mean 'train_batch_size'?",
    ),
    ("PPO", {"zzzzzzz": 1}, "config.zzzzzzz: is not a key of PPO"),
    ("PPO", {5: 1}, "config.5: is not a key of PPO"),
    (
        "PPO",
        {"num_workers": 1},
        "config.num_workers: is a name of older RLlib releases; use num_env_runners",
    ),
    (
        "PPO",
        {"sgd_minibatch_size": 1},
        "config.sgd_minibatch_size: is a name of older RLlib releases; use minibatch_size",
    ),
    (
        "PPO",
        {"num_sgd_iter": 1},
        "config.num_sgd_iter: is a name of older RLlib releases; use num_epochs",
    ),
    (
        "PPO",
        {"clip_rewards": -1},
        "config.clip_rewards: must be true or false or a number above 0, or null, got -1",
    ),
    ("A2C", {"clip_param": 0.2}, "config.clip_param: is not a key of A2C; it belongs to PPO"),
    ("A3C", {"num_epochs": 2}, "config.num_epochs: is not a key of A3C; it belongs to A2C and PPO"),
    ("PPO", {"lambda": 0.9, "lambda_": 0.8}, "config.lambda: is set twice, also as lambda_"),
    (
        "PPO",
        {"model": {"fcnet_hidens": [1]}},
        "config.model: model key 'fcnet_hidens' is unknown; did you mean 'fcnet_hiddens'?",
    ),
    ("PPO", {"model": {5: 1}}, "config.model.5: is not a model key"),
    (
        "PPO",
        {"model": {"use_attention": True}},
        "config.model: model key 'use_attention': attention networks are not supported",
    ),
    ("PPO", {"model": {"use_lstm": 1}}, "config.model.use_lstm: must be true or false, got 1"),
    (
        "PPO",
        {"model": {"use_lstm": True, "max_seq_len": 2.5}},
        "config.model.max_seq_len: must be an integer of at least 1, got 2.5",
    ),
    (
        "PPO",
        {"model": {"use_lstm": True, "lstm_cell_size": 0}},
        "config.model.lstm_cell_size: must be an integer of at least 1, got 0",
    ),
    (
        "A3C",
        {"model": {"use_lstm": True, "max_seq_len": 30}},
        "config: model.max_seq_len 30 is longer than the fragment: rollout_fragment_length is 20",
    ),
    (
        "PPO",
        {"model": {"max_seq_len": 5}},
        "config: model.max_seq_len has no effect without use_lstm: true",
    ),
    (
        "PPO",
        {"model": {"custom_model": OURS, "max_seq_len": 5}},
        "config.model: the network cannot be built: model.max_seq_len has no effect: "
        "SharedEncoderActorCritic is not recurrent",
    ),
    (
        "PPO",
        {
            "model": {
                "custom_model": OURS,
                "custom_model_config": {"policy_hiddens": [8]},
                "use_lstm": True,
            }
        },
        "config.model: the network cannot be built: custom_model_config key 'policy_hiddens' "
        "is not supported with use_lstm: one LSTM reads one encoder and has its own linear heads",
    ),
    (
        "PPO",
        {"model": {"custom_model": f"{OURS}x"}},
        f"config.model.custom_model: custom_model '{OURS}x' cannot be imported; "
        f"did you mean '{OURS}'?",
    ),
    (
        "PPO",
        {"model": {"custom_model": "SharedEncoder"}},
        "config.model.custom_model: 'SharedEncoder' is neither a class path nor a registered model; "
        + IMPORT,
    ),
    (
        "PPO",
        {"model": {"custom_model": "os.path.join"}},
        "config.model.custom_model: 'os.path.join' is not a TorchModelV2",
    ),
    (
        "PPO",
        {"model": {"custom_model_config": {"layer_norm": True}}},
        "config.model.custom_model_config: has no effect without custom_model",
    ),
    (
        "PPO",
        {"model": {"custom_model": OURS, "custom_model_config": {"polcy_hiddens": [1]}}},
        "config.model: custom_model_config key 'polcy_hiddens' is unknown; "
        "did you mean 'policy_hiddens'?",
    ),
    (
        "PPO",
        {"model": {"custom_model": OURS, "custom_model_config": {"activation": "rellu"}}},
        "config.model: custom_model_config key 'activation' must be one of "
        "elu, relu, tanh, silu, gelu, linear; got 'rellu'",
    ),
    (
        "A2C",
        {"optimizer": {"type": "adam", "epsilonn": 1}},
        "config.optimizer.epsilonn: is unknown; did you mean 'epsilon'?",
    ),
    (
        "A2C",
        {"optimizer": {"type": "sgd"}},
        "config.optimizer.type: must be one of adam, rmsprop, got 'sgd'",
    ),
    (
        "A2C",
        {"optimizer": {"type": "adam", "alpha": 0.9}},
        "config: optimizer key 'alpha' is unknown for adam; supported: epsilon, betas",
    ),
    (
        "PPO",
        {"evaluation_config": {"explor": False}},
        "config.evaluation_config.explor: is not a key of PPO; did you mean 'explore'?",
    ),
    (
        "PPO",
        {"evaluation_config": {"evaluation_config": {}}},
        "config.evaluation_config.evaluation_config: has no effect in evaluation",
    ),
    (
        "PPO",
        {"evaluation_config": {"model": {"fcnet_hiddens": [3]}}},
        "config.evaluation_config.model: has no effect in evaluation",
    ),
    (
        "A2C",
        {"evaluation_config": {"lambda": 0.9}},
        "config.evaluation_config.lambda: has no effect in evaluation",
    ),
    (
        "PPO",
        {"evaluation_config": {"minibatch_size": 64}},
        "config.evaluation_config.minibatch_size: has no effect in evaluation",
    ),
    (
        "PPO",
        {"evaluation_config": {"explore": "no"}},
        "config.evaluation_config.explore: must be true or false, got 'no'",
    ),
]


@pytest.mark.parametrize(("algorithm", "config", "message"), KEYS)
def test_keys(refused, algorithm, config, message):
    assert refused(replace(experiment(algorithm), config=config)) == message


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("lr", "0.001", f"{RATE}, got '0.001'{REMEDY}"),
        ("lr", True, f"{RATE}, got True"),
        ("lr", -0.001, f"{RATE}, got -0.001"),
        ("lr", float("inf"), f"{RATE}, got inf"),
        ("use_kl_loss", "true,", f"must be true or false, got 'true,'{REMEDY}"),
        ("use_kl_loss", 1, "must be true or false, got 1"),
        ("train_batch_size", True, "must be an integer of at least 1, got True"),
        ("train_batch_size", "4000", f"must be an integer of at least 1, got '4000'{REMEDY}"),
        ("gamma", 1.5, "must be a number of at least 0 and at most 1, got 1.5"),
        ("lambda", None, "must be a number of at least 0 and at most 1, got None"),
        ("clip_param", 0, "must be a number above 0, or null, got 0"),
        ("num_epochs", 0, "must be an integer of at least 1, got 0"),
        ("num_epochs", [1], "must be an integer of at least 1, got [1]"),
        ("num_epochs", 2.0, "must be an integer of at least 1, got 2.0"),
        ("seed", -1, "must be an integer of at least 0, or null, got -1"),
        ("use_gae", False, "must be true with PPO (lambda: 1 gives n-step advantages), got False"),
        ("framework", "tf", "must be one of torch, got 'tf'"),
        (
            "batch_mode",
            "complete_episodes",
            "must be one of truncate_episodes, got 'complete_episodes'",
        ),
        ("model", [1], "must be a mapping of keys to values, got [1]"),
        ("optimizer", "adam", "must be a mapping of keys to values, got 'adam'"),
        ("lr", [[0, 1e-3]], f"{PAIRS}, got [[0, 0.001]]"),
        ("lr", [[10, 1.0], [20, 0.5]], f"{PAIRS}, got [[10, 1.0], [20, 0.5]]"),
        ("lr", [[0, 1.0], [0, 0.5]], f"{PAIRS}, got [[0, 1.0], [0, 0.5]]"),
        ("entropy_coeff", [[0, 1.0], [9, -1]], f"{PAIRS}, got [[0, 1.0], [9, -1]]"),
        ("entropy_coeff", [0.1, 0.2], f"{PAIRS}, got [0.1, 0.2]"),
        ("lr", grid(), None),
        ("lr", grid(0.1, -1), f"{RATE}, got -1"),
        ("model", grid({}, 5), "must be a mapping of keys to values, got 5"),
    ],
)
def test_values(refused, key, value, message):
    expected = f"config.{key}: {message}"
    if message is None:
        problem = "must list alternatives, got []; for example {grid_search: [1, 2]}"
        expected = f"config.{key}.grid_search: {problem}"
    assert refused(experiment(**{key: value})) == expected


class OfEpisodes(RLlibCallback):
    def on_episode_end(self, **kwargs):
        pass


class OfIterations(RLlibCallback):
    def on_train_result(self, **kwargs):
        pass


def test_callbacks_that_would_not_be_called(refused):
    asked = replace(experiment(), config={"callbacks_class": OfEpisodes})
    assert "config.callbacks_class: must be a class without on_episode_end" in refused(asked)
    validate(replace(experiment(), config={"callbacks_class": OfIterations}))
    missing = replace(experiment(), config={"callbacks_class": "no_such.Callbacks"})
    assert refused(missing).endswith(
        "path of a class that can be imported, got 'no_such.Callbacks'"
    )


def test_a_misspelt_sampler_gets_the_nearest(refused):
    misspelt = replace(experiment(), config={"lr": {"lognuniform": [1e-4, 1e-2]}})
    assert refused(misspelt).endswith("'lognuniform': [0.0001, 0.01]}; did you mean 'loguniform'?")


def test_a_range_of_n_steps_is_for_dqn_alone(refused):
    asked = replace(experiment(), algorithm="DQN", config={"n_step": [2, 5]})
    validate(asked)
    for wrong in ([5, 2], [0, 2], [1, 2, 3]):
        message = refused(replace(asked, config={"n_step": wrong}))
        assert "config.n_step: must be an integer of at least 1 or [low, high]" in message


def test_a_retired_key_in_a_file_of_today(refused):
    message = refused(replace(experiment(), config={"eager": True}))
    assert message.endswith("config.eager: has no effect here; TensorFlow is not supported")
    message = refused(replace(experiment(), config={"num_gpus": 1}))
    assert message.endswith(
        "config.num_gpus: is a name of older RLlib releases; use num_gpus_per_learner"
    )


def test_a_network_that_does_not_fit_the_environment(refused):
    for_images = "ray.rllib.models.torch.visionnet.VisionNetwork"
    message = refused(experiment(model={"custom_model": for_images}))
    assert message.startswith("config.model: the network cannot be built: ")


def test_the_file_is_named_first(refused, tmp_path):
    request = replace(experiment(gama=0.9), source=tmp_path / "my.yaml")
    assert refused(request) == (
        f"{tmp_path}/my.yaml: config.gama: is not a key of PPO; did you mean 'gamma'?"
    )


def test_options_of_a_custom_model_have_a_place(refused):
    model = {"custom_model": OURS, "input_size": 7}
    assert refused(experiment(model=model)) == (
        "config.model: model key 'input_size' is unknown; options of a custom model's own go below "
        "it: custom_model_config: {input_size: …}"
    )


class NeedsDataset(gym.Env):
    """``dataset`` is required; ``regime`` decides the reward, ``size`` the observation."""

    action_space = gym.spaces.Discrete(2)

    def __init__(self, dataset, regime="training", size=2):
        self.observation_space = gym.spaces.Box(-1, 1, (size,), np.float32)
        self.regime = regime

    def reset(self, *, seed=None, options=None):
        return self.observation_space.low, {}

    def step(self, action):
        reward = {"training": 1.0, "array": np.array([1.0]), "text": "x"}[self.regime]
        return self.observation_space.low, reward, True, False, {}


def with_evaluation(**env_config):
    config = {"env_config": {"dataset": "d"}, "evaluation_interval": 1}
    config["evaluation_config"] = {"env_config": env_config}
    return replace(experiment(**config), env=NeedsDataset)


def test_evaluation_has_the_options_of_training_too():
    merged = validate(with_evaluation(regime="training")).config.get_evaluation_config_object()
    assert merged.env_config == {"dataset": "d", "regime": "training"}


class Held(NeedsDataset):
    """An environment for evaluation alone."""


def test_evaluation_may_have_another_environment(refused):
    def evaluated_on(env, **env_config):
        base = with_evaluation(**env_config)
        evaluation = {**base.config["evaluation_config"], "env": env}
        return replace(base, config={**base.config, "evaluation_config": evaluation})

    merged = validate(evaluated_on(Held)).config.get_evaluation_config_object()
    assert (merged.env, merged.env_config) == (Held, {"dataset": "d"})
    where = "config.evaluation_config.env"
    assert refused(evaluated_on("CartPole-v9")).startswith(
        f"{where}: environment 'CartPole-v9' is not"
    )
    assert refused(evaluated_on(3)) == f"{where}: must be a name or a class path, got 3"
    message = refused(evaluated_on(Held, size=3))
    assert message.startswith(f"{where}: gives environment ")
    assert (
        refused(evaluated_on(Held, siz=3))
        == f"{where}_config.siz: is not an option of Held; did you mean 'size'?"
    )


@pytest.mark.parametrize(
    ("env_config", "parts"),
    [
        (
            {"regim": "training"},
            ["regim: is not an option of NeedsDataset; did you mean 'regime'?"],
        ),
        ({"regime": "array"}, ["the reward is array([1.]) of shape (1,), expected a number"]),
        ({"size": 3}, ["(3,)", "training has", "(2,)"]),
    ],
)
def test_what_only_evaluation_gets_wrong_is_named_as_its_own(refused, env_config, parts):
    message = refused(with_evaluation(**env_config))
    assert message.startswith("config.evaluation_config.env_config")
    assert all(part in message for part in parts), message


def test_what_only_both_together_get_wrong_is_named_as_the_evaluations(refused):
    evaluation = {"env_config": {"screen_size": 84}}
    request = experiment(model={"dim": 42}, evaluation_config=evaluation, evaluation_interval=1)
    message = refused(replace(request, env="ALE/Pong-v5"))
    assert message.startswith("config.evaluation_config: ")
    assert "model.dim 42 conflicts with env_config.screen_size 84" in message


@pytest.mark.parametrize(
    ("regime", "shown"), [("array", "array([1.]) of shape (1,)"), ("text", "'x'")]
)
def test_a_reward_that_is_no_number_is_named(refused, regime, shown):
    request = experiment(env_config={"dataset": "d", "regime": regime})
    message = refused(replace(request, env=NeedsDataset))
    assert message.endswith(f"the reward is {shown}, expected a number")
