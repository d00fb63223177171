"""From files to experiments: spellings, refusals, and who wins over whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from rllib_zoo.experiments.config.from_options import (
    experiment_from_options,
    experiments_from_files,
    with_options,
)
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.translate import translate
from rllib_zoo.experiments.options import FileOptions, LaunchOptions, TrainOptions
from rllib_zoo.experiments.validation.names import check_names

NAMELESS = (
    "has no experiment name: {} and the other keys must be below one; indent them below a first line "
    "such as my-experiment:"
)


@pytest.fixture
def read(tmp_path):
    """Read one experiment ``x`` whose keys are given as YAML lines."""

    def read_one(*lines):
        file = tmp_path / "file.yaml"
        file.write_text("x:\n" + "".join(f"  {line}\n" for line in lines))
        (experiment,) = read_experiments(file)
        return experiment

    return read_one


@pytest.fixture
def refusal(read, tmp_path):
    """The message on such a file, after the file's name."""

    def message(*lines):
        with pytest.raises(RequestError) as caught:
            read(*lines)
        prefix, rest = str(caught.value).split(": ", 1)
        assert prefix == str(tmp_path / "file.yaml")
        return rest

    return message


MINIMAL = ("run: PPO", "env: CartPole-v1")


def test_what_is_not_said_stays_unsaid(read):
    experiment = read(*MINIMAL)
    assert (experiment.name, experiment.algorithm, experiment.env) == ("x", "PPO", "CartPole-v1")
    assert (experiment.config, experiment.stop, experiment.num_samples) == ({}, {}, 1)
    unsaid = (
        "checkpoint_frequency",
        "checkpoint_at_end",
        "num_to_keep",
        "score_attribute",
        "score_order",
        "storage_path",
        "max_failures",
        "time_budget_s",
    )
    assert [getattr(experiment, name) for name in unsaid] == [None] * len(unsaid)


def test_every_experiment_key(read):
    experiment = read(
        *MINIMAL,
        "num_samples: 3",
        "storage_path: /results",
        "max_failures: 2",
        "time_budget_s: 60",
        "config: {lr: 1e-3}",
        "stop: {timesteps_total: 1e5}",
    )
    assert (experiment.num_samples, experiment.storage_path, experiment.max_failures) == (
        3,
        "/results",
        2,
    )
    assert experiment.time_budget_s == 60
    assert (experiment.config, experiment.stop) == ({"lr": 1e-3}, {"timesteps_total": 1e5})


def test_checkpoint_config(read):
    experiment = read(
        *MINIMAL,
        "checkpoint_config: {checkpoint_frequency: 5, checkpoint_at_end: false, num_to_keep: 2, "
        "checkpoint_score_attribute: episode_reward_mean, checkpoint_score_order: min}",
    )
    assert (
        experiment.checkpoint_frequency,
        experiment.checkpoint_at_end,
        experiment.num_to_keep,
    ) == (5, False, 2)
    assert (experiment.score_attribute, experiment.score_order) == ("episode_reward_mean", "min")


def test_legacy_checkpoint_spellings(read):
    experiment = read(
        *MINIMAL,
        "checkpoint_freq: 5",
        "checkpoint_at_end: false",
        "keep_checkpoints_num: 2",
        "checkpoint_score_attr: min-episode_len_mean",
        "local_dir: /old",
    )
    assert (
        experiment.checkpoint_frequency,
        experiment.checkpoint_at_end,
        experiment.num_to_keep,
    ) == (5, False, 2)
    assert (experiment.score_attribute, experiment.score_order) == ("episode_len_mean", "min")
    assert experiment.storage_path == "/old"


