"""Sequences: every played step once, none across an episode's start, none longer than allowed."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_zoo.algorithms.learner.sequences import (
    SequenceBatch,
    balanced_cuts,
    plan_sequences,
)


@st.composite
def played(draw):
    """mask [T, N] and firsts [T, N] as runners make them, in either autoreset mode."""
    length, num_envs = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    same_step = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    ends = rng.random((length, num_envs)) < draw(st.sampled_from([0.0, 0.1, 0.5]))
    mask, firsts = np.ones((length, num_envs), bool), np.zeros((length, num_envs), bool)
    resetting, fresh = np.zeros(num_envs, bool), rng.random(num_envs) < 0.5
    for t in range(length):
        mask[t], firsts[t] = ~resetting, fresh
        done = ends[t] & ~resetting
        fresh = done if same_step else resetting
        resetting = resetting if same_step else done
    return mask, firsts


@given(played(), st.integers(1, 12))
def test_sequences_hold_every_played_step_once_and_in_order(rollout, longest):
    mask, firsts = rollout
    num_envs = mask.shape[1]
    plan = plan_sequences(mask, firsts, longest)
    assert sorted(plan.rows) == np.flatnonzero(mask).tolist()
    assert plan.lengths.sum() == len(plan.rows)
    assert plan.lengths.max(initial=0) <= longest
    assert (np.diff(plan.first_steps) >= 0).all()
    row = 0
    for length, first, column in zip(plan.lengths, plan.first_steps, plan.columns, strict=True):
        steps, columns = np.divmod(plan.rows[row : row + length], num_envs)
        row += length
        assert length > 0
        assert steps.tolist() == list(range(first, first + length))
        assert set(columns) == {column}
        assert not firsts[steps[1:], column].any()
        # The state before its first step is known: an episode's first or one that was kept.
        assert firsts[first, column] or first % longest == 0


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60), st.integers(1, 20))
def test_groups_are_nearly_equal_and_none_is_empty(lengths, number):
    cuts = balanced_cuts(torch.tensor(lengths), number)
    edges = [0, *cuts, len(lengths)]
    sizes = [sum(lengths[low:high]) for low, high in itertools.pairwise(edges)]
    assert len(sizes) == min(number, len(lengths))
    assert all(low < high for low, high in itertools.pairwise(edges))
    if sum(lengths) / number >= max(lengths):
        assert max(sizes) - sum(lengths) / number <= max(lengths)


def batch_of(lengths, seed=0):
    rows, generator = sum(lengths), torch.Generator().manual_seed(seed)
    column = torch.arange(rows, dtype=torch.float32)
    return SequenceBatch(
        obs=torch.randn(rows, 5, generator=generator),
        actions=torch.randint(0, 2, (rows,), generator=generator),
        old_dist_inputs=torch.randn(rows, 2, generator=generator),
        old_log_probs=column,
        old_values=column + 100,
        advantages=column + 200,
        value_targets=column + 300,
        lengths=torch.tensor(lengths),
        states=torch.arange(len(lengths), dtype=torch.float32)[:, None].repeat(1, 3),
    )


def sequences_of(batch):
    """(state, its rows) of every sequence of a batch."""
    parts = batch.old_log_probs.split(batch.lengths.tolist())
    return [(int(s[0]), part.tolist()) for s, part in zip(batch.states, parts, strict=True)]


LENGTHS = [3, 1, 5, 2, 5, 5, 4, 1, 1, 3]


@pytest.mark.parametrize("number", [1, 2, 3, 7, 10, 30])
def test_shares_are_neighbouring_sequences(number):
    batch = batch_of(LENGTHS)
    shares = batch.split(number)
    assert len(shares) == min(number, len(LENGTHS))
    assert [pair for share in shares for pair in sequences_of(share)] == sequences_of(batch)
    for share in shares:
        assert share.obs.untyped_storage().data_ptr() == batch.obs.untyped_storage().data_ptr()
        assert torch.equal(share.value_targets, share.old_log_probs + 300)
    assert torch.equal(torch.cat([share.obs for share in shares]), batch.obs)


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("number", [1, 2, 4, 10, 25])
def test_minibatches_are_of_whole_sequences_each_once(number, seed):
    batch = batch_of(LENGTHS)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    parts = list(batch.minibatches(number, generator, distributed=False))
    assert len(parts) == min(number, len(LENGTHS))
    drawn = [pair for part in parts for pair in sequences_of(part)]
    assert sorted(drawn) == sequences_of(batch)
    assert (drawn != sequences_of(batch)) == (seed is not None and number > 1)
    for part in parts:
        assert torch.equal(part.advantages, part.old_log_probs + 200)
        rows = part.old_log_probs.long()
        assert torch.equal(part.obs, batch.obs[rows])


def test_with_other_learners_the_number_of_minibatches_is_exact():
    parts = list(batch_of([3, 2]).minibatches(7, None, distributed=True))
    assert len(parts) == 7
    assert all(len(part.advantages) for part in parts)
    assert {pair[0] for part in parts for pair in sequences_of(part)} == {0, 1}


def test_another_seed_draws_other_minibatches():
    batch = batch_of(LENGTHS)
    drawn = []
    for seed in (0, 0, 1):
        generator = torch.Generator().manual_seed(seed)
        parts = batch.minibatches(3, generator, distributed=False)
        drawn.append([sequences_of(part) for part in parts])
    assert drawn[0] == drawn[1] != drawn[2]
