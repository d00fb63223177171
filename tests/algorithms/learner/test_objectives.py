"""From a rollout to a loss: flattening, valid rows, estimators, and the weighted sum of terms."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.distributions import Categorical as Reference

from rllib_zoo.algorithms.descriptors import REWARD_TO_GO
from rllib_zoo.algorithms.learner.batch import make_batch
from rllib_zoo.algorithms.learner.objectives import (
    PPOCoefficients,
    actor_critic_objective,
    ppo_objective,
    trust_region_stats,
)
from rllib_zoo.algorithms.ops.advantages import (
    generalized_advantage_estimation,
    monte_carlo_returns,
)
from rllib_zoo.algorithms.ops.distributions import Categorical

T, N, K = 6, 4, 3
SETTINGS = SimpleNamespace(
    gamma=0.9,
    lambda_=0.7,
    use_critic=True,
    use_gae=True,
    credit=REWARD_TO_GO,
    constant_baseline=False,
    standardize_advantages=False,
)


def rollout_arrays(seed=0):
    rng = np.random.default_rng(seed)
    names = ("log_probs", "values", "next_values", "rewards")
    arrays = {name: rng.normal(size=(T, N)).astype(np.float32) for name in names}
    arrays["obs"] = np.arange(T * N * 2, dtype=np.float32).reshape(T, N, 2)
    arrays["actions"] = rng.integers(0, K, (T, N))
    arrays["dist_inputs"] = rng.normal(size=(T, N, K)).astype(np.float32)
    arrays["terminated"] = np.zeros((T, N), bool)
    arrays["truncated"] = np.zeros((T, N), bool)
    arrays["mask"] = np.ones((T, N), bool)
    arrays["truncated"][1, 2] = arrays["terminated"][3, 0] = True
    arrays["mask"][2, 2] = arrays["mask"][4, 0] = False
    return arrays


def estimate(function, arrays, **options):
    names = ("rewards", "values", "next_values", "terminated", "truncated")
    return function(*(arrays[name] for name in names), **options)


def test_rows_run_through_time_then_environments():
    arrays = rollout_arrays()
    batch = make_batch(arrays, SETTINGS)
    assert batch.obs.shape == (T * N, 2)
    row = 2 * N + 3
    assert_array_equal(batch.obs[row], arrays["obs"][2, 3])
    assert_array_equal(batch.old_dist_inputs[row], arrays["dist_inputs"][2, 3])
    for name in ("actions", "log_probs", "values"):
        ours = {"log_probs": "old_log_probs", "values": "old_values"}.get(name, name)
        assert getattr(batch, ours)[row] == arrays[name][2, 3]


def test_valid_rows_are_the_unmasked_ones_in_order():
    arrays = rollout_arrays()
    batch = make_batch(arrays, SETTINGS)
    assert batch.valid.tolist() == [i for i in range(T * N) if i not in (2 * N + 2, 4 * N)]
    valid = batch.all_valid()
    assert_array_equal(valid.obs, arrays["obs"][arrays["mask"]])
    assert valid.valid is None
    arrays["mask"][:] = True
    whole = make_batch(arrays, SETTINGS)
    assert whole.valid is None
    assert whole.all_valid() is whole


@pytest.mark.parametrize(
    ("changes", "function", "options"),
    [
        ({}, generalized_advantage_estimation, {"gamma": 0.9, "lambda_": 0.7}),
        ({"use_gae": False}, generalized_advantage_estimation, {"gamma": 0.9, "lambda_": 1.0}),
        ({"gamma": 0.5}, generalized_advantage_estimation, {"gamma": 0.5, "lambda_": 0.7}),
    ],
)
def test_settings_choose_the_estimator(changes, function, options):
    arrays = rollout_arrays()
    batch = make_batch(arrays, SimpleNamespace(**{**vars(SETTINGS), **changes}))
    expected = estimate(function, arrays, **options)
    assert_allclose(batch.advantages, expected.advantages.reshape(-1), rtol=1e-6)
    assert_allclose(batch.value_targets, expected.value_targets.reshape(-1), rtol=1e-6)


def test_without_a_critic_advantages_are_the_returns():
    arrays = rollout_arrays()
    batch = make_batch(arrays, SimpleNamespace(**{**vars(SETTINGS), "use_critic": False}))
    names = ("rewards", "terminated", "truncated")
    returns = monte_carlo_returns(*(arrays[name] for name in names), gamma=0.9)
    assert_allclose(batch.advantages, returns.reshape(-1), rtol=1e-6)
    assert_allclose(batch.value_targets, returns.reshape(-1), rtol=1e-6)


def test_standardising_is_over_the_valid_rows_and_leaves_targets_alone():
    arrays = rollout_arrays()
    arrays["rewards"][~arrays["mask"]] = 1e4
    plain = make_batch(arrays, SETTINGS).all_valid()
    settings = SimpleNamespace(**{**vars(SETTINGS), "standardize_advantages": True})
    batch = make_batch(arrays, settings).all_valid()
    rows = plain.advantages
    assert_allclose(batch.advantages, (rows - rows.mean()) / rows.std(correction=0), rtol=1e-5)
    assert_array_equal(batch.value_targets, plain.value_targets)


def test_read_only_arrays_are_copied():
    arrays = rollout_arrays()
    for array in arrays.values():
        array.flags.writeable = False
    batch = make_batch(arrays, SETTINGS)
    batch.obs.zero_()
    assert arrays["obs"].any()


# --- objectives ----------------------------------------------------------------------------------


@pytest.fixture
def given():
    """A batch of valid rows, and new network outputs that differ from the old ones."""
    batch = make_batch(rollout_arrays(), SETTINGS).all_valid()
    old = Reference(logits=batch.old_dist_inputs).log_prob(batch.actions)
    batch = replace(batch, old_log_probs=old)
    stream = torch.Generator().manual_seed(0)
    shift = 0.3 * torch.randn(batch.old_dist_inputs.shape, generator=stream)
    dist_inputs = (batch.old_dist_inputs + shift).requires_grad_()
    values = (batch.old_values + 0.5).requires_grad_()
    return batch, dist_inputs, values


def test_actor_critic_objective_is_the_papers_sum(given):
    batch, dist_inputs, values = given
    total, stats = actor_critic_objective(
        Categorical(K), dist_inputs, values, batch, vf_loss_coeff=0.25, entropy_coeff=0.1
    )
    policy = Reference(logits=dist_inputs)
    loss = -(policy.log_prob(batch.actions) * batch.advantages).mean()
    critic = ((values - batch.value_targets) ** 2).mean() / 2
    expected = loss + 0.25 * critic - 0.1 * policy.entropy().mean()
    torch.testing.assert_close(total, expected)
    named = {"policy_loss": loss, "vf_loss": critic, "entropy": policy.entropy().mean()}
    for name, value in {**named, "total_loss": total}.items():
        torch.testing.assert_close(stats[name], value.detach())
        assert not stats[name].requires_grad


@pytest.mark.parametrize("clip_param", [0.1, None])
@pytest.mark.parametrize("vf_clip_param", [0.5, None])
@pytest.mark.parametrize("kl_coeff", [0.7, None])
def test_ppo_objective_is_the_papers_sum(given, clip_param, vf_clip_param, kl_coeff):
    batch, dist_inputs, values = given
    coefficients = PPOCoefficients(clip_param, vf_clip_param, 0.25, 0.1, kl_coeff)
    total, _ = ppo_objective(Categorical(K), dist_inputs, values, batch, coefficients)
    old, new = Reference(logits=batch.old_dist_inputs), Reference(logits=dist_inputs)
    ratio = (new.log_prob(batch.actions) - batch.old_log_probs).exp()
    bounded = ratio if clip_param is None else ratio.clamp(1 - clip_param, 1 + clip_param)
    surrogate = torch.minimum(ratio * batch.advantages, bounded * batch.advantages).mean()
    errors = (values - batch.value_targets) ** 2
    errors = errors if vf_clip_param is None else errors.clamp(max=vf_clip_param)
    expected = -surrogate + 0.25 * errors.mean() - 0.1 * new.entropy().mean()
    if kl_coeff is not None:
        # From the policy that acted to the new one, not the other way round.
        expected = expected + kl_coeff * torch.distributions.kl_divergence(old, new).mean()
    torch.testing.assert_close(total, expected)


def test_trust_region_numbers(given):
    batch, dist_inputs, _ = given
    stats = trust_region_stats(Categorical(K), dist_inputs, batch, clip_param=0.1)
    old, new = Reference(logits=batch.old_dist_inputs), Reference(logits=dist_inputs)
    divergence = torch.distributions.kl_divergence(old, new).mean()
    torch.testing.assert_close(stats["mean_kl_loss"], divergence.detach())
    ratio = (new.log_prob(batch.actions) - batch.old_log_probs).exp()
    outside = ((ratio < 0.9) | (ratio > 1.1)).float().mean()
    assert 0 < outside < 1
    assert stats["clip_fraction"] == outside
    assert "clip_fraction" not in trust_region_stats(Categorical(K), dist_inputs, batch, None)
