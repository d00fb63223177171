"""`rllib migrate`: the same configuration, comments kept, changes explained."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.config.migrate import migrated, write_new
from rllib_zoo.experiments.errors import RequestError

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


def test_comments_stay_and_changes_are_explained(both):
    text = both(OLD)[2]
    for comment in ("Reaches 150 in a minute.", "200 steps at most", "no Ray workers", "small"):
        assert f"# {comment}" in text
    for words in (
        "num_env_runners: 0",
        "was num_workers",
        "left out: framework (tf: torch is the one there is)",
        "as in Ray 2 where the file is silent",
        "was info/num_steps_sampled",
        "Pendulum-v0 is Pendulum-v1 now",
    ):
        assert words in text


def test_a_file_of_today_stays_as_it_is(both):
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
    with pytest.raises(RequestError, match="retired gym"):
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
    ("text", "words"),
    [
        ("{run: TD3, env: Pendulum-v1, config: {num_workers: 1}}", "TD3 is not supported"),
        ("{run: PPO, env: CartPole-v1, config: {framework: tf, num_workrs: 1}}", "num_workrs"),
        (
            "{run: PPO, env: CartPole-v1, config: {framework: tf, model: {fcnet_hidens: [8]}}}",
            "fcnet_hidens",
        ),
    ],
)
def test_what_train_refuses_is_refused(tmp_path, text, words):
    file = tmp_path / "old.yaml"
    file.write_text(f"x: {text}")
    with pytest.raises(RequestError, match=words):
        migrated(file)


def test_comments_on_keys_in_braces_stand_above_them(both):
    text = both(
        "# head\n"
        "x: {env: CartPole-v0, run: PPO, stop: {timesteps_total: 10}, config: {num_workers: 1, "
        "framework: tf}}\n"
        "y:\n"
        "  env: CartPole-v0  # short\n"
        "  run: PPO\n"
        "  stop: {timesteps_total: 10}\n"
        "  config: {num_workers: 1, model: {custom_options: {}}}\n"
    )[2]
    lines = text.splitlines()
    assert lines[0] == "# head"
    assert all(line.lstrip()[0] not in "},]" for line in lines)
    above = lines[: next(i for i, line in enumerate(lines) if line.startswith("x:"))]
    assert any("num_env_runners: was num_workers" in line for line in above)
    assert any("left out: framework" in line for line in above)
    config = next(i for i, line in enumerate(lines) if line.startswith("  config: {num_env"))
    assert lines[config - 1].startswith("  # ")
    assert "  env: CartPole-v0  # short" in lines
