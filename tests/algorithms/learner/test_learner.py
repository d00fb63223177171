"""OnPolicyLearner: minibatches, masks, clipping, broken numbers, schedules, optimizers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rllib_zoo.algorithms.learner.gradients import clip_gradients, require_finite
from rllib_zoo.algorithms.learner.learner import OnPolicyLearner
from rllib_zoo.algorithms.ppo import PPOLearner

ENVS = {"num_envs_per_env_runner": 8}


def rollout_of(runner, length=50):
    rollout = runner.sample(num_steps=length).copy()
    assert 0 < rollout.num_steps < rollout.mask.size  # some steps are masked
    return rollout


def weights(learner):
    return {
        name: value.clone() for name, value in learner.module["default_policy"].state_dict().items()
    }


def same(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


class Recording(PPOLearner):
    """Notes the observations of every minibatch, which identify their rows."""

    def build(self):
        super().build()
        self.seen = []

    def objective(self, dist_inputs, values, batch):
        self.seen.append(batch.obs.numpy().copy())
        return super().objective(dist_inputs, values, batch)


@pytest.fixture
def recorded(make_runner, make_learner, update):
    """A rollout and the minibatches of one update on it."""

    def run(**settings):
        runner = make_runner(**ENVS)
        rollout = rollout_of(runner)
        options = {"train_batch_size": 400, "num_epochs": 3, **settings}
        learner = make_learner(runner, learner=Recording, **options)
        update(learner, rollout)
        return rollout, learner.seen

    return run


def as_rows(obs):
    """Observations as a sorted list of bytes: a multiset."""
    return sorted(row.tobytes() for row in obs)


def test_every_epoch_is_a_permutation_of_the_valid_rows_in_an_order_of_its_own(recorded):
    rollout, seen = recorded(minibatch_size=64)
    assert len(seen) == 3 * 7  # ceil(400 / 64) = 7 minibatches an epoch
    epochs = [np.concatenate(seen[i : i + 7]) for i in (0, 7, 14)]
    valid = as_rows(rollout.obs[rollout.mask])
    assert len(set(valid)) == len(valid)
    for epoch in epochs:
        assert as_rows(epoch) == valid
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])
    sizes = [len(rows) for rows in seen]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= 64


def test_without_shuffling_rows_keep_the_order_of_time(recorded):
    rollout, seen = recorded(minibatch_size=64, shuffle_batch_per_epoch=False)
    for i in (0, 7, 14):
        np.testing.assert_array_equal(np.concatenate(seen[i : i + 7]), rollout.obs[rollout.mask])


def test_without_a_minibatch_size_an_epoch_is_the_whole_batch(recorded):
    rollout, seen = recorded(minibatch_size=None)
    assert len(seen) == 3
    for rows in seen:
        np.testing.assert_array_equal(rows, rollout.obs[rollout.mask])


def test_more_minibatches_than_valid_rows_still_train(make_runner, make_learner, update):
    # One-step episodes: every other row is a reset, so minibatches of one row can be empty.
    runner = make_runner("envs.probes.ConstantReward", num_envs_per_env_runner=2)
    rollout = runner.sample(num_steps=4).copy()
    assert rollout.num_steps == 4
    options = {"train_batch_size": 8, "minibatch_size": 1, "num_epochs": 1}
    learner = make_learner(runner, **options)
    before = weights(learner)
    stats = update(learner, rollout)
    assert np.isfinite(list(stats.values())).all()
    assert not same(weights(learner), before)


@pytest.mark.parametrize("name", ["PPO", "A2C"])
@pytest.mark.parametrize("standardize", [True, False])
def test_masked_rows_never_reach_the_loss(make_runner, make_learner, update, name, standardize):
    runner = make_runner(**ENVS)
    rollout = rollout_of(runner)
    poisoned = rollout.copy()
    for array in (poisoned.obs, poisoned.dist_inputs, poisoned.log_probs):
        array[~rollout.mask] = np.nan
    for array in (poisoned.rewards, poisoned.values):
        array[~rollout.mask] = 1e6
    options = {"train_batch_size": 400, "standardize_advantages": standardize}
    results = []
    for given in (rollout, poisoned):
        learner = make_learner(runner, name, minibatch_size=100, num_epochs=2, **options)
        stats = update(learner, given)
        results.append((weights(learner), stats))
    assert same(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


# --- gradients -----------------------------------------------------------------------------------


def with_gradients(*gradients):
    parameters = [torch.zeros(len(g), requires_grad=True) for g in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return parameters


@pytest.mark.parametrize(
    ("by", "limit", "expected"),
    [
        # Norms: 5, 12 and together 13.
        ("global_norm", 6.5, [[1.5, 2.0], [0.0, 6.0]]),
        ("global_norm", 20.0, [[3.0, 4.0], [0.0, 12.0]]),
        ("norm", 6.0, [[3.0, 4.0], [0.0, 6.0]]),
        ("value", 3.5, [[3.0, 3.5], [0.0, 3.5]]),
        ("global_norm", None, [[3.0, 4.0], [0.0, 12.0]]),
    ],
)
def test_clipping_by_name_and_the_norm_before_it(by, limit, expected):
    parameters = with_gradients([3.0, 4.0], [0.0, 12.0])
    assert clip_gradients(parameters, limit, by).item() == pytest.approx(13.0)
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert_allclose(parameter.grad, gradient, rtol=1e-5)


@pytest.mark.parametrize("by", ["global_norm", "norm", "value"])
def test_the_applied_gradient_respects_the_limit(make_runner, make_learner, update, by):
    runner = make_runner(**ENVS)
    rollout = rollout_of(runner)
    rollout.rewards *= 100
    options = {"train_batch_size": 400, "grad_clip": 0.01, "grad_clip_by": by}
    learner = make_learner(runner, "A2C", **options)
    stats = update(learner, rollout)
    assert stats["gradients_default_optimizer_global_norm"] > 1
    gradients = [
        p.grad for p in learner.module["default_policy"].parameters() if p.grad is not None
    ]
    norms = torch.stack([gradient.norm() for gradient in gradients])
    largest = {
        "global_norm": norms.norm(),
        "norm": norms.max(),
        "value": max(gradient.abs().max() for gradient in gradients),
    }
    assert largest[by].item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("name", ["PPO", "A2C"])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_broken_reward_stops_before_the_weights_change(
    make_runner, make_learner, update, name, poison
):
    runner = make_runner(**ENVS)
    rollout = rollout_of(runner)
    learner = make_learner(runner, name, train_batch_size=400, minibatch_size=None, num_epochs=1)
    update(learner, rollout, timestep=100)
    before = weights(learner)
    rollout.rewards[3, 2] = poison
    said = (
        r"environment step 4321, epoch 1, minibatch 1, update 1 \(total_loss .*; the update was not "
        r"applied; batch of \d+ steps: observations .*, rewards 1 to 1 \(99.\d % finite\), values"
    )
    with pytest.raises(FloatingPointError, match=said):
        update(learner, rollout, timestep=4321)
    assert same(weights(learner), before)


@pytest.mark.parametrize("norm", [float("nan"), float("inf")])
def test_norms_that_are_not_finite_raise_with_the_losses(norm):
    stats = {"policy_loss": torch.tensor(1.5), "vf_loss": torch.tensor(2.0)}
    loss, where = torch.tensor(3.5), lambda: "environment step 7"
    message = (
        rf"norm is {norm} at environment step 7 \(policy_loss 1.5, vf_loss 2\); the update was"
    )
    for known in (loss, None):
        with pytest.raises(FloatingPointError, match=message):
            require_finite(torch.tensor(norm), known, stats, where)
        require_finite(torch.tensor(1e30), known, stats, where)


def test_a_loss_that_is_not_finite_raises_though_its_gradient_is():
    loss = torch.tensor(float("inf"))
    with pytest.raises(FloatingPointError, match=r"^loss is inf at here \(vf_loss inf\)"):
        require_finite(torch.tensor(1.0), loss, {"vf_loss": loss}, lambda: "here")


def test_the_loss_hook_rllib_would_call_refuses(make_runner, make_learner):
    learner = make_learner(make_runner(**ENVS))
    assert isinstance(learner, OnPolicyLearner)
    with pytest.raises(NotImplementedError, match="objective"):
        learner.compute_loss_for_module(module_id="default_policy", batch={}, fwd_out={})
