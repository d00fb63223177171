"""A deterministic policy and its noise."""

import pytest
import torch

from rllib_zoo.algorithms.ddpg.exploration import DeterministicPolicy, Noise


def generator():
    return torch.Generator().manual_seed(0)


def test_gaussian_noise_has_the_scale_of_its_schedule():
    noise = Noise({"type": "gaussian", "scale": [[0, 1.0], [100, 0.2]]})
    for step, scale in ((0, 1.0), (50, 0.6), (100, 0.2), (10**9, 0.2)):
        noise.set_timestep(step)
        drawn = noise.draw((20_000, 1, 2), generator())
        assert drawn.std().item() == pytest.approx(scale, rel=0.02)
        assert drawn.mean().item() == pytest.approx(0.0, abs=0.02)


def test_an_ornstein_uhlenbeck_process_has_its_variance_and_memory():
    noise = Noise({"type": "ornstein_uhlenbeck", "scale": 2.0, "theta": 0.15, "sigma": 0.2})
    drawn = noise.draw((4000, 50, 1), generator())[500:, :, 0]
    # x' = (1 - θ) x + σ ε: variance σ² / (1 - (1 - θ)²), correlation 1 - θ.
    assert drawn.std().item() == pytest.approx(2.0 * 0.2 / (1 - 0.85**2) ** 0.5, rel=0.02)
    lagged = torch.corrcoef(torch.stack([drawn[1:].flatten(), drawn[:-1].flatten()]))[0, 1]
    assert lagged.item() == pytest.approx(0.85, abs=0.01)


def test_the_process_goes_on_from_call_to_call():
    settings = {"type": "ornstein_uhlenbeck", "scale": 1.0, "theta": 0.1, "sigma": 1.0}
    whole, parts, source = Noise(settings), Noise(settings), generator()
    # Below 16 numbers torch draws them one after the other, however many are asked for.
    expected = whole.draw((6, 1, 2), generator())
    found = torch.cat([parts.draw((2, 1, 2), source) for _ in range(3)])
    torch.testing.assert_close(found, expected)


def test_actions_stay_within_bounds_and_the_mode_is_without_noise():
    policy = DeterministicPolicy(2, {"type": "gaussian", "scale": 1.0})
    means = torch.tensor([[0.9, -0.9]]).repeat(500, 1)
    actions = policy.sample(means, policy.noise((500,), generator()))
    assert actions.min().item() == -1.0
    assert actions.max().item() == 1.0
    torch.testing.assert_close(policy.mode(means), means)


def test_random_actions_do_not_ask_the_network():
    policy = DeterministicPolicy(1, {"type": "gaussian", "scale": 0.0})
    policy.random = True
    actions = policy.sample(torch.full((5000, 1), 0.7), policy.noise((5000,), generator()))
    assert actions.mean().item() == pytest.approx(0.0, abs=0.03)
    assert actions.std().item() == pytest.approx(1 / 3**0.5, rel=0.03)  # of U(-1, 1)
