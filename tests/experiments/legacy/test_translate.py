"""Legacy config files: what becomes of every kind of key, and what is refused."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from rllib_zoo.algorithms.base.schema import COMMON, own_keys
from rllib_zoo.envs import make_vector_env
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.envs import _RENAMED
from rllib_zoo.experiments.legacy.releases import OF_ALGORITHMS
from rllib_zoo.experiments.legacy.removed_keys import MODEL_REMOVED, REMOVED
from rllib_zoo.experiments.legacy.renamed_keys import RENAMED
from rllib_zoo.experiments.legacy.translate import current_result_name, translate
from rllib_zoo.experiments.spec.changes import summarize_changes
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate


def translated(run="PPO", env="CartPole-v1", stop=None, **config):
    """The translated entry of a legacy experiment."""
    entry = {"run": run, "env": env, "stop": stop or {"training_iteration": 1}, "config": config}
    return translate(entry, legacy=True)[0]


def config_of(run="PPO", env="CartPole-v1", **config):
    return translated(run, env, **config)["config"]


def refusal(**legacy_keys):
    with pytest.raises(RequestError) as caught:
        translated(**legacy_keys)
    return str(caught.value)


def test_a_current_file_is_left_alone():
    entry = {
        "run": "A2C",
        "env": "CartPole-v1",
        "stop": {"timesteps_total": 5},
        "config": {"num_env_runners": 0, "lr": 1e-3, "model": {"fcnet_hiddens": [8]}},
    }
    assert translate(entry) == (entry, [])
    assert translate(entry)[0] is not entry


def test_a_key_that_came_late_makes_no_file_legacy():
    config = {"lr": 1e-3, "log_gradients": True}
    new_entry, changes = translate({"run": "A2C", "env": "x", "stop": {"a": 1}, "config": config})
    assert new_entry["config"] == config
    assert not changes


@pytest.mark.parametrize("old", sorted(RENAMED))
def test_a_renamed_key_keeps_its_value(old):
    run = OF_ALGORITHMS.get(old, ("PPO",))[0]
    entry, changes = translate({"run": run, "env": "x", "stop": {"a": 1}, "config": {old: 10}})
    assert entry["config"][RENAMED[old]] == 10
    assert old not in entry["config"]
    assert f"{old} is {RENAMED[old]}" in summarize_changes(changes)[0]


def test_every_new_name_is_a_key_of_some_algorithm():
    current_keys = COMMON.keys() | {key for keys in own_keys().values() for key in keys}
    assert set(RENAMED.values()) <= current_keys


def test_no_removed_key_is_a_current_key():
    current_keys = COMMON.keys() | {key for keys in own_keys().values() for key in keys}
    assert not current_keys & REMOVED.keys()


@pytest.mark.parametrize("key", sorted(REMOVED))
def test_a_removed_key_is_reported(key):
    value = (REMOVED[key].values or (1,))[0]
    entry = {"run": "PPO", "env": "x", "stop": {"a": 1}, "config": {key: value}}
    new_entry, changes = translate(entry, legacy=True)
    assert key not in new_entry["config"]
    assert any(line.startswith("removed:") and key in line for line in summarize_changes(changes))


@pytest.mark.parametrize("key", [key for key, rule in REMOVED.items() if rule.values is not None])
def test_a_value_that_asks_for_what_is_missing_is_refused(key):
    assert REMOVED[key].refusal in refusal(**{key: {"something": "else"}})


def test_the_same_key_under_two_names_is_refused():
    assert "set twice" in refusal(num_workers=2, num_env_runners=3)
    assert config_of(num_workers=2, num_env_runners=2)["num_env_runners"] == 2


@pytest.mark.parametrize(
    "framework", ["tf", "tf2", "tfe", "torch", {"grid_search": ["tf", "torch"]}]
)
def test_every_framework_is_torch(framework):
    assert "framework" not in config_of(framework=framework)


def test_an_unknown_framework_is_refused():
    assert "only 'torch' is supported" in refusal(framework="jax")


@pytest.mark.parametrize(
    ("legacy_keys", "expected"),
    [
        ({"lr_schedule": [[0, 1e-3], [100, 0]]}, {"lr": [[0, 1e-3], [100, 0.0]]}),
        ({"lr_schedule": [[50, 1e-3], [100, 0]]}, {"lr": [[0, 1e-3], [50, 1e-3], [100, 0.0]]}),
        ({"lr": 7, "lr_schedule": [[0, 1], [9, 2]]}, {"lr": [[0, 1.0], [9, 2.0]]}),
        ({"lr": 1e-3, "lr_schedule": None}, {"lr": 1e-3}),
        (
            {"entropy_coeff": 0.02, "entropy_coeff_schedule": 500},
            {"entropy_coeff": [[0, 0.02], [500, 0.0]]},
        ),
        ({"entropy_coeff": -0.01}, {"entropy_coeff": 0.01}),
        (
            {"observation_filter": "ConcurrentMeanStdFilter"},
            {"observation_filter": "MeanStdFilter"},
        ),
        ({"batch_mode": "complete_episodes"}, {}),
        ({"batch_mode": "truncate_episodes"}, {"batch_mode": "truncate_episodes"}),
        ({"num_gpus": 1}, {"num_gpus_per_learner": 1}),
        ({"num_gpus": 0.5}, {"num_gpus_per_learner": 0.5}),
        ({"num_gpus": 4}, {"num_learners": 4, "num_gpus_per_learner": 1}),
        ({"num_gpus": 2, "_fake_gpus": True}, {}),
        ({"explore": "True,"}, {}),
        ({"exploration_config": {"type": "StochasticSampling"}}, {}),
        ({"evaluation_interval": 0}, {}),
        ({"vf_share_layers": True}, {"model": {"vf_share_layers": True}}),
        ({"model": {"custom_options": {"a": 1}}}, {"model": {"custom_model_config": {"a": 1}}}),
        (
            {"model": {"lstm_use_prev_action_reward": True}},
            {"model": {"lstm_use_prev_action": True, "lstm_use_prev_reward": True}},
        ),
        ({"lr": "1e-4", "kl_coeff": "1.0,"}, {"lr": 1e-4, "kl_coeff": 1.0}),
        ({"use_gae": "true,"}, {"use_gae": True}),
        ({"train_batch_size": {"eval": "5 * 1000"}}, {"train_batch_size": 5000}),
        ({"lr": {"grid_search": ["1e-3", 1e-3, "1e-4"]}}, {"lr": {"grid_search": [1e-3, 1e-4]}}),
        ({"evaluation_config": {"num_workers": 1}}, {"evaluation_config": {"num_env_runners": 1}}),
        ({"horizon": 50}, {"env_config": {"max_episode_steps": 50}}),
        ({"horizon": None}, {}),
        ({"use_gae": False}, {"lambda": 1.0}),
        ({"optimizer": {"grads_per_step": 100}}, {}),
        ({"optimizer": {}}, {}),
        ({"use_shared_vf": True}, {"model": {"vf_share_layers": True}}),
        ({"vf_clip_param": float("inf")}, {"vf_clip_param": None}),
        ({"evaluation_duration": "auto"}, {}),
        ({"evaluation_duration": 50, "evaluation_duration_unit": "timesteps"}, {}),
        ({"evaluation_config": {"env": "CartPole-v1"}}, {"evaluation_config": {}}),
        ({"multiagent": {"policy_graphs": {}, "policy_mapping_fn": None}}, {}),
        ({"callbacks": {"on_episode_end": None}}, {}),
        ({"num_gpus": 0, "num_gpus_per_learner_worker": 1}, {"num_gpus_per_learner": 1}),
        ({"vtrace": False}, {}),
        ({"model": {"max_seq_len": 9, "lstm_cell_size": 8}}, {"model": {}}),
        ({"model": {"fcnet_bias_initializer": "zeros_"}}, {"model": {}}),
        ({"model": {"squash_to_range": True}}, {"normalize_actions": True, "model": {}}),
        ({"model": {"no_framestack": True}}, {"model": {}}),
        (
            {"model_config_dict": {"fcnet_hiddens": [4], "uses_new_env_runners": True}},
            {"model": {"fcnet_hiddens": [4]}},
        ),
        ({"preprocessing": {"dim": 42, "channel_major": True}}, {"model": {"dim": 42}}),
        (
            {"model_config_dict": {"head_fcnet_hiddens": [4], "head_fcnet_activation": "relu"}},
            {"model": {"post_fcnet_hiddens": [4]}},
        ),
    ],
)
def test_values(legacy_keys, expected):
    release = ("preprocessing",)  # of Ray 0.4, whose defaults come on top
    new_config = config_of(**legacy_keys)
    assert new_config == expected or (
        set(legacy_keys) & set(release) and new_config["model"] == expected["model"]
    )


@pytest.mark.parametrize(("run", "weight"), [("A2C", 0.01), ("A3C", 0.01), ("PPO", 0.0)])
def test_a_schedule_that_is_a_step_starts_at_the_algorithms_weight(run, weight):
    new_config = config_of(run, entropy_coeff_schedule=500, num_workers=1)
    assert new_config["entropy_coeff"] == [[0, weight], [500, 0.0]]


@pytest.mark.parametrize(
    ("legacy_keys", "message"),
    [
        ({"exploration_config": {"type": "EpsilonGreedy"}}, "EpsilonGreedy is not supported"),
        ({"multiagent": {"policies": {"a": None}}}, "multi-agent training is not supported"),
        ({"input": "dataset"}, "offline data is not supported"),
        ({"lr": {"eval": "random.uniform(1e-4, 1e-3)"}}, "is code"),
        ({"lr": {"eval": "9 ** 9 ** 9"}}, "is code"),
        ({"lr": {"eval": "__import__('os')"}}, "is code"),
        ({"env": "HalfCheetahBulletEnv-v0"}, "incompatible with gymnasium"),
        ({"vtrace": True}, "V-trace is not supported"),
        ({"env": "envs.probes.ConstantReward", "horizon": 9}, "gymnasium.wrappers.TimeLimit"),
        ({"env_to_module_connector": len}, "connectors are not supported"),
        ({"callbacks": {"on_episode_end": len}}, "a dictionary of functions is not supported"),
        ({"evaluation_config": {"env": "Acrobot-v1"}}, "must be the environment of training"),
        ({"model": {"dim": 4}, "model_config": {"dim": 8}}, "set twice, also in model"),
        ({"model_config": 7}, "must map keys"),
        ({"rl_module_spec": 7}, "RLModules are not supported"),
        ({"run": "DQN", "apex_optimizer": True}, "Ape-X is not supported"),
        ({"run": "DQN", "rmsprop": True}, "optimizer is Adam"),
        ({"run": "DQN", "observation_filter": "MeanStdFilter"}, "has no observation filter"),
        ({"run": "DQN", "model": {"use_lstm": True}}, "recurrent DQN is not supported"),
        (
            {"env": "ray.rllib.examples.env.unity3d_env.Unity3DEnv"},
            "removed RLlib's Unity environments",
        ),
    ],
)
def test_what_is_gone_is_refused(legacy_keys, message):
    assert message in refusal(**legacy_keys)


def test_environments():
    assert translated(env="Pendulum-v0")["env"] == "Pendulum-v1"
    assert translated(env="HalfCheetah-v2")["env"] == "HalfCheetah-v5"
    moved = translated(env="ray.rllib.examples.env.repeat_after_me_env.RepeatAfterMeEnv")["env"]
    assert moved == "ray.rllib.examples.envs.classes.repeat_after_me_env.RepeatAfterMeEnv"
    game = translated(env="PongNoFrameskip-v4")
    assert game["env"] == "ALE/Pong-v5"
    assert game["config"]["env_config"] == {
        "frameskip": 4,
        "repeat_action_probability": 0.0,
        "terminal_on_life_loss": True,
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LunarLander-v2", "LunarLander-v3"),
        ("BipedalWalker-v2", "BipedalWalker-v3"),
        ("FrozenLake-v0", "FrozenLake-v1"),
        ("Taxi-v2", "Taxi-v3"),
    ],
)
def test_ids_of_an_older_version(old, new):
    entry, changes = translate({"run": "PPO", "env": old, "stop": {"a": 1}, "config": {}})
    assert entry["env"] == new
    assert f"{old} is replaced by {new}" in " ".join(summarize_changes(changes))


def test_every_renamed_id_is_registered():
    assert all(new in gym.registry for new in _RENAMED.values())


def test_a_horizon_never_makes_episodes_longer():
    assert config_of(env="CartPole-v0", horizon=150) == {"env_config": {"max_episode_steps": 150}}
    for steps in (200, 5000):
        assert config_of(env="CartPole-v0", horizon=steps) == {}
    both = {"grid_search": ["CartPole-v0", "CartPole-v1"]}
    assert config_of(env=both, horizon=500) == {}
    assert "end sooner" in refusal(env=both, horizon=300)


def test_a_grid_of_environments():
    grid = {"grid_search": ["PongNoFrameskip-v4", "BreakoutNoFrameskip-v4"]}
    assert translated(env=grid)["env"] == {"grid_search": ["ALE/Pong-v5", "ALE/Breakout-v5"]}
    mixed = {"grid_search": ["SpaceInvadersDeterministic-v4", "PongDeterministic-v4"]}
    assert "need different options" in refusal(env=mixed)


def test_the_legacy_preprocessor_stacks_nothing():
    config = config_of(env="PongDeterministic-v4", preprocessor_pref="rllib")
    assert config["env_config"]["stack_size"] == 1
    assert config["clip_rewards"] is False
    assert "preprocessor_pref" not in config


def test_current_ids_are_wrapped_as_the_legacy_ones():
    legacy_keys = {"num_workers": 1, "rollout_fragment_length": 20}
    lone = config_of("A3C", env="ALE/Pong-v5", preprocessor_pref="rllib", **legacy_keys)
    assert lone["env_config"] == {"stack_size": 1, "noop_max": 0, "use_fire_reset": False}
    assert lone["clip_rewards"] is False
    wrapped = config_of("PPO", env="ALE/Breakout-v5", **legacy_keys)
    assert wrapped["env_config"] == {"terminal_on_life_loss": True}
    own = config_of(
        "PPO", env="ALE/Pong-v5", env_config={"terminal_on_life_loss": False}, **legacy_keys
    )
    assert own["env_config"] == {"terminal_on_life_loss": False}
    assert "env_config" not in config_of("DQN", env="ALE/Pong-v5", **legacy_keys)


def test_the_wrappers_skipped_frames_where_the_game_did_not():
    config = config_of(env="ALE/Pong-v5", env_config={"frameskip": 1}, num_workers=1)
    assert config["env_config"]["frameskip"] == 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("episode_reward_mean", "episode_reward_mean"),
        ("sampler_results/episode_reward_mean", "env_runners/episode_return_mean"),
        ("evaluation/episode_reward_mean", "evaluation/env_runners/episode_return_mean"),
        (
            "evaluation/sampler_results/episode_reward_max",
            "evaluation/env_runners/episode_return_max",
        ),
        ("info/num_steps_sampled", "num_env_steps_sampled_lifetime"),
        ("timesteps_total", "timesteps_total"),
        ("env_runner_results/episode_return_mean", "env_runners/episode_return_mean"),
        (
            "evaluation_results/env_runner_results/episode_return_mean",
            "evaluation/env_runners/episode_return_mean",
        ),
        ("learners/default_policy/entropy", "learners/default_policy/entropy"),
    ],
)
def test_results_that_stop_a_run(old, new):
    assert current_result_name(old) == new


def test_without_a_rule_it_runs_until_interrupted():
    entry, changes = translate({"run": "PPO", "env": "CartPole-v1", "config": {"num_workers": 0}})
    assert entry["stop"] == {"time_total_s": 365 * 24 * 3600}
    assert any("until you interrupt it" in line for line in summarize_changes(changes))


def test_experiment_keys():
    entry, _ = translate(
        {
            "alg": "PPO",
            "env": "CartPole-v1",
            "repeat": 3,
            "trial_resources": {"cpu": 2},
            "sync_config": {"upload_dir": "/somewhere"},
            "stop": {"training_iteration": 1},
        }
    )
    assert entry == {
        "run": "PPO",
        "env": "CartPole-v1",
        "num_samples": 3,
        "storage_path": "/somewhere",
        "stop": {"training_iteration": 1},
    }


def test_a2c_behaves_as_its_sums_did():
    config = config_of("A2C", num_workers=0, train_batch_size=40, grad_clip=20.0)
    assert config["grad_clip"] == pytest.approx(0.5)
    assert config["optimizer"] == {"type": "adam", "epsilon": pytest.approx(2.5e-10)}
    assert config["lr"] == 1e-4
    assert config["num_envs_per_env_runner"] == 1


def test_a3c_divides_by_the_steps_of_one_gradient():
    config = config_of("A3C", num_workers=4, num_envs_per_worker=3, rollout_fragment_length=20)
    assert config["grad_clip"] == pytest.approx(40 / 60)


def test_a3c_without_runners_gets_one():
    entry, changes = translate(
        {"run": "A3C", "env": "CartPole-v1", "config": {"num_workers": 0}, "stop": {"a": 1}}
    )
    assert entry["config"]["num_env_runners"] == 1
    assert any(
        "A3C computes its gradients in env runners" in line for line in summarize_changes(changes)
    )


@pytest.mark.parametrize(
    ("run", "legacy_keys", "batch"),
    [
        ("PPO", {"num_workers": 32, "num_envs_per_worker": 5, "rollout_fragment_length": 20}, 6400),
        ("PPO", {"num_workers": 2, "num_envs_per_worker": 20}, 5000),
        ("PPO", {"num_workers": 3, "rollout_fragment_length": 2000}, 5001),
        ("A2C", {"num_workers": 5, "num_envs_per_worker": 5, "rollout_fragment_length": 20}, 5000),
        ("A2C", {"num_workers": 4, "rollout_fragment_length": 3000}, 12000),
    ],
)
def test_batches_are_what_the_rounds_collected(run, legacy_keys, batch):
    assert config_of(run, train_batch_size=5000, **legacy_keys)["train_batch_size"] == batch


def test_only_later_releases_shortened_fragments_longer_than_a_batch():
    legacy_keys = {"num_workers": 4, "rollout_fragment_length": 100, "train_batch_size": 200}
    later = config_of("PPO", **legacy_keys)
    assert (later["rollout_fragment_length"], later["train_batch_size"]) == ("auto", 200)
    before = config_of("PPO", use_pytorch=True, **legacy_keys)
    assert (before["rollout_fragment_length"], before["train_batch_size"]) == (100, 400)


@pytest.mark.parametrize(
    ("marker", "batch"),
    [("sample_async", 32), ("timesteps_per_iteration", 200), ("use_pytorch", 200)],
)
def test_defaults_follow_the_release(marker, batch):
    legacy_keys = {marker: 1000 if "per" in marker else True, "num_workers": 0}
    assert config_of("A2C", **legacy_keys)["train_batch_size"] == batch


def test_what_was_translated_passes_the_checks():
    entry = translated(
        "A2C",
        num_workers=2,
        framework="tf",
        rollout_fragment_length=20,
        microbatch_size=40,
        train_batch_size=120,
        model={"fcnet_hiddens": [8], "squash_to_range": False},
    )
    experiment = Experiment("x", entry["run"], entry["env"], entry["config"], entry["stop"])
    assert validate(experiment).config.train_batch_size == 120


def test_dqn_of_ray_0():
    new_config = config_of(
        "DQN",
        sample_batch_size=8,
        grad_norm_clipping=10,
        exploration_final_eps=0.1,
        exploration_fraction=0.5,
        schedule_max_timesteps=1000,
        optimizer_class="SyncReplayOptimizer",
        soft_q=False,
        parameter_noise=False,
        max_weight_sync_delay=4,
    )
    assert new_config == {
        "rollout_fragment_length": 8,
        "grad_clip": 10,
        "epsilon": [[0, 1.0], [500, 0.1]],
    }


def test_dqn_of_ray_0_without_a_fragment_had_4_steps():
    assert config_of("DQN", use_pytorch=True, n_step=2)["rollout_fragment_length"] == 4
    assert config_of("DQN", use_pytorch=True, n_step=6)["rollout_fragment_length"] == 6


@pytest.mark.parametrize(
    ("legacy_keys", "schedule"),
    [
        ({"initial_epsilon": 1.5, "final_epsilon": 0.5}, [[0, 1.0], [50, 1.0], [100, 0.5]]),
        ({"warmup_timesteps": 7, "final_epsilon": 0}, [[0, 1.0], [7, 1.0], [107, 0.0]]),
        ({"initial_epsilon": 0.5, "final_epsilon": 0}, [[0, 0.5], [100, 0.0]]),
    ],
)
def test_schedules_of_dqn(legacy_keys, schedule):
    assert config_of("DQN", exploration_config={"epsilon_timesteps": 100, **legacy_keys})[
        "epsilon"
    ] == (schedule)


def test_a_softmax_of_ray_0():
    new_config = config_of("DQN", soft_q=True, softmax_temp=0.5)
    assert new_config["exploration_temperature"] == 0.5
    assert "soft_q" not in new_config


def test_dqn_of_rllibs_newer_model():
    new_config = config_of(
        "DQN",
        model_config_dict={
            "fcnet_hiddens": [8],
            "head_fcnet_hiddens": [4],
            "vf_share_layers": True,
        },
        epsilon=[[0, 1.0], [10, 0.1]],
    )
    assert new_config["model"] == {"fcnet_hiddens": [8]}
    assert (new_config["hiddens"], new_config["epsilon"]) == ([4], [[0, 1.0], [10, 0.1]])


def test_ray_0_4_had_other_defaults():
    new_config = config_of("PPO", timesteps_per_batch=1000, num_workers=1)
    assert new_config["train_batch_size"] == 1000
    assert (new_config["gamma"], new_config["vf_clip_param"]) == (0.995, 0.3)
    assert new_config["observation_filter"] == "MeanStdFilter"
    later = config_of("PPO", timesteps_per_batch=1000, sample_batch_size=200, num_workers=1)
    assert "gamma" not in later


def test_ray_0_4_showed_one_screen_unless_to_dqn():
    new_config = config_of("A3C", env="PongDeterministic-v4", batch_size=20, num_workers=1)
    assert new_config["env_config"]["stack_size"] == 1
    assert new_config["model"]["dim"] == 80
    assert new_config["model"]["conv_filters"][-1] == [512, [10, 10], 1]
    wrapped = config_of("DQN", env="PongDeterministic-v4", batch_size=20)
    assert "stack_size" not in wrapped["env_config"]
    assert "preprocessor_pref" not in config_of("A3C", batch_size=20)


@pytest.mark.parametrize("old", ["Pong-ram-v0", "Pong-ramDeterministic-v4"])
@pytest.mark.parametrize("sign", ["batch_size", "num_envs_per_worker"])
def test_games_seen_as_ram_are_refused_in_one_line(old, sign):
    assert old in refusal(run="A3C", env=old, **{sign: 20})


def test_a_game_without_a_stack():
    for model, size in (
        ({"framestack": False}, 1),
        ({"no_framestack": True}, 1),
        ({"num_framestacks": 0}, 1),
        ({"num_framestacks": 2}, 2),
        ({"num_framestacks": "auto"}, None),
        ({"framestack": True}, None),
    ):
        new_config = config_of(env="PongNoFrameskip-v4", model=model)
        assert new_config["env_config"].get("stack_size") == size


def test_defaults_written_down_ask_for_nothing():
    new_config = config_of(
        "DQN",
        model={"use_attention": False, "attention_dim": 64, "custom_model": None},
        multiagent={"policies": {}},
        store_buffer_in_checkpoints=False,
        num_epochs=1,
        framework_str="tf",
        input_read_method="read_parquet",
    )
    assert new_config == {"model": {}, "epsilon": [[0, 1.0], [10_000, 0.02]]}


def test_an_environment_named_nowhere_in_config_stays():
    entry = {"run": "PPO", "env": "CartPole-v1", "config": {"env": None, "num_workers": 0}}
    new_entry, _ = translate(entry)
    assert new_entry["env"] == "CartPole-v1"
    assert "env" not in new_entry["config"]


def test_a_batch_per_learner_is_whole_rounds_too():
    legacy_keys = {"num_workers": 2, "num_envs_per_worker": 20, "train_batch_size_per_learner": 512}
    new_config = config_of(**legacy_keys)
    assert new_config["train_batch_size_per_learner"] == 520
    assert "train_batch_size" not in new_config


def test_removed_model_keys_are_reported():
    for key, rule in MODEL_REMOVED.items():
        value = (rule.values or (1,))[0]
        assert "model" not in config_of(model={key: value}) or key not in config_of(
            model={key: value}
        ).get("model", {})


def notes_of(run, env="CartPole-v1", **config):
    entry = {"run": run, "env": env, "stop": {"training_iteration": 1}, "config": config}
    return " ".join(summarize_changes(translate(entry, legacy=True)[1]))


def test_nothing_is_removed_that_was_not_set():
    notes = notes_of("A3C", env="PongDeterministic-v4", batch_size=20, num_workers=1)
    assert "preprocessor_pref" not in notes


def test_pg_has_no_critic_to_bootstrap_with():
    legacy_keys = {"rollout_fragment_length": 50, "num_workers": 0}
    assert "count as 0" in notes_of("PG", batch_mode="complete_episodes", **legacy_keys)
    for run, legacy_keys in (
        ("A2C", {}),
        ("PG", {"use_critic": True, "rollout_fragment_length": 50}),
    ):
        message = notes_of(run, batch_mode="complete_episodes", num_workers=0, **legacy_keys)
        assert "bootstrapped with the critic" in message


def test_pg_keeps_whole_episodes():
    legacy_keys = {"batch_mode": "complete_episodes", "num_workers": 0}
    entry, changes = translate(
        {"run": "PG", "env": "CartPole-v1", "config": legacy_keys}, legacy=True
    )
    assert entry["config"]["batch_mode"] == "complete_episodes"
    assert "batch_mode" not in " ".join(summarize_changes(changes))


EXAMPLES = "ray.rllib.examples.envs.classes."


def test_a_horizon_limits_rllibs_own_example_environments():
    new = translated(env="ray.rllib.examples.env.simple_corridor.SimpleCorridor", horizon=5)
    assert new["env"] == f"{EXAMPLES}simple_corridor.SimpleCorridor"
    options = {"corridor_length": 9, **new["config"]["env_config"]}
    vector = make_vector_env(new["env"], 2, options)
    vector.reset(seed=0)
    ends = [vector.step(np.array([1, 1]))[2:4] for _ in range(5)]
    assert [truncated.tolist() for _, truncated in ends] == [[False] * 2] * 4 + [[True] * 2]
    assert not any(terminated.any() for terminated, _ in ends)


def test_an_example_environment_that_is_a_function():
    old = "ray.rllib.examples.env.transformed_action_space_env.TransformedActionPendulum"
    new = translated(env=old, env_config={"low": 300.0, "high": 500.0})
    vector = make_vector_env(new["env"], 3, new["config"]["env_config"])
    space = vector.action_space
    assert (space.low.tolist(), space.high.tolist()) == ([[300.0]] * 3, [[500.0]] * 3)


def detected(run, **config):
    """The translated configuration of an entry whose release only its keys tell."""
    entry = {"run": run, "env": "CartPole-v1", "stop": {"a": 1}, "config": config}
    return translate(entry)[0]["config"]


@pytest.mark.parametrize(
    ("run", "config", "first", "second", "hint"),
    [
        ("A3C", {"batch_size": 64, "num_env_runners": 2}, "batch_size", "num_env_runners",
         "Stable-Baselines3"),
        ("A2C", {"devices": ["/cpu:0"], "num_learners": 1}, "devices", "num_learners", None),
        ("PPO", {"sample_batch_size": 9, "minibatch_size": 3}, "sample_batch_size", "minibatch_size",
         "use rollout_fragment_length"),
        ("PPO", {"use_pytorch": True, "num_rollout_workers": 3}, "use_pytorch", "num_rollout_workers",
         None),
        ("PPO", {"timesteps_per_iteration": 9, "num_env_runners": 2}, "timesteps_per_iteration",
         "num_env_runners", "use min_sample_timesteps_per_iteration"),
    ],
)  # fmt: skip
def test_keys_that_no_release_had_together_are_refused_by_name(run, config, first, second, hint):
    with pytest.raises(RequestError) as caught:
        detected(run, **config)
    assert caught.value.key == f"config.{first}"
    assert second in str(caught.value)
    assert (hint or "") in str(caught.value.hint or "")


def test_another_librarys_word_is_no_evidence_of_an_old_release():
    config = {"batch_size": 64, "lr": 1e-3}
    assert detected("PPO", **config) == config
    assert detected("PPO", num_workers=2, **config)["batch_size"] == 64
    # Of A3C it was a key of Ray 0.4.
    assert detected("A3C", **config)["rollout_fragment_length"] == 64


def test_a_legacy_name_in_a_file_of_current_keys_is_only_renamed():
    config = {"num_env_runners": 2, "num_gpus": 1, "grad_clip": 40.0}
    renamed = {"num_env_runners": 2, "num_gpus_per_learner": 1, "grad_clip": 40.0}
    assert detected("A2C", **config) == renamed
    # Without the current key: the defaults of Ray 2, and the summed loss's bound.
    del config["num_env_runners"]
    assert detected("A2C", **config)["grad_clip"] == 40.0 / 32


def test_options_do_not_date_a_file(tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text(
        "x:\n  run: PPO\n  env: CartPole-v1\n  stop: {a: 1}\n  config: {sgd_stepsize: 1}\n"
    )
    (experiment,) = read_experiments(file, ["num_env_runners=0"])
    assert experiment.config["num_env_runners"] == 0
    assert experiment.config["gamma"] == 0.995  # of Ray 0.4
