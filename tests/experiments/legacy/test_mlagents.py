"""Trainer files of ML-Agents: every key is translated or refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.config.migrate import migrated
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.mlagents import DEFAULTS, KINDS
from rllib_zoo.experiments.validation.check import validate

FILE = Path(__file__).parent / "mlagents" / "3DBall.yaml"


@pytest.fixture
def read(tmp_path):
    """Read the course's file with changes: a dotted path below the behaviour → value, None: no key."""

    def reader(changes=None, *, sections=None, name="3DBall", drop=()):
        document = yaml.safe_load(FILE.read_text())
        settings = document["behaviors"].pop("3DBall")
        for path in drop:
            *parents, last = path.split(".")
            node = settings
            for part in parents:
                node = node[part]
            del node[last]
        for path, value in (changes or {}).items():
            *parents, last = path.split(".")
            node = settings
            for part in parents:
                node = node.setdefault(part, {})
            node[last] = value
        document["behaviors"][name] = settings
        document.update(sections or {})
        file = tmp_path / "trainer.yaml"
        file.write_text(yaml.safe_dump(document))
        return read_experiments(file)[0]

    return reader


def test_the_courses_file_translated():
    [experiment] = read_experiments(FILE)
    assert (experiment.name, experiment.algorithm, experiment.env) == ("3DBall", "PPO", "3DBall-v0")
    assert experiment.stop == {"timesteps_total": 48_000}  # four buffers; a fifth would pass 50,000
    assert (experiment.num_to_keep, experiment.checkpoint_frequency) == (5, 42)
    network = experiment.config.pop("model")["custom_model_config"]
    assert experiment.config == {
        "num_env_runners": 0,
        "num_envs_per_env_runner": 12,
        "rollout_fragment_length": 1000,
        "train_batch_size": 12_000,
        "minibatch_size": 64,
        "min_sample_timesteps_per_iteration": 12_000,
        "lr": [[0, 3e-4], [50_000, 1e-10]],
        "entropy_coeff": [[0, 1e-3], [50_000, 1e-5]],
        "clip_param": 0.2,
        "lambda": 0.99,
        "gamma": 0.99,
        "num_epochs": 3,
        "vf_clip_param": None,
        "vf_loss_coeff": 0.5,
        "use_kl_loss": False,
        "observation_filter": "MeanStdFilter",
    }
    assert network == {
        "encoder_hiddens": [128, 128],
        "policy_hiddens": [],
        "value_hiddens": [],
        "activation": "silu",
        "shared_encoder": False,
        "free_log_std": True,
        "log_std_init": -1.0986,
    }


def test_it_passes_the_checks_and_is_told_in_notes():
    [experiment] = read_experiments(FILE)
    assert validate(experiment).config.env == "3DBall-v0"
    notes = "\n".join(experiment.all_notes)
    for excerpt in (
        "hyperparameters.batch_size is minibatch_size",
        "threaded (sampling and learning alternate)",
        "max_steps: whole iterations within 50,000 steps",
        "hyperparameters.epsilon: constant; ML-Agents decreases it to 0.1",
    ):
        assert excerpt in notes


def test_every_key_of_the_file_is_in_a_note(read):
    """Nothing is swallowed: all keys the format has, with values that are accepted."""
    every = {path: DEFAULTS.get(path) for path in KINDS}
    every |= {
        "hyperparameters.batch_size": 64,
        "hyperparameters.beta_schedule": "constant",
        "hyperparameters.epsilon_schedule": "constant",
        "network_settings.vis_encode_type": "simple",
        "network_settings.goal_conditioning_type": "none",
        "network_settings.deterministic": False,
        "network_settings.max_num_agents": 4,
        "reward_signals.extrinsic.strength": 1.0,
        "threaded": False,
        "framework": "pytorch",
    }
    experiment = read(every, drop=["hyperparameters.lambda"])
    old_keys = {change.old for change in experiment.changes}
    assert old_keys == {*KINDS, None}


