"""How much the policy gradient of a batch is left to chance, measured at the weights it is taken at.

A batch has S sources: the environments' columns of a fragment, or single episodes where batches are of
whole ones. The batch's gradient is the mean of the sources' shares, g = mean_s u_s with
u_s = S/B · Σ_{t of s} -Â_t ∇ log π_θ(a_t|s_t) over its B steps. Sources are taken for independent draws,
so the variance of g over batches of this size is estimated from how far the shares lie apart:

    V = Σ_s |u_s - g|² / (S (S - 1)),  summed over all weights.

Only the policy's gradient counts: no value loss, no entropy bonus, no bound. Where a batch is used several
times (PPO), it is that before the first step. V has a unit: it compares estimators of one gradient at the
same weights. The noise B V / |E g|², in steps, compares any two.

Taken from: course policy-gradient lecture, "tips to reduce bias and variance"; McCandlish et al. 2018, "An
Empirical Model of Large-Batch Training", section 2.2 and appendix A.1 (the "simple noise scale").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.env_runner.policy import Context
from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.ops.distributions import Distribution

VARIANCE, SQUARED_NORM = "gradient_variance", "gradient_squared_norm"


class GradientVarianceMeter:
    """Measures the policy gradient of every so many-th batch under one network's present weights.

    Args:
        every: batches from one measurement to the next; None: none is measured.
        network: an RLModule with ``policy_and_value``.
        distribution: what its outputs describe.
        context: around the forward pass, see :func:`rllib_zoo.algorithms.runtime.forward_context`.
    """

    def __init__(
        self, every: int | None, network: Any, distribution: Distribution, context: Context
    ):
        self._every = every
        self._parameters = list(network.parameters())
        self._log_probs_of = partial(log_probs_under, network, distribution, context)

    def __call__(self, batch: Batch, mask_TN: np.ndarray, number: int) -> dict[str, float]:
        """See :func:`policy_gradient_variance`; empty where batch ``number``, from 0, is not due."""
        if not due(self._every, number):
            return {}
        return policy_gradient_variance(self._log_probs_of, batch, mask_TN, self._parameters)


def policy_gradient_variance(
    log_probs_of: Callable[[Batch], Tensor],
    batch: Batch,
    mask_TN: np.ndarray,
    parameters: Sequence[Tensor],
) -> dict[str, float]:
    """Variance and squared length of a batch's policy gradient.

    Args:
        log_probs_of: log π_θ(a_t|s_t) [B] of a batch's rows, with a gradient.
        batch: of the rollout that the mask is of, flattened time-major.
        mask_TN: bool [T, N]; every column with a step in it is a source.
        parameters: the weights; those the policy does not depend on count 0.

    Returns:
        ``gradient_variance``: B · V, the variance times the batch's steps, which does not grow or fall
        with the batch's size. ``gradient_squared_norm``: |g|² - V, an unbiased estimate of |E g|² that
        may be negative. Both NaN with fewer than two sources.
    """
    columns = np.broadcast_to(np.arange(mask_TN.shape[1]), mask_TN.shape)[mask_TN]
    sources = [torch.from_numpy(np.flatnonzero(columns == name)) for name in np.unique(columns)]
    number, steps = len(sources), len(columns)
    if number < 2:
        return {VARIANCE: math.nan, SQUARED_NORM: math.nan}
    rows = batch.all_valid()
    total, squares = torch.zeros((), device=rows.obs.device), 0.0
    for source in sources:
        part = rows.rows(source.to(rows.obs.device))
        loss = -(log_probs_of(part) * part.advantages).sum() * (number / steps)
        flat = _flat_gradient(loss, parameters)
        squares += float(flat.square().sum())
        total = total + flat
    squared = float(total.square().sum()) / number**2
    variance = (squares / number - squared) / (number - 1)
    return {VARIANCE: steps * variance, SQUARED_NORM: squared - variance}


def _flat_gradient(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """∇loss as one vector in double precision, without the weights that it does not depend on."""
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    return torch.cat([g.reshape(-1) for g in gradients if g is not None]).double()


def log_probs_under(
    network: Any, distribution: Distribution, context: Context, batch: Batch
) -> Tensor:
    """log π_θ(a_t|s_t) [B] of a batch's rows under the network's present weights."""
    with context():
        dist_inputs, _ = batch.outputs(network)
    return distribution.log_prob(dist_inputs.float(), batch.actions)


def due(every: int | None, updates: int) -> bool:
    """Whether the update that follows so many others is measured; None: none is."""
    return every is not None and updates % every == 0
