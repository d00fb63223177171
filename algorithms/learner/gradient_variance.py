"""Variance of a batch's policy gradient at the current weights.

A batch has S sources: the environments' columns of a fragment, or single episodes of whole-episode
batches. The batch's gradient is the mean of the sources' contributions, g = mean_s u_s with
u_s = S/B · Σ_{t of s} -Â_t ∇ log π_θ(a_t|s_t) over its B steps. With sources as independent samples, the
variance of g over batches of this size is estimated from the spread of the contributions:

    V = Σ_s |u_s - g|² / (S (S - 1)),  summed over all weights.

Only the policy's gradient counts: no value loss, no entropy bonus, no clipping. Where a batch is used
several times (PPO), it is the gradient before the first step. V has a unit and compares estimators of one
gradient at the same weights; the noise B V / |E g|², in steps, compares any two.

Sources: course policy-gradient lecture, "tips to reduce bias and variance"; McCandlish et al. 2018, "An
Empirical Model of Large-Batch Training", section 2.2 and appendix A.1 (the "simple noise scale").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.env_runner.policy import Context
from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.ops.distributions import Distribution

VARIANCE, SQUARED_NORM = "gradient_variance", "gradient_squared_norm"


class GradientVarianceMeter:
    """Measures the policy gradient's variance on every ``every``-th batch.

    Args:
        every: batches from one measurement to the next; None disables it.
        network: an RLModule with ``policy_and_value``.
        distribution: that the network's outputs parameterize.
        context: context manager of the forward pass, see ``runtime.forward_context``.
    """

    def __init__(
        self, every: int | None, network: Any, distribution: Distribution, context: Context
    ):
        self._every, self._network = every, network
        self._distribution, self._context = distribution, context
        self._parameters = list(network.parameters())

    def __call__(self, batch: Batch, mask_TN: np.ndarray, number: int) -> dict[str, float]:
        """See :func:`policy_gradient_variance`; empty if batch ``number``, from 0, is not measured."""
        if self._every is None or number % self._every:
            return {}
        return policy_gradient_variance(self._log_probs, batch, mask_TN, self._parameters)

    def _log_probs(self, batch: Batch) -> Tensor:
        """log π_θ(a_t|s_t) [B] with the network's current weights."""
        with self._context():
            dist_inputs, _ = batch.outputs(self._network)
        return self._distribution.log_prob(dist_inputs.float(), batch.actions)


def policy_gradient_variance(
    log_probs_of: Callable[[Batch], Tensor],
    batch: Batch,
    mask_TN: np.ndarray,
    parameters: Sequence[Tensor],
) -> dict[str, float]:
    """Variance and squared norm of a batch's policy gradient.

    Args:
        log_probs_of: log π_θ(a_t|s_t) [B] of a batch's rows, differentiable.
        batch: of the rollout of ``mask_TN``, flattened time-major.
        mask_TN: bool [T, N]; every column with an unmasked step is a source.
        parameters: the weights; those the policy does not depend on count as 0.

    Returns:
        ``gradient_variance``: B · V, which does not depend on the batch's size.
        ``gradient_squared_norm``: |g|² - V, an unbiased estimate of |E g|² that may be negative. Both
        are NaN with fewer than two sources.
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
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        flat = torch.cat([g.reshape(-1) for g in gradients if g is not None]).double()
        squares += float(flat.square().sum())
        total = total + flat
    squared = float(total.square().sum()) / number**2
    variance = (squares / number - squared) / (number - 1)
    return {VARIANCE: steps * variance, SQUARED_NORM: squared - variance}