def test_min_prefix_inside_checkpoint_config(read):
    experiment = read(
        *MINIMAL, "checkpoint_config: {checkpoint_score_attribute: min-episode_len_mean}"
    )
    assert (experiment.score_attribute, experiment.score_order) == ("episode_len_mean", "min")


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        (
            "checkpoint_freq: 1",
            "checkpoint_config: {checkpoint_frequency: 1}",
            "checkpoint_config.checkpoint_frequency",
        ),
        (
            "checkpoint_config: {num_to_keep: 1}",
            "keep_checkpoints_num: 1",
            "keep_checkpoints_num",
        ),
        ("storage_path: /a", "local_dir: /b", "local_dir"),
    ],
)
def test_one_field_under_two_spellings(refusal, first, second, key):
    message = refusal(*MINIMAL, first, second)
    assert message == f"{key}: is set twice, by two keys of the same meaning"


def test_env_inside_config(read):
    experiment = read("run: PPO", "config: {env: CartPole-v1, lr: 1e-3}")
    assert (experiment.env, experiment.config) == ("CartPole-v1", {"lr": 1e-3})


def test_env_in_both_places(read, refusal):
    assert read(*MINIMAL, "config: {env: CartPole-v1}").config == {}
    message = refusal(*MINIMAL, "config: {env: Acrobot-v1}")
    assert message == "config.env: contradicts the experiment's env"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("env: CartPole-v1",), "run: is missing; for example run: PPO"),
        (("run: null", "env: CartPole-v1"), "run: is missing; for example run: PPO"),
        (("run: PPO",), "env: is missing; for example env: CartPole-v1"),
        ((*MINIMAL, "stopp: {}"), "stopp: is unknown; did you mean 'stop'?"),
        (
            (*MINIMAL, "checkpoint_confg: {}"),
            "checkpoint_confg: is unknown; did you mean 'checkpoint_config'?",
        ),
        ((*MINIMAL, "zzz: 1"), "zzz: is unknown"),
        ((*MINIMAL, "5: 1"), "5: is unknown"),
        (
            (*MINIMAL, "checkpoint_config: {checkpoint_freq: 1}"),
            "checkpoint_config.checkpoint_freq: is unknown; did you mean 'checkpoint_frequency'?",
        ),
        ((*MINIMAL, "checkpoint_config: 5"), "checkpoint_config: must map keys to values, got 5"),
        ((*MINIMAL, "config: [1]"), "config: must map keys to values, got [1]"),
        ((*MINIMAL, "config:"), "config: must map keys to values, got None"),
        ((*MINIMAL, "stop: 5"), "stop: must map keys to values, got 5"),
    ],
)
def test_refusals(refusal, lines, message):
    assert refusal(*lines) == message


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("x: PPO", "x: must map keys such as run, env and config, got 'PPO'"),
        ("x:", "x: must map keys such as run, env and config, got None"),
        ("run: PPO\nenv: CartPole-v1", NAMELESS.format("run")),
        ("algorithm: PPO\nstop: {a: 1}\nconfig: {env: x, lr: 1}", NAMELESS.format("algorithm")),
        ("env: CartPole-v1\nnum_workers: 2\nlr: 1.0e-3", NAMELESS.format("env")),
        ("config: {lr: 1}\nstop: {a: 1}", NAMELESS.format("config")),
        (
            "default: {trainer: ppo, batch_size: 1024}\n3DBall: {normalize: true}",
            "default.trainer: is a key of ML-Agents before its release 4 (0.18), whose files are not "
            "supported; python -m mlagents.trainers.upgrade_config of those releases writes 'behaviors:'",
        ),
        ("x: {run: PPO, env: a, lr: 1}", "lr: is unknown; it belongs below config: config.lr"),
        (
            "x: {run: PPO, env: a, batch_size: 64}",
            "batch_size: is unknown; use minibatch_size; in Stable-Baselines3 the steps of one gradient, "
            "in CleanRL those of all environments",
        ),
        (
            "x: {run: PPO, env: a, n_envs: 8}",
            "n_envs: is unknown; use num_envs_per_env_runner; counted per env runner, of which there "
            "are num_env_runners",
        ),
        (
            "x: {run: PPO, n_envs: 8}\ngamma: {run: PPO, env: a}",
            "x.n_envs: is unknown; use num_envs_per_env_runner; counted per env runner, of which there "
            "are num_env_runners\n{file}: x.env: is missing; for example env: CartPole-v1",
        ),
        ("a/b: {}", "a/b: 'a/b' cannot name an experiment: it is not a valid folder name"),
        ("..: {}", "..: '..' cannot name an experiment: it is not a valid folder name"),
        ("'': {}", "'' cannot name an experiment: it is not a valid folder name"),
        ("5: {}", "5: 5 cannot name an experiment: it is not a valid folder name"),
    ],
)
def test_entries_that_are_no_experiments(tmp_path, document, message):
    file = tmp_path / "file.yaml"
    file.write_text(document)
    with pytest.raises(RequestError) as caught:
        read_experiments(file)
    assert str(caught.value) == f"{file}: {message.replace('{file}', str(file))}"


