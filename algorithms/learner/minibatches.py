"""Minibatches: one epoch's way through a batch."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.learner.sequences import SequenceBatch, sequence_minibatches


def minibatches(
    batch: Batch, size: int | None, generator: torch.Generator | None, *, distributed: bool
) -> Iterator[Batch]:
    """One epoch's minibatches of valid steps; the whole batch without a size.

    Their number follows from the batch's rows, not from the count of valid steps, so that all learners
    make equally many steps; their sizes differ by one at most.

    Args:
        batch: what they are drawn from; whole sequences of a :class:`SequenceBatch`.
        size: steps of one minibatch, about; None: one minibatch.
        generator: shuffles the steps; None leaves them in order.
        distributed: there are other learners, who wait for this one at every gradient: a minibatch
            may be empty. A learner on its own makes no empty ones.
    """
    number = 1 if size is None else max(-(-batch.num_rows // size), 1)
    if isinstance(batch, SequenceBatch):
        yield from sequence_minibatches(batch, number, generator, distributed=distributed)
        return
    count = len(batch.advantages) if batch.valid is None else len(batch.valid)
    if not distributed:
        number = min(number, count)
    if number == 1:
        yield batch.all_valid()
        return
    device = batch.advantages.device
    if generator is not None:
        order = torch.randperm(count, generator=generator).to(device)
    else:
        order = torch.arange(count, device=device)
    indices = order if batch.valid is None else batch.valid[order]
    if batch.obs.dim() == 2:
        # Vectors are gathered in one go; a second copy of images would take too much memory.
        yield from batch.rows(indices).split(number)
        return
    for chunk in torch.tensor_split(indices, number):
        yield batch.rows(chunk)
