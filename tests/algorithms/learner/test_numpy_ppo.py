"""Gradients written out against those of torch's graph, and flat Adam against torch's."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.learner.numpy_ppo import FlatAdam, NumpyPPOStep
from rllib_zoo.algorithms.learner.objectives import (
    PPOCoefficients,
    ppo_objective,
    trust_region_stats,
)
from rllib_zoo.algorithms.ops.distributions import DiagonalGaussian
from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic
from rllib_zoo.custom_models.numpy_mlp import dense_actor_critic

B, N_OBS, D = 48, 5, 3
OBS = gym.spaces.Box(-np.inf, np.inf, (N_OBS,), np.float32)
ACTIONS = gym.spaces.Box(-1.0, 1.0, (D,), np.float32)
DENSE = {
    "encoder_hiddens": [16, 8],
    "policy_hiddens": [],
    "value_hiddens": [],
    "activation": "tanh",
    "shared_encoder": False,
    "free_log_std": True,
    "log_std_init": -0.5,
}
VARIANTS = {
    "none": PPOCoefficients(None, None, 0.5, 0.0, None),
    "clip": PPOCoefficients(0.1, None, 0.5, 0.01, None),
    "kl": PPOCoefficients(None, None, 1.0, 0.0, 3.0),
    "both": PPOCoefficients(0.3, 1.5, 0.5, 0.02, 0.2),
}


def network(seed=0, obs=OBS, **options):
    torch.manual_seed(seed)
    config = {"custom_model_config": {**DENSE, **options}}
    return SharedEncoderActorCritic(obs, ACTIONS, 2 * D, config, "policy")


def minibatch(model, seed=1):
    """Rows whose ratios leave every bound on both sides."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    obs, distribution = normal(B, N_OBS), DiagonalGaussian(D)
    with torch.no_grad():
        inputs, values = model.policy_and_value(obs)
        old_inputs = inputs + 0.3 * normal(B, 2 * D)
        actions = distribution.sample(old_inputs, normal(B, D))
        old = distribution.log_prob(old_inputs, actions)
    return Batch(obs, actions, old_inputs, old, values, normal(B), values + 1.5 * normal(B))


def by_graph(model, batch, coefficients):
    """Numbers to log, and every parameter's gradient."""
    distribution = DiagonalGaussian(D)
    inputs, values = model.policy_and_value(batch.obs)
    loss, stats = ppo_objective(distribution, inputs, values, batch, coefficients)
    loss.backward()
    stats |= trust_region_stats(distribution, inputs.detach(), batch, coefficients.clip_param)
    return {name: float(value) for name, value in stats.items()}, [
        parameter.grad for parameter in model.parameters()
    ]


def nowhere():
    return "here"


