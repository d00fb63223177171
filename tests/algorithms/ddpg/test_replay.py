"""RLlib's buffers on arrays: which rows they keep, draw and rate."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rllib_zoo.algorithms.ddpg.replay import make_replay_buffer

UNIFORM = {"type": "ReplayBuffer", "capacity": 4}
PRIORITIZED = {"type": "PrioritizedReplayBuffer", "capacity": 4, "alpha": 1.0, "beta": 1.0}
both = pytest.mark.parametrize("settings", [UNIFORM, PRIORITIZED], ids=["uniform", "prioritized"])


def rows(*numbers):
    """Transitions that can be told apart."""
    values = np.array(numbers, np.float32)
    return {"obs": values[:, None] * np.ones(3, np.float32), "rewards": values}


@both
def test_the_oldest_rows_make_room(settings):
    replay = make_replay_buffer(settings, seed=0)
    replay.add_columns(rows(1, 2, 3))
    assert set(replay.sample(200)["rewards"]) == {1, 2, 3}
    replay.add_columns(rows(4, 5, 6))
    batch = replay.sample(200)
    assert set(batch["rewards"]) == {3, 4, 5, 6}
    assert_array_equal(batch["obs"], batch["rewards"][:, None] * np.ones(3))


@both
def test_a_restored_buffer_draws_what_the_saved_one_would(settings):
    saved, restored = make_replay_buffer(settings, seed=0), make_replay_buffer(settings, seed=1)
    saved.add_columns(rows(1, 2, 3, 4, 5))
    saved.set_td_errors(saved.sample(3), np.array([1.0, 2.0, 3.0]))
    restored.set_state(saved.get_state())
    for replay in (saved, restored):
        replay.add_columns(rows(7))
    first, second = saved.sample(50), restored.sample(50)
    for name in first:
        assert_array_equal(first[name], second[name])


def test_rows_come_in_proportion_to_their_errors_and_are_weighed_against_it():
    replay = make_replay_buffer(PRIORITIZED, seed=0)
    replay.add_columns(rows(1, 2))
    batch = replay.sample(100)
    replay.set_td_errors(batch, np.where(batch["rewards"] == 1, 3.0, -1.0))
    batch = replay.sample(4000)
    assert np.mean(batch["rewards"] == 1) == pytest.approx(0.75, abs=0.03)
    # (N P)^-β over the largest: 1 for the rare row, 1/3 for the other.
    assert batch["weights"][batch["rewards"] == 1][0] == pytest.approx(1 / 3, rel=1e-4)
    assert batch["weights"][batch["rewards"] == 2][0] == pytest.approx(1.0)


def test_a_uniform_buffer_is_drawn_from_evenly():
    replay = make_replay_buffer(UNIFORM, seed=0)
    replay.add_columns(rows(1, 2, 3, 4))
    counts = np.unique(replay.sample(8000)["rewards"], return_counts=True)[1]
    assert counts == pytest.approx(2000, abs=150)
