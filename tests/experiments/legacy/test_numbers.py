"""Numbers in quotes, whole floats and arithmetic, anywhere in a legacy file."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.legacy.translate import translate
from rllib_zoo.experiments.spec.changes import summarize_changes


def both(run="PPO", **config):
    """The translated configuration, and the notes in one line."""
    entry = {"run": run, "env": "CartPole-v1", "stop": {"training_iteration": 1}, "config": config}
    new_entry, changes = translate(entry, legacy=True)
    return new_entry["config"], " ".join(summarize_changes(changes))


@pytest.mark.parametrize(
    ("legacy_keys", "new"),
    [
        ({"sgd_minibatch_size": 5e2}, {"minibatch_size": 500}),
        ({"train_batch_size": 4000.0}, {"train_batch_size": 4000}),
        ({"train_batch_size": "4e3"}, {"train_batch_size": 4000}),
        ({"num_sgd_iter": {"grid_search": [5.0, 10]}}, {"num_epochs": {"grid_search": [5, 10]}}),
        ({"model": {"fcnet_hiddens": ["64", 64]}}, {"model": {"fcnet_hiddens": [64, 64]}}),
        ({"model": {"fcnet_hiddens": [64.0, 64]}}, {"model": {"fcnet_hiddens": [64, 64]}}),
        ({"lambda": {"grid_search": [{"eval": "1-0.05"}, "0.9,"]}}, {"lambda": [0.95, 0.9]}),
        (
            {"evaluation_config": {"num_workers": 1.0}},
            {"evaluation_config": {"num_env_runners": 1}},
        ),
    ],
)
def test_numbers_become_what_their_keys_want(legacy_keys, new):
    config, notes = both(**legacy_keys)
    ((key, value),) = new.items()
    expected = {"grid_search": value} if key == "lambda" else value
    assert repr(config[key]) == repr(expected)
    assert any(word in notes for word in (" is read as ", "1-0.05 is 0.95"))


def test_a_buffers_size():
    config, notes = both("DQN", buffer_size="5e4", num_workers=0)
    assert repr(config["replay_buffer_config"]["capacity"]) == "50000"
    assert "'5e4' is read as the number" in notes


def test_a_number_that_may_be_a_fraction_stays():
    config, notes = both(lr=1.0, num_workers=1)
    assert repr(config["lr"]) == "1.0"
    assert "read as" not in notes
    assert both(train_batch_size=10.5, num_workers=0)[0]["train_batch_size"] == 10.5


def test_a_horizon_is_whole():
    assert repr(both(horizon="5e1")[0]["env_config"]) == "{'max_episode_steps': 50}"


def test_the_experiments_own_numbers(tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text(
        'x: {env: CartPole-v1, run: PPO, num_samples: "3", checkpoint_freq: "5,", max_failures: 2.0,'
        ' keep_checkpoints_num: 1e1, stop: {time_total_s: "3600", info/num_steps_sampled: "100_000"},'
        " config: {num_workers: 1}}"
    )
    (experiment,) = read_experiments(file)
    assert (experiment.num_samples, experiment.checkpoint_frequency, experiment.max_failures) == (
        3,
        5,
        2,
    )
    assert repr(experiment.num_to_keep) == "10"
    assert experiment.stop == {"time_total_s": 3600, "num_env_steps_sampled_lifetime": 100_000}
    notes = " ".join(experiment.all_notes)
    for message in ("num_samples: '3' is read", "'3600' is read", "info/num_steps_sampled is"):
        assert message in notes