def test_an_experiment_may_be_named_like_a_key(tmp_path):
    file = tmp_path / "ablation.yaml"
    file.write_text("lr: {run: PPO, env: a}\nseeds: {algorithm: PPO, env: a}")
    with pytest.raises(
        RequestError, match=r"ablation.yaml: seeds.algorithm: is unknown; did you mean 'run'"
    ):
        read_experiments(file)
    file.write_text("lr: {run: PPO, env: a}\nenv: {run: A2C, env: a}")
    assert [experiment.name for experiment in read_experiments(file)] == ["lr", "env"]


OWN = (
    "checkpoint_freq: 7",
    "checkpoint_at_end: false",
    "keep_checkpoints_num: 4",
    "checkpoint_score_attr: min-episode_len_mean",
    "storage_path: /file",
    "num_samples: 2",
    "stop: {training_iteration: 9}",
    "config: {lr: 1e-3}",
)


def test_options_not_given_change_nothing(read):
    experiment = read(*MINIMAL, *OWN)
    assert with_options(experiment, LaunchOptions()) == experiment


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"checkpoint_freq": 0}, {"checkpoint_frequency": 0}),
        ({"checkpoint_at_end": True}, {"checkpoint_at_end": True}),
        ({"keep_checkpoints_num": 1}, {"num_to_keep": 1}),
        (
            {"checkpoint_score_attr": "episode_reward_mean"},
            {"score_attribute": "episode_reward_mean", "score_order": "max"},
        ),
        (
            {"checkpoint_score_attr": "min-training_iteration"},
            {"score_attribute": "training_iteration", "score_order": "min"},
        ),
        ({"storage_path": "/option"}, {"storage_path": "/option"}),
        ({"local_dir": "/option"}, {"storage_path": "/option"}),
        ({"upload_dir": "/option"}, {"storage_path": "/option"}),
        ({"num_samples": 5}, {"num_samples": 5}),
        ({"experiment_name": "y"}, {"name": "y"}),
        ({"stop": ["timesteps_total=50000"]}, {"stop": {"timesteps_total": 50_000}}),
        (
            {"set_": ["lr=1e-4", "stop.time_total_s=5"]},
            {"config": {"lr": 1e-4}, "stop": {"training_iteration": 9, "time_total_s": 5}},
        ),
        (
            {"stop": ['{"timesteps_total": 1}'], "set_": ["stop.timesteps_total=2"]},
            {"stop": {"timesteps_total": 2}},
        ),
    ],
)
def test_given_options_win_over_the_file(read, options, changed):
    experiment = read(*MINIMAL, *OWN)
    got = with_options(experiment, LaunchOptions(**options))
    assert vars(got) == {**vars(experiment), **changed}
    assert experiment == read(*MINIMAL, *OWN)


def test_env_option_replaces_the_files_env(tmp_path):
    file = tmp_path / "file.yaml"
    file.write_text("x: {run: PPO, env: CartPole-v1, stop: {training_iteration: 1}}")
    (experiment,) = experiments_from_files([file], FileOptions(env="Acrobot-v1"))
    assert experiment.env == "Acrobot-v1"


