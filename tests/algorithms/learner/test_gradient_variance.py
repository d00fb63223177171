"""The policy gradient's variance against hand-made numbers, and against draws of many batches."""

import math
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.learner.gradient_variance import (
    GradientVarianceMeter,
    policy_gradient_variance,
)


def batch_of(obs, advantages, valid=None):
    obs = torch.tensor(obs, dtype=torch.float32)
    nothing = torch.zeros(len(obs))
    return Batch(obs, nothing, nothing, nothing, nothing, torch.tensor(advantages), nothing, valid)


def test_a_recurrent_network_is_refused(make_runner, make_learner):
    model = {"use_lstm": True, "fcnet_hiddens": [4], "lstm_cell_size": 4, "max_seq_len": 5}
    settings = {"model": model, "num_envs_per_env_runner": 2, "train_batch_size": 10}
    runner = make_runner(name="A2C", **settings)
    with pytest.raises(ValueError, match=r"gradient_variance_every 1 .* use_lstm"):
        make_learner(runner, name="A2C", gradient_variance_every=1, **settings)


def linear(weights):
    """log π = w · obs, so that ∇ log π of a row is its observation."""
    return lambda batch: batch.obs @ weights


def test_two_columns_by_hand():
    # T = 2, N = 2; ∇ of a row's loss is -Â · obs: column 0: -(1·1 + 2·3) = -7, column 1: -(1·2 + 2·4) = -10.
    # Shares u = S/B · sums = ½ · (-7, -10) = (-3.5, -5); g = -4.25;
    # V = (0.75² + 0.75²) / (2 · 1) = 0.5625; B V = 2.25; |g|² - V = 18.0625 - 0.5625 = 17.5
    weights = torch.zeros(1, requires_grad=True)
    batch = batch_of([[1.0], [2.0], [3.0], [4.0]], [1.0, 1.0, 2.0, 2.0])
    found = policy_gradient_variance(linear(weights), batch, np.ones((2, 2), bool), [weights])
    assert found["gradient_variance"] == pytest.approx(2.25)
    assert found["gradient_squared_norm"] == pytest.approx(17.5)
    assert weights.grad is None


def test_masked_rows_and_empty_columns_count_for_nothing():
    # Column 0 keeps its first row, column 1 both, column 2 none: sums -1 and -(1·2 + 2·4) = -10, B = 3.
    # u = 2/3 · (-1, -10); g = -11/3; V = (3² + 3²) / 2 = 9; B V = 27; |g|² - V = 121/9 - 9
    mask = np.array([[1, 1, 0], [0, 1, 0]], bool)
    obs = [[1.0], [2.0], [99.0], [99.0], [4.0], [99.0]]
    batch = batch_of(obs, [1.0, 1.0, 9.0, 9.0, 2.0, 9.0], torch.tensor([0, 1, 4]))
    weights = torch.zeros(1, requires_grad=True)
    unused = torch.zeros(3, requires_grad=True)
    found = policy_gradient_variance(linear(weights), batch, mask, [weights, unused])
    assert found["gradient_variance"] == pytest.approx(27.0)
    assert found["gradient_squared_norm"] == pytest.approx(121 / 9 - 9)


def test_one_source_has_no_variance():
    weights = torch.zeros(1, requires_grad=True)
    batch = batch_of([[1.0], [2.0]], [1.0, 1.0])
    found = policy_gradient_variance(linear(weights), batch, np.ones((2, 1), bool), [weights])
    assert all(math.isnan(value) for value in found.values())


def test_it_estimates_what_many_batches_show():
    """Mean V over batches is the variance of their gradients; mean |g|² - V the square of their mean."""
    rng = np.random.default_rng(0)
    weights = torch.zeros(2, requires_grad=True)
    steps, columns = 3, 8
    mask = np.ones((steps, columns), bool)
    gradients, variances, squares = [], [], []
    offset = np.array([1.0, 0.0])
    for _ in range(600):
        obs = rng.normal(size=(steps * columns, 2)) + offset
        advantages = rng.normal(size=steps * columns).astype(np.float32) + 2.0
        found = policy_gradient_variance(
            linear(weights), batch_of(obs, advantages), mask, [weights]
        )
        gradients.append(-(obs * advantages[:, None]).mean(axis=0))
        variances.append(found["gradient_variance"])
        squares.append(found["gradient_squared_norm"])
    truth = np.var(gradients, axis=0, ddof=1).sum()
    assert np.mean(variances) / (steps * columns) == pytest.approx(truth, rel=0.1)
    assert np.mean(squares) == pytest.approx(np.square([-2.0, 0.0]).sum(), rel=0.05)


def test_which_updates_are_measured():
    network = torch.nn.Linear(1, 1)
    network.policy_and_value = lambda obs: (network(obs), None)
    distribution = SimpleNamespace(log_prob=lambda dist_inputs, actions: dist_inputs[:, 0])
    batch, mask = batch_of([[1.0], [2.0]], [1.0, 1.0]), np.ones((1, 2), bool)
    every_second, never = (
        GradientVarianceMeter(every, network, distribution, nullcontext) for every in (2, None)
    )
    assert [bool(every_second(batch, mask, n)) for n in range(4)] == [True, False, True, False]
    assert not never(batch, mask, 0)


@pytest.mark.parametrize("name", ["A2C", "PG", "PPO"])
def test_measuring_changes_no_update(make_runner, make_learner, update, name):
    weights = []
    for every in (None, 1):
        runner = make_runner(name=name, num_envs_per_env_runner=4)
        settings = {"train_batch_size": 80, "gradient_variance_every": every}
        if name == "PPO":
            settings |= {"minibatch_size": 40, "num_epochs": 2}
        learner = make_learner(runner, name=name, **settings)
        stats = update(learner, runner.sample(num_steps=20))
        assert ("gradient_variance" in stats) == (every is not None)
        weights.append([tensor.detach().clone() for tensor in learner.state_tensors()])
    assert all(torch.equal(*pair) for pair in zip(*weights, strict=True))
