"""The gradient of one minibatch, computed by several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.runtime import ThreadTeam

LossFunction = Callable[[Batch], tuple[Tensor, dict[str, Tensor]]]
Share = tuple[tuple[Tensor | None, ...], dict[str, Tensor]]


class ParallelGradients:
    """Splits a minibatch over a team of threads that each run forward and backward."""

    def __init__(self, team: ThreadTeam):
        self._team = team

    def __call__(
        self, loss_of: LossFunction, batch: Batch, parameters: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Put the gradients of ``loss_of(batch)`` into the parameters' ``grad``.

        Args:
            loss_of: a mean over the rows of a batch, and numbers to log that are means as well:
                what the shares give is averaged by their rows, in a fixed order.
            batch: all rows valid.
            parameters: those the loss does not reach keep ``grad`` None.

        Returns:
            The numbers to log, for the whole batch.
        """
        shares = batch.split(self._team.shares(len(batch.advantages), "backward"))
        results = self._team.map(
            lambda share: share_of_gradients(loss_of, share, parameters), shares
        )
        return put_together(results, shares, parameters)


def put_together(
    results: Sequence[Share], shares: Sequence[Batch], parameters: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Average shares of a minibatch's gradients, by their rows, into the parameters' ``grad``.

    Returns:
        The numbers to log, for the whole minibatch.
    """
    count = sum(len(share.advantages) for share in shares)
    weights = [len(share.advantages) / count for share in shares]
    for index, parameter in enumerate(parameters):
        parameter.grad = _weighted([gradients[index] for gradients, _ in results], weights)
    names = results[0][1]
    means = {name: _weighted([stats[name] for _, stats in results], weights) for name in names}
    return {name: mean for name, mean in means.items() if mean is not None}


def share_of_gradients(loss_of: LossFunction, batch: Batch, parameters: Sequence[Tensor]) -> Share:
    """One share's gradients, None where the loss does not reach a parameter, and its numbers."""
    loss, stats = loss_of(batch)
    return torch.autograd.grad(loss, parameters, allow_unused=True), stats


def _weighted(parts: Sequence[Tensor | None], weights: Sequence[float]) -> Tensor | None:
    """Weighted sum; in place, because gradients belong to nobody else."""
    total: Tensor | None = None
    for part, weight in zip(parts, weights, strict=True):
        if part is None:
            continue
        scaled = part if weight == 1.0 else part.mul_(weight)
        total = scaled if total is None else total.add_(scaled)
    return total
