"""One TorchModelV2, several threads."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from ray.rllib.models.torch.torch_modelv2 import TorchModelV2


class SharedModel:
    """A TorchModelV2 that keeps tensors of its last forward for ``value_function()``.

    Between the two calls another thread's forward may come. RLlib's own models are copied for every
    use (3 µs: references, not weights). Somebody else's may hold references to themselves, which a
    copy would not follow, so threads take turns with it.
    """

    def __init__(self, model: TorchModelV2, *, copied: bool):
        self.model = model
        self._copied = copied
        self._turn = Lock()

    @contextmanager
    def use(self) -> Iterator[Any]:
        """The model for a forward and what belongs to it."""
        if self._copied:
            yield copy.copy(self.model)
            return
        with self._turn:
            yield self.model

    def __reduce__(self) -> Any:
        # A copy gets a lock of its own.
        return _rebuilt, (self.model, self._copied)


def _rebuilt(model: TorchModelV2, copied: bool) -> SharedModel:
    return SharedModel(model, copied=copied)
