"""Clipping gradients and refusing broken ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


def clip_gradients(parameters: list[Tensor], limit: float | None, by: str) -> Tensor:
    """Clip gradients in place.

    Args:
        parameters: those with gradients.
        limit: the bound, or None for no clipping.
        by: ``global_norm`` (all gradients together), ``norm`` (each tensor by itself) or ``value``.

    Returns:
        The global L2 norm before clipping, a scalar tensor.
    """
    if limit is not None and by == "global_norm":
        return torch.nn.utils.clip_grad_norm_(parameters, limit)
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
    if limit is not None and by == "value":
        torch.nn.utils.clip_grad_value_(parameters, limit)
    elif limit is not None:
        for parameter in parameters:
            torch.nn.utils.clip_grad_norm_([parameter], limit)
    return norm


def require_finite(
    norm: Tensor, loss: Tensor | None, stats: Mapping[str, Tensor], where: Callable[[], str]
) -> None:
    """Stop before a broken update is applied.

    Args:
        norm: of the gradients, before clipping.
        loss: whose gradients they are; None where other learners have losses of their own, and
            would wait for one that stops alone.
        stats: the terms of the loss.
        where: says which update of what it is; asked only when it is broken.

    Raises:
        FloatingPointError: one line with the place and the losses.
    """
    if not torch.isfinite(norm if loss is None else norm + loss):
        what, value = "gradient norm", norm
        if loss is not None and torch.isfinite(norm):
            what, value = "loss", loss
        numbers = ", ".join(f"{name} {float(value):.4g}" for name, value in stats.items())
        raise FloatingPointError(
            f"{what} is {float(value)} at {where()} ({numbers}); the update was not applied"
        )


def average_gradients(parameters: list[Tensor]) -> None:
    """Replace every gradient by its mean over the learners, in one exchange."""
    flat = torch.cat([p.grad.reshape(-1) for p in parameters])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for parameter, part in zip(
        parameters, flat.split([p.numel() for p in parameters]), strict=True
    ):
        parameter.grad.copy_(part.view_as(parameter))