def test_the_same_name_in_two_files(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("x: {run: PPO, env: CartPole-v1}")
    with pytest.raises(RequestError, match=r"several of the 2 experiments are named 'x'"):
        experiments_from_files([tmp_path / "a.yaml", tmp_path / "b.yaml"], FileOptions())


HOPPER = {
    "run": "A3C",
    "env": "Hopper-v5",
    "config": {"lr": 1e-4, "gamma": 0.99, "grad_clip": 40.0},
}


@pytest.mark.parametrize(
    "sign",
    [
        {"env": "Hopper-v1"},
        {"env": "PongNoFrameskip-v4"},
        {"env": {"grid_search": ["Hopper-v5", "Hopper-v2"]}},
        {"repeat": 2},
        {"trial_resources": {"cpu": 2}},
        {"stop": {"info/num_steps_sampled": 5}},
        {"stop": {"sampler_results/episode_reward_mean": 5}},
    ],
)
def test_signs_outside_config_make_a_file_legacy(sign):
    new_entry = translate({**HOPPER, **sign})[0]["config"]
    assert new_entry["num_env_runners"] == 2
    assert new_entry["grad_clip"] == 40 / 10


def test_an_algorithm_under_its_first_name_makes_a_file_legacy():
    new_entry = translate({"alg": "A3C", "env": "CartPole-v1", "config": {}})[0]
    assert (new_entry["run"], new_entry["config"]["num_env_runners"]) == ("A3C", 2)


@pytest.mark.parametrize(
    "own",
    [{"config": {"num_env_runners": 4}}, {"checkpoint_config": {"num_to_keep": 1}}],
)
def test_a_current_file_with_a_legacy_id_keeps_current_defaults(own):
    entry = {**HOPPER, "env": "PongNoFrameskip-v4", "repeat": 2, **own}
    new_entry = translate(entry)[0]
    assert new_entry["env"] == "ALE/Pong-v5"
    assert "optimizer" not in new_entry["config"]
    assert new_entry["config"].get("grad_clip", 40.0) == 40.0


def test_a_legacy_id_on_the_command_line_dates_nothing():
    experiment = experiment_from_options(
        TrainOptions(algo="A2C", env="PongNoFrameskip-v4", stop=["training_iteration=1"])
    )
    assert experiment.env == "ALE/Pong-v5"
    assert "optimizer" not in experiment.config


@pytest.mark.parametrize("config", [{"num_workers": 1}, {"num_env_runners": 1}])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sampler_results/episode_reward_mean", "env_runners/episode_return_mean"),
        ("env_runners/episode_reward_mean", "env_runners/episode_return_mean"),
        ("evaluation/episode_reward_mean", "evaluation/env_runners/episode_return_mean"),
        ("min-sampler_results/episode_len_mean", "min-env_runners/episode_len_mean"),
    ],
)
def test_results_that_rank_checkpoints_get_current_names(read, old, new, config):
    lines = ("run: PPO", "env: CartPole-v1", "stop: {timesteps_total: 5}", f"config: {config}")
    for spelling in (
        f"checkpoint_score_attr: {old}",
        f"checkpoint_config: {{checkpoint_score_attribute: {old}}}",
    ):
        experiment = read(*lines, spelling)
        assert experiment.score_attribute == new.removeprefix("min-")
        assert experiment.score_order == ("min" if "min-" in new else None)
        assert any(f"{old} is replaced by {new}" in note for note in experiment.all_notes)
    overridden = with_options(read(*lines), LaunchOptions(checkpoint_score_attr=old))
    assert overridden.score_attribute == new.removeprefix("min-")


def test_a_url_is_no_file():
    with pytest.raises(RequestError, match="is a URL, but files must be local; download it first"):
        read_experiments(Path("https://example.org/pong.yaml"))


def test_a_misspelt_legacy_key_is_recognized(read):
    experiment = read(
        "run: PPO", "env: CartPole-v1", "stop: {timesteps_total: 5}", "config: {num_workrs: 1}"
    )
    with pytest.raises(
        RequestError, match="did you mean 'num_workers', now called 'num_env_runners'"
    ):
        check_names(experiment)
