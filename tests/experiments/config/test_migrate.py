"""`rllib migrate`: the same configuration, written anew, every change in a comment."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.config.migrate import migrated, write_new
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import summarize_changes

OLD = """\
# Reaches 150 in a minute.
cart:
    env: CartPole-v0  # 200 steps at most
    run: A2C
    stop:
        info/num_steps_sampled: 1000
    config:
        # Works for both.
        framework: tf
        num_workers: 0  # no Ray workers
        lr: 1e-3
        model:
            # small
            fcnet_hiddens: [8, 8]
            squash_to_range: false
# Mine, too.
second: {run: PPO, env: Pendulum-v0, repeat: 2, stop: {a/b.c: 1}, config: {num_sgd_iter: 3}}
"""


@pytest.fixture
def both(tmp_path):
    """Experiments of an old file and of its migrated text, with that text."""

    def of(text, name="old.yaml"):
        file, new = tmp_path / name, tmp_path / "new.yaml"
        file.write_text(text)
        new.write_text(migrated(file))
        return read_experiments(file), read_experiments(new), new.read_text()

    return of


def test_both_files_say_the_same(both):
    before, after, _ = both(OLD)
    for old, new in zip(before, after, strict=True):
        for key in ("name", "algorithm", "env", "config", "stop", "num_samples"):
            assert getattr(old, key) == getattr(new, key)
        assert old.changes
        assert not new.changes


def test_every_change_is_a_comment_above_its_experiment(both):
    before, _, text = both(OLD)
    lines = text.splitlines()
    for index, experiment in enumerate(before):
        end = lines.index(f"{experiment.name}:")
        start = lines.index(f"{before[index - 1].name}:") if index else 0
        comments = " ".join(line.lstrip("# ") for line in lines[start:end] if line.startswith("#"))
        for change in summarize_changes(list(experiment.changes)):
            assert change in comments
    for message in (
        "num_workers is num_env_runners",
        "removed: framework (only 'torch' is supported)",
        "default of Ray 2: ",
        "stop.info/num_steps_sampled is stop.num_env_steps_sampled_lifetime",
        "Pendulum-v0 is replaced by Pendulum-v1",
    ):
        assert message in " ".join(line.lstrip("# ") for line in lines)


def test_comments_above_experiments_are_kept_on_top(both):
    text = both(OLD)[2]
    assert text.startswith(
        "# Reaches 150 in a minute.\n# Mine, too.\n"
        "# Written by rllib migrate from old.yaml, without its other comments.\n"
    )


def test_strings_that_look_like_other_types_stay_strings(both):
    before, after, _ = both(
        "x: {run: PPO, env: CartPole-v1, stop: {timesteps_total: 10}, config: {framework: tf, "
        "lr: 1e-05, env_config: {a: 'yes', b: '1:30', c: 'null', d: 2020-01-01, e: '~', f: 1.0}}}\n"
    )
    assert after[0].config == before[0].config
    options = after[0].config["env_config"]
    assert list(map(type, options.values())) == [str, str, str, str, str, float]
    assert after[0].config["lr"] == 1e-5


def test_every_field_of_an_experiment_is_written(both):
    before, after, _ = both(
        "x:\n  run: PPO\n  env: CartPole-v0\n  stop: {timesteps_total: 10}\n"
        "  config: {num_workers: 0}\n  seeds: [3, 4]\n  metric: episode_reward_mean\n  mode: max\n"
        "  max_failures: 2\n  time_budget_s: 9.5\n  keep_checkpoints_num: 2\n"
        "  checkpoint_freq: 1\n  checkpoint_score_attr: min-episode_len_mean\n"
        "  checkpoint_at_end: true\n  local_dir: /somewhere\n  max_concurrent: 1\n"
    )
    unwritten = ("source", "text", "changes")
    old, new = (
        {key: value for key, value in vars(experiment).items() if key not in unwritten}
        for experiment in (before[0], after[0])
    )
    assert old == new
    assert (new["seeds"], new["score_order"], new["storage_path"]) == ([3, 4], "min", "/somewhere")


def test_a_current_file_stays_as_it_is(both):
    text = "# mine\nx:\n  run: PPO # best\n  env: CartPole-v1\n  config: {lr: 0.001}\n"
    assert both(text)[2] == text


def test_a_python_file_becomes_yaml(both):
    text = (
        "from ray.rllib.algorithms.a3c import A3CConfig\n"
        'config = A3CConfig().environment("CartPole-v1").rollouts(num_rollout_workers=0)\n'
        'stop = {"timesteps_total": 100}\n'
    )
    before, after, _ = both(text, "old.py")
    assert (before[0].name, before[0].config) == (after[0].name, after[0].config)
    assert after[0].stop == {"timesteps_total": 100}


def test_what_cannot_be_translated_writes_nothing(tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text("x: {run: PPO, env: HalfCheetahBulletEnv-v0, config: {num_workers: 1}}")
    with pytest.raises(RequestError, match="incompatible with gymnasium"):
        migrated(file)


def test_nothing_is_overwritten(tmp_path):
    file = tmp_path / "new.yaml"
    write_new(file, "first")
    with pytest.raises(RequestError, match="exists; nothing was written"):
        write_new(file, "second")
    assert file.read_text() == "first"
    with pytest.raises(RequestError, match="cannot be written"):
        write_new(tmp_path / "nowhere" / "new.yaml", "text")


def test_what_yaml_cannot_hold_is_refused(tmp_path):
    file = tmp_path / "old.py"
    file.write_text(
        "from ray.rllib.algorithms.ppo import PPOConfig\n"
        "from ray.rllib.examples.env.repeat_after_me_env import RepeatAfterMeEnv\n"
        "config = PPOConfig().environment(RepeatAfterMeEnv)\n"
    )
    with pytest.raises(RequestError, match="env: is a Python object, which YAML cannot hold"):
        migrated(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{run: TD3, env: Pendulum-v1, config: {num_workers: 1}}", "TD3 is not supported"),
        ("{run: PPO, env: CartPole-v1, config: {framework: tf, num_workrs: 1}}", "num_workrs"),
        (
            "{run: PPO, env: CartPole-v1, config: {framework: tf, model: {fcnet_hidens: [8]}}}",
            "fcnet_hidens",
        ),
    ],
)
def test_what_train_refuses_is_refused(tmp_path, text, message):
    file = tmp_path / "old.yaml"
    file.write_text(f"x: {text}")
    with pytest.raises(RequestError, match=message):
        migrated(file)
