"""Clipping gradients and refusing broken ones."""

from __future__ import annotations

from collections.abc import Mapping

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
    norm: Tensor, stats: Mapping[str, Tensor], *, timestep: int, update: int
) -> None:
    """Stop before a broken update is applied.

    Raises:
        FloatingPointError: names the step, the update and the losses.
    """
    if not torch.isfinite(norm):
        numbers = ", ".join(f"{name} {float(value):.4g}" for name, value in stats.items())
        raise FloatingPointError(
            f"gradient norm is {float(norm)} at environment step {timestep}, update {update} "
            f"({numbers}); the update was not applied"
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