@pytest.mark.parametrize("coefficients", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_gradients_and_numbers_are_those_of_the_graph(coefficients, activation):
    model = network(activation=activation)
    batch = minibatch(model)
    expected, gradients = by_graph(model, batch, coefficients)
    step = NumpyPPOStep(model, torch.optim.Adam(model.parameters(), lr=0.0), None)
    step.begin_update()
    stats = step(batch, coefficients, nowhere, diagnose=True)
    order = [id(p) for p in dense_actor_critic(model).parameters]
    found = dict(zip(order, step._adam.gradients, strict=True))
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert_allclose(found[id(parameter)], gradient, rtol=2e-4, atol=2e-6)
    norm = stats.pop("gradients_default_optimizer_global_norm")
    assert norm == pytest.approx(float(torch.nn.utils.get_total_norm(gradients)), rel=1e-4)
    assert stats == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_bound_of_the_norm_is_torchs():
    ours, torchs = network(), network()
    batch = minibatch(ours)
    step = NumpyPPOStep(ours, torch.optim.Adam(ours.parameters(), lr=0.1), 0.01)
    step.begin_update()
    by_graph(torchs, batch, VARIANTS["clip"])
    torch.nn.utils.clip_grad_norm_(torchs.parameters(), 0.01)
    torch.optim.Adam(torchs.parameters(), lr=0.1).step()
    step(batch, VARIANTS["clip"], nowhere, diagnose=False)
    for a, b in zip(ours.parameters(), torchs.parameters(), strict=True):
        assert_allclose(a.detach(), b.detach(), atol=2e-3)


def test_broken_numbers_stop_before_the_step():
    model = network()
    batch = minibatch(model)
    batch.advantages[3] = float("nan")
    step = NumpyPPOStep(model, torch.optim.Adam(model.parameters(), lr=0.1), None)
    step.begin_update()
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(FloatingPointError, match=r"is nan at here .*was not applied"):
        step(batch, VARIANTS["clip"], nowhere, diagnose=False)
    assert all(torch.equal(a, b.detach()) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"shared_encoder": True},
        {"free_log_std": False, "log_std_init": 0.0},
        {"layer_norm": True},
        {"activation": "elu"},
        {"encoder_hiddens": [], "activation": "linear"},
    ],
    ids=str,
)
def test_other_networks_are_left_to_torch(options):
    assert dense_actor_critic(network(**options)) is None
    assert dense_actor_critic(torch.nn.Linear(2, 2)) is None


def test_arrays_give_the_networks_outputs_and_follow_its_weights():
    model = network()
    dense = dense_actor_critic(model)
    obs = torch.randn(7, N_OBS)
    for _ in range(2):
        with torch.no_grad():
            inputs, values = model.policy_and_value(obs)
            found = dense.policy_and_value(obs.numpy())
            assert_allclose(found[0], inputs, atol=1e-6)
            assert_allclose(found[1], values, atol=1e-6)
            for parameter in model.parameters():
                parameter.add_(0.1)


def adam_pair():
    """The same parameters under torch's Adam and under ours, on the same gradients."""
    torch.manual_seed(0)
    sets = [[torch.nn.Parameter(torch.ones(4, 3)), torch.nn.Parameter(torch.ones(3))] for _ in "ab"]
    make = {"lr": 0.03, "betas": (0.8, 0.99), "eps": 1e-5}
    optimizers = [torch.optim.Adam(parameters, **make) for parameters in sets]
    flat = FlatAdam(optimizers[1], sets[1])
    flat.sync_state()
    return sets, optimizers, flat


def both_step(sets, optimizers, flat, steps):
    for _ in range(steps):
        for parameter, part in zip(sets[0], flat.gradients, strict=True):
            parameter.grad = torch.randn_like(parameter)
            part[:] = parameter.grad.numpy()
        optimizers[0].step()
        flat.step()


def test_flat_adam_is_torchs():
    sets, optimizers, flat = adam_pair()
    both_step(sets, optimizers, flat, 20)
    for a, b in zip(*sets, strict=True):
        assert_allclose(a.detach(), b.detach(), rtol=1e-5, atol=1e-6)
        for key in ("exp_avg", "exp_avg_sq", "step"):
            ours, torchs = (o.state[p][key] for o, p in zip(optimizers, (a, b), strict=True))
            assert_allclose(ours, torchs, rtol=1e-5, atol=1e-7)


def test_flat_adam_goes_on_from_a_saved_state():
    sets, optimizers, flat = adam_pair()
    both_step(sets, optimizers, flat, 5)
    saved = optimizers[0].state_dict()
    both_step(sets, optimizers, flat, 3)
    with torch.no_grad():
        for a, b in zip(*sets, strict=True):
            b.copy_(a)
    for optimizer in optimizers:
        optimizer.load_state_dict(saved)
    flat.sync_state()
    both_step(sets, optimizers, flat, 5)
    for a, b in zip(*sets, strict=True):
        assert_allclose(a.detach(), b.detach(), rtol=1e-5, atol=1e-6)
