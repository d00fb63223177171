"""One TorchModelV2, several threads."""

from __future__ import annotations

import copy
from collections.abc import Callable
from threading import Lock, get_ident
from typing import Any, TypeVar

from ray.rllib.models.torch.torch_modelv2 import TorchModelV2

Result = TypeVar("Result")


class SharedModel:
    """A TorchModelV2 that keeps tensors of its last forward for ``value_function()``.

    Between the two calls another thread's forward may come. Of RLlib's own models other threads
    than the one that built it use copies (of references, not of weights). Somebody else's may hold
    references to themselves, which a copy would not follow, so threads take turns with it.
    """

    def __init__(self, model: TorchModelV2, *, copied: bool):
        self.model = model
        self._copied = copied
        self._turn = Lock()
        self._home = get_ident()

    def run(self, forward: Callable[[Any], Result]) -> Result:
        """``forward(model)``: one forward and what belongs to it."""
        if self._copied:
            at_home = get_ident() == self._home
            return forward(self.model if at_home else copy.copy(self.model))
        with self._turn:
            return forward(self.model)

    def __reduce__(self) -> Any:
        # A copy gets a lock of its own.
        return _rebuilt, (self.model, self._copied)


def _rebuilt(model: TorchModelV2, copied: bool) -> SharedModel:
    return SharedModel(model, copied=copied)
