"""Optimizers, schedules and the adaptive KL weight: every option changes an outcome."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

ONE_BATCH = {"train_batch_size": 80, "num_envs_per_env_runner": 8}
ONE_PASS = {**ONE_BATCH, "minibatch_size": None, "num_epochs": 1}


@pytest.fixture
def rollout(make_runner):
    return make_runner(num_envs_per_env_runner=8).sample(num_steps=10).copy()


@pytest.fixture
def trained(make_runner, make_learner, update, rollout):
    """Weights after some updates, and the statistics of each."""

    def run(name="A2C", updates=3, **settings):
        learner = make_learner(make_runner(), name, **{**ONE_PASS, **settings})
        stats = [update(learner, rollout, timestep=80 * i) for i in range(updates)]
        vector = torch.nn.utils.parameters_to_vector(learner.module["default_policy"].parameters())
        return vector.detach().numpy(), stats

    return run


OPTIONS = {
    "rmsprop alpha": ({"optimizer": {"type": "rmsprop", "alpha": 0.5}}, {}),
    "rmsprop epsilon": ({"optimizer": {"type": "rmsprop", "epsilon": 0.1}}, {}),
    "rmsprop momentum": ({"optimizer": {"type": "rmsprop", "momentum": 0.9}}, {}),
    "adam": ({"optimizer": {"type": "adam"}}, {}),
    "adam epsilon": ({"optimizer": {"type": "adam", "epsilon": 0.1}}, {"type": "adam"}),
    "adam betas": ({"optimizer": {"type": "adam", "betas": [0.5, 0.9]}}, {"type": "adam"}),
    "lr": ({"lr": 0.01}, {}),
    "gamma": ({"gamma": 0.5}, {}),
    "lambda": ({"lambda_": 0.5}, {}),
    "vf_loss_coeff": ({"vf_loss_coeff": 0.1}, {}),
    "entropy_coeff": ({"entropy_coeff": 0.5}, {}),
    "grad_clip": ({"grad_clip": 0.01}, {}),
    "no grad_clip": ({"grad_clip": None}, {}),
    "grad_clip_by": ({"grad_clip_by": "value", "grad_clip": 0.05}, {}),
    "standardize": ({"standardize_advantages": True}, {}),
    "no critic": ({"use_critic": False}, {}),
    "epochs": ({"num_epochs": 2}, {}),
    "minibatches": ({"minibatch_size": 40}, {}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_of_a2c_changes_the_weights(trained, name):
    changed, reference_optimizer = OPTIONS[name]
    reference = {"optimizer": reference_optimizer or {"type": "rmsprop"}}
    before, _ = trained(**reference)
    after, _ = trained(**{**reference, **changed})
    assert not np.allclose(before, after, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "changed",
    [
        {"clip_param": 0.001},
        {"clip_param": None},
        {"vf_clip_param": 0.1},
        {"use_kl_loss": False},
        {"kl_coeff": 5.0},
        {"kl_target": 1e-9},
        {"entropy_coeff": 0.5},
        {"vf_loss_coeff": 0.1},
        {"lambda_": 0.5},
        {"use_critic": False},
        {"standardize_advantages": False},
        {"model": {"vf_share_layers": True}},
    ],
    ids=str,
)
def test_every_option_of_ppo_changes_the_weights(trained, changed):
    common = {"num_epochs": 4, "lr": 0.01, "kl_target": 0.01}
    before, _ = trained("PPO", **common)
    after, _ = trained("PPO", **{**common, **changed})
    assert before.shape != after.shape or not np.allclose(before, after, rtol=1e-4, atol=1e-6)


def test_lambda_without_gae_changes_nothing(trained):
    first, second = (trained(use_gae=False, lambda_=lambda_)[0] for lambda_ in (0.1, 0.9))
    with_lambda_1, _ = trained(use_gae=True, lambda_=1.0)
    assert_allclose(first, second)
    assert_allclose(first, with_lambda_1)


@pytest.mark.parametrize("name", ["A2C", "PPO"])
def test_without_a_critic_the_value_branch_stands_still(
    make_runner, make_learner, update, rollout, name
):
    separate = {"model": {"vf_share_layers": False}, "use_critic": False}
    learner = make_learner(make_runner(), name, **ONE_PASS, **separate)
    module = learner.module["default_policy"]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    update(learner, rollout)
    moved = {name for name, v in module.state_dict().items() if not torch.equal(v, before[name])}
    assert moved
    assert not any("value" in name for name in moved)


def test_an_optimizer_step_is_that_of_torch(make_runner, make_learner, update, rollout):
    settings = {"optimizer": {"type": "rmsprop", "alpha": 0.9, "epsilon": 0.01}, "lr": 0.02}
    learner = make_learner(make_runner(), "A2C", **ONE_PASS, **settings)
    parameters = list(learner.module["default_policy"].parameters())
    before = [p.detach().clone() for p in parameters]
    update(learner, rollout)
    for old, new in zip(before, parameters, strict=True):
        # RMSProp's first step (v starts at 0): -lr · g / (sqrt((1 - α) g²) + ε).
        step = 0.02 * new.grad / ((0.1 * new.grad.square()).sqrt() + 0.01)
        torch.testing.assert_close(new.detach(), old - step, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["A2C", "PPO"])
def test_schedules_are_followed_between_their_points(trained, name):
    lr, entropy = [[0, 0.01], [160, 0.0]], [[0, 1.0], [80, 0.5], [160, 0.1]]
    _, stats = trained(name, updates=4, lr=lr, entropy_coeff=entropy)
    assert_allclose([s["entropy_coeff"] for s in stats], [1.0, 0.5, 0.1, 0.1])
    # RLlib sets the rate after an update, so each uses that of the update before; the first
    # one's step is 0.
    assert_allclose([s["curr_lr"] for s in stats], [0.01, 0.01, 0.005, 0.0], atol=1e-12)


def test_weights_stand_still_once_the_learning_rate_is_zero(trained):
    lr = [[0, 0.01], [80, 0.0]]
    (two, _), (five, _) = (trained(updates=updates, lr=lr) for updates in (2, 5))
    (one, _) = trained(updates=1, lr=lr)
    assert not np.allclose(one, two)
    assert_allclose(two, five, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("target", "factors"),
    # The first update's divergence is 0 with one epoch: the policy is the one that acted.
    [(1e3, [1, 0.5, 0.25]), (None, [1, 1, 1])],
)
def test_kl_weight_adapts_from_update_to_update(trained, target, factors):
    _, stats = trained("PPO", kl_coeff=0.4, kl_target=target, lr=0.01)
    assert_allclose([s["curr_kl_coeff"] for s in stats], [0.4 * f for f in factors])


def test_kl_weight_rises_when_the_policy_runs_away(trained):
    _, stats = trained("PPO", kl_coeff=0.4, kl_target=1e-7, lr=0.01, num_epochs=4)
    assert all(s["mean_kl_loss"] > 2e-7 for s in stats)
    assert_allclose([s["curr_kl_coeff"] for s in stats], [0.4, 0.6, 0.9])


def test_without_the_penalty_there_is_no_kl_weight(trained):
    _, stats = trained("PPO", use_kl_loss=False)
    assert "curr_kl_coeff" not in stats[0]


def test_state_brings_kl_weight_counters_and_shuffling_back(
    make_runner, make_learner, update, rollout
):
    settings = {**ONE_PASS, "minibatch_size": 20, "num_epochs": 3, "lr": 0.01, "kl_target": 1e-7}
    first = make_learner(make_runner(), "PPO", **settings)
    for i in range(2):
        update(first, rollout, timestep=80 * i)
    second = make_learner(make_runner(), "PPO", **{**settings, "seed": 5})
    second.set_state(first.get_state())
    for i in range(2, 4):
        one, two = (update(learner, rollout, timestep=80 * i) for learner in (first, second))
        assert one == two
    assert one["curr_kl_coeff"] > 0.2
    vectors = [
        torch.nn.utils.parameters_to_vector(learner.module["default_policy"].parameters())
        for learner in (first, second)
    ]
    assert torch.equal(*vectors)
    assert first.extra_state()["num_updates"] == second.extra_state()["num_updates"] == 4 * 12
