"""Checks of a network's weights before they are loaded: they would be cast or used without a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_zoo.experiments.errors import RequestError


def require_valid_weights(
    weights: Mapping[str, Any], expected: Mapping[str, Any], file: Any
) -> None:
    """Check that tensors are floating where the network's are, and finite in its precision.

    Args:
        weights: name → tensor or array.
        expected: name → tensor of the network; other names are not checked.
        file: for the message.

    Raises:
        RequestError: the first tensor that is not, by name.
    """
    import torch

    for name, required in expected.items():
        if name not in weights:
            continue
        tensor = torch.as_tensor(weights[name])
        if tensor.is_floating_point() != required.is_floating_point():
            kinds = [str(each.dtype).removeprefix("torch.") for each in (tensor, required)]
            problem = f"tensor {name} has dtype {kinds[0]}, the network requires {kinds[1]}"
            raise RequestError(problem, file=file)
        values = tensor.to(required.dtype)
        if values.is_floating_point() and not (finite := torch.isfinite(values)).all():
            first = values[~finite].flatten()[0].item()
            number = f"{int((~finite).sum()):,} of {values.numel():,} numbers"
            raise RequestError(
                f"tensor {name} is not finite: {number}, the first is {first}", file=file
            )
