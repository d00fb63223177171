"""Using one TorchModelV2 from several threads."""

from __future__ import annotations

import copy
from collections.abc import Callable
from threading import Lock, get_ident
from typing import Any, TypeVar

from ray.rllib.models.torch.torch_modelv2 import TorchModelV2

Result = TypeVar("Result")


class SharedModel:
    """A TorchModelV2 that keeps tensors of its last forward for ``value_function()``.

    Between the two calls another thread may call forward. With ``copied`` other threads than the one
    that built the model use shallow copies, which share its weights. Custom models may hold references
    to themselves, which a shallow copy would not follow: without ``copied`` a lock serializes threads.
    """

    def __init__(self, model: TorchModelV2, *, copied: bool):
        self.model = model
        self._copied = copied
        self._lock = Lock()
        self._thread = get_ident()

    def run(self, forward: Callable[[Any], Result]) -> Result:
        """``forward(model)``: a forward pass and the calls that need its tensors."""
        if self._copied:
            own_thread = get_ident() == self._thread
            return forward(self.model if own_thread else copy.copy(self.model))
        with self._lock:
            return forward(self.model)

    def __reduce__(self) -> Any:
        # A copy gets a lock of its own.
        return _rebuilt, (self.model, self._copied)


def _rebuilt(model: TorchModelV2, copied: bool) -> SharedModel:
    return SharedModel(model, copied=copied)