@pytest.mark.parametrize(
    ("path", "value", "key", "expected"),
    [
        ("hyperparameters.batch_size", 128, "minibatch_size", 128),
        ("hyperparameters.learning_rate_schedule", "constant", "lr", 3e-4),
        ("hyperparameters.beta_schedule", "constant", "entropy_coeff", 1e-3),
        ("hyperparameters.epsilon", 0.3, "clip_param", 0.3),
        ("hyperparameters.num_epoch", 5, "num_epochs", 5),
        ("network_settings.normalize", False, "observation_filter", "NoFilter"),
        ("reward_signals.extrinsic.gamma", 0.995, "gamma", 0.995),
        ("time_horizon", 100, "rollout_fragment_length", 100),
        ("summary_freq", 30_000, "min_sample_timesteps_per_iteration", 24_000),
    ],
)
def test_a_value_arrives(read, path, value, key, expected):
    assert read({path: value}).config[key] == expected


@pytest.mark.parametrize(
    ("changes", "option", "expected"),
    [
        ({"network_settings.hidden_units": 32}, "encoder_hiddens", [32, 32]),
        ({"network_settings.num_layers": 3}, "encoder_hiddens", [128] * 3),
        ({"hyperparameters.shared_critic": True}, "shared_encoder", True),
    ],
)
def test_the_network_follows(read, changes, option, expected):
    assert read(changes).config["model"]["custom_model_config"][option] == expected


def test_a_buffer_that_agents_do_not_fill_evenly_is_rounded_up_and_said(read):
    experiment = read({"hyperparameters.buffer_size": 10_240, "time_horizon": 64})
    assert experiment.config["train_batch_size"] == 14 * 12 * 64 == 10_752
    assert any("a multiple of 12 agents x 64 decisions" in note for note in experiment.all_notes)
    assert experiment.stop == {"timesteps_total": 4 * 10_752}


def test_a_horizon_longer_than_an_agents_share_is_cut(read):
    experiment = read({"hyperparameters.buffer_size": 2_400})
    assert experiment.config["rollout_fragment_length"] == 200
    assert experiment.config["train_batch_size"] == 2_400


def test_rows_and_budget_end_together(read):
    experiment = read({"max_steps": 500_000, "summary_freq": 50_000})
    row = experiment.config["min_sample_timesteps_per_iteration"]
    assert row == 48_000
    assert experiment.stop == {"timesteps_total": 480_000}
    assert experiment.checkpoint_frequency == round(500_000 / row)


def test_max_steps_may_be_written_as_a_number_with_a_dot(read):
    assert read({"max_steps": 5.0e4}).stop == {"timesteps_total": 48_000}


def test_silence_is_filled_with_ml_agents_defaults(tmp_path):
    file = tmp_path / "trainer.yaml"
    file.write_text("behaviors: {3DBall: {trainer_type: ppo}}")
    [experiment] = read_experiments(file)
    assert experiment.config["lambda"] == 0.95
    assert experiment.config["observation_filter"] == "NoFilter"
    assert any(note.startswith("ML-Agents' default") for note in experiment.all_notes)


