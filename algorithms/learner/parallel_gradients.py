"""Gradients of a minibatch as the weighted mean over chunks: in several threads, or by microbatches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.runtime import ThreadPool

LossFunction = Callable[[Batch], tuple[Tensor, dict[str, Tensor]]]


def parallel_gradients(
    pool: ThreadPool, loss_of: LossFunction, batch: Batch, parameters: Sequence[Tensor]
) -> dict[str, Tensor]:
    """As :func:`chunked_gradients`, with forward and backward passes of the chunks in the pool's threads."""
    chunks = batch.split(pool.num_chunks(len(batch.advantages), "backward"))
    return chunked_gradients(loss_of, chunks, parameters, pool.map)


def chunked_gradients(
    loss_of: LossFunction,
    chunks: Sequence[Batch],
    parameters: Sequence[Tensor],
    map_: Callable[..., Iterable[Any]] = map,
) -> dict[str, Tensor]:
    """Set the parameters' ``grad`` to the gradients of the mean loss over all chunks of a minibatch.

    Args:
        loss_of: the loss, a mean over the rows of a batch, and metrics that are means as well.
        chunks: of the minibatch, all rows valid; they are weighted by their number of rows.
        parameters: ``grad`` becomes None for those the loss does not depend on.
        map_: applies a function to every chunk and returns the results in the chunks' order.

    Returns:
        The metrics, of the whole minibatch.
    """

    def gradients_of(chunk: Batch) -> tuple[tuple[Tensor | None, ...], dict[str, Tensor]]:
        loss, stats = loss_of(chunk)
        return torch.autograd.grad(loss, parameters, allow_unused=True), stats

    results = list(map_(gradients_of, chunks))
    count = sum(len(chunk.advantages) for chunk in chunks)
    weights = [len(chunk.advantages) / count for chunk in chunks]
    for index, parameter in enumerate(parameters):
        parameter.grad = _weighted_sum([gradients[index] for gradients, _ in results], weights)
    names = results[0][1]
    means = {name: _weighted_sum([stats[name] for _, stats in results], weights) for name in names}
    return {name: mean for name, mean in means.items() if mean is not None}


def _weighted_sum(parts: Sequence[Tensor | None], weights: Sequence[float]) -> Tensor | None:
    """Weighted sum of the parts that are not None; changes them in place."""
    total: Tensor | None = None
    for part, weight in zip(parts, weights, strict=True):
        if part is None:
            continue
        scaled = part if weight == 1.0 else part.mul_(weight)
        total = scaled if total is None else total.add_(scaled)
    return total