def test_settings_for_all_behaviours_stand_behind_their_own(read):
    common = {"default_settings": {"hyperparameters": {"num_epoch": 7, "beta": 0.5}}}
    experiment = read(sections=common, drop=["hyperparameters.num_epoch"])
    assert experiment.config["num_epochs"] == 7
    assert experiment.config["entropy_coeff"][0] == [0, 0.001]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"hyperparameters.batchsize": 1},
            "behaviors.3DBall.hyperparameters.batchsize: is unknown; did you mean 'batch_size'?",
        ),
        (
            {"batch_size": 64},
            "behaviors.3DBall.batch_size: is unknown; it belongs to hyperparameters",
        ),
        ({"max_step": 1}, "behaviors.3DBall.max_step: is unknown; did you mean 'max_steps'?"),
        (
            {"trainer_type": "sac"},
            "behaviors.3DBall.trainer_type: must be one of ppo, got 'sac'; only ML-Agents' PPO is supported",
        ),
        (
            {"hyperparameters.epsilon": "0.2,"},
            "hyperparameters.epsilon: must be a number above 0, got '0.2,' (remove the quotes",
        ),
        ({"hyperparameters.lambd": 0.9}, "hyperparameters.lambda: is set twice, also as lambd"),
        (
            {"hyperparameters.lambda": 1.5},
            "hyperparameters.lambda: must be a number of at least 0 and",
        ),
        (
            {"hyperparameters": 3},
            "behaviors.3DBall.hyperparameters: must map keys to values, got 3",
        ),
        (
            {"network_settings.memory": {"memory_size": 8}},
            "use model: {use_lstm: true} in this project's format",
        ),
        ({"reward_signals.extrinsic.strength": 2.0}, "rewards are not scaled"),
        (
            {"reward_signals.curiosity": {}},
            "reward_signals.curiosity: is not supported; only extrinsic",
        ),
        ({"self_play": {"window": 10}}, "self_play: must be null, got {'window': 10}; self-play"),
        ({"init_path": "x.onnx"}, "use --restore with a checkpoint of this project"),
        ({"max_steps": 5_000}, "max_steps: is 5,000, fewer than the 12,000 steps of one batch"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(read, changes, line):
    with pytest.raises(RequestError) as error:
        read(changes)
    assert "trainer.yaml: " in str(error.value)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        ({"environment_parameters": {"mass": 2}}, "use --set env_config.mass="),
        ({"env_settings": {"seed": 1}}, "for a seed use --seeds"),
        ({"behaviours": {}}, "behaviours: is unknown; did you mean 'behaviors'?"),
        ({"behaviors": {}}, "behaviors: must map behaviors to settings"),
        (
            {"behaviors": {"3DBal": {}}},
            "behaviors.3DBal: has no environment here; did you mean '3DBall'",
        ),
        (
            {"behaviors": {"Walker": {}}},
            "behaviors.Walker: has no environment here; supported: 3DBall",
        ),
    ],
)
def test_sections_and_behaviours_are_refused_by_name(read, sections, line):
    with pytest.raises(RequestError) as error:
        read(sections=sections)
    assert line in str(error.value)


def test_set_works_over_it():
    from rllib_zoo.experiments.config.overrides import apply_overrides

    [experiment] = read_experiments(FILE, ["num_epochs=1"])
    assert apply_overrides(experiment, ["num_epochs=1"]).config["num_epochs"] == 1


def test_it_can_be_migrated():
    text = migrated(FILE)
    assert "batch_size is minibatch_size" in text
    entry = yaml.safe_load(text)["3DBall"]
    assert (entry["run"], entry["keep_checkpoints_num"]) == ("PPO", 5)
    assert entry["config"]["train_batch_size"] == 12_000


@pytest.mark.ray
def test_the_courses_file_trains(ray_session):
    """One buffer of 12 boards x 1,000 decisions, in larger minibatches than the file's, for time."""
    pytest.importorskip("mujoco", reason="the extra mujoco is not installed")
    from rllib_zoo.experiments.config.overrides import apply_overrides

    [experiment] = read_experiments(FILE)
    quicker = apply_overrides(experiment, ["minibatch_size=2000", "num_epochs=1", "seed=0"])
    algorithm = validate(quicker).config.build_algo()
    result = algorithm.train()
    assert algorithm.env_runner.env.num_envs == 12
    assert result["num_env_steps_sampled_lifetime"] == 12_000
    learned = result["learners"]["default_policy"]
    # A fraction of 12,000 / 50,000 of the way down, to 1e-5 and to 1e-10.
    assert learned["entropy_coeff"] == pytest.approx(1e-3 - 0.24 * (1e-3 - 1e-5))
    [lr] = algorithm.learner_group.foreach_learner(lambda learner: learner._current_lr())
    assert lr.get() == pytest.approx(3e-4 * 0.76, rel=1e-6)
    assert 0 < result["env_runners"]["episode_return_mean"] < 10
    algorithm.stop()
