"""RLlib's replay buffers of single transitions, stored in one array per column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ray.rllib.policy.sample_batch import SampleBatch
from ray.rllib.utils.replay_buffers import PrioritizedReplayBuffer, ReplayBuffer

from rllib_zoo.algorithms.descriptors import BUFFERS
from rllib_zoo.algorithms.env_runner.rollout import Array

# Column that a prioritized buffer adds to a batch.
WEIGHTS = "weights"


class Row(dict[str, Any]):
    """One transition, with the interface of an item of RLlib's buffers."""

    count = 1

    def size_bytes(self) -> int:
        """Size of the arrays."""
        return sum(np.asarray(value).nbytes for value in self.values())


class ColumnStorage:
    """Replaces the list of items of RLlib's buffers, with one array per column.

    Args:
        capacity: maximum number of rows.
    """

    def __init__(self, capacity: int):
        self._capacity = capacity
        self._columns: dict[str, Array] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Row:
        return Row({name: column[index] for name, column in self._columns.items()})

    def __setitem__(self, index: int, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            self._columns[name][index] = value

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row; the first one defines the columns."""
        if not self._columns:
            for name, value in row.items():
                like = np.asarray(value)
                # Unwritten pages take no memory, so allocating the capacity costs nothing.
                self._columns[name] = np.empty((self._capacity, *like.shape), like.dtype)
        self._length += 1
        self[self._length - 1] = row

    def gather(self, indices: Sequence[int] | Array) -> dict[str, Array]:
        """The columns of these rows."""
        return {name: column[indices] for name, column in self._columns.items()}

    def state(self) -> dict[str, Array]:
        """For checkpoints: all rows."""
        return {name: column[: self._length].copy() for name, column in self._columns.items()}

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Restore :meth:`state`."""
        self._columns, self._length = {}, 0
        for name, saved in state.items():
            self._length = len(saved)
            column = np.empty((self._capacity, *saved.shape[1:]), saved.dtype)
            column[: self._length] = saved
            self._columns[name] = column


class ArrayStorageMixin:
    """Mixin for a buffer of RLlib: stores rows in arrays, and samples with a generator of its own.

    Args:
        capacity: maximum number of rows; the oldest are overwritten first.
        seed: of the generator; None for a random one.
    """

    def __init__(self, capacity: int, seed: int | None, **kwargs: Any):
        super().__init__(capacity=capacity, **kwargs)  # type: ignore[call-arg]
        self._storage = ColumnStorage(capacity)
        self._generator = np.random.default_rng(seed)

    def add_columns(self, columns: Mapping[str, Array]) -> None:
        """Add all rows of the columns."""
        for i in range(len(next(iter(columns.values())))):
            row = Row({name: column[i] for name, column in columns.items()})
            self._add_single_batch(row)  # type: ignore[attr-defined]

    def _encode_sample(self, idxes: Sequence[int] | Array) -> SampleBatch:
        """RLlib's hook: the batch of the rows at these indices."""
        return SampleBatch(self._storage.gather(idxes))

    def get_state(self) -> dict[str, Any]:
        """As RLlib's, with the generator."""
        state: dict[str, Any] = super().get_state()  # type: ignore[misc]
        state["_storage"] = self._storage.state()
        return {**state, "generator": self._generator.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`get_state`."""
        storage = self._storage
        super().set_state(state)  # type: ignore[misc]
        storage.set_state(state["_storage"])
        self._storage = storage
        self._generator.bit_generator.state = state["generator"]


class UniformReplay(ArrayStorageMixin, ReplayBuffer):
    """Samples rows uniformly."""

    def sample(self, num_items: int | None = None, **_: Any) -> SampleBatch:
        """As RLlib: rows drawn with replacement."""
        assert num_items is not None
        self._num_timesteps_sampled += num_items
        return self._encode_sample(self._generator.integers(len(self), size=num_items))

    def set_td_errors(self, batch: SampleBatch, td_errors: Array) -> None:
        """No effect."""


class PrioritizedReplay(ArrayStorageMixin, PrioritizedReplayBuffer):
    """Samples rows in proportion to priority^α (Schaul et al. 2016, equation 1), with ``weights``."""

    def __init__(
        self,
        capacity: int,
        seed: int | None,
        alpha: float = 0.6,
        beta: float = 0.4,
        eps: float = 1e-6,
    ):
        super().__init__(capacity, seed, alpha=alpha)
        self._beta, self._eps = beta, eps

    def sample(self, num_items: int, **_: Any) -> SampleBatch:
        """As RLlib, with the configured β."""
        return super().sample(num_items, beta=self._beta)

    def _sample_proportional(self, num_items: int) -> list[int]:
        masses = self._generator.random(num_items) * self._it_sum.sum(0, len(self))
        return [self._it_sum.find_prefixsum_idx(mass) for mass in masses]

    def set_td_errors(self, batch: SampleBatch, td_errors: Array) -> None:
        """Set the priorities of a sampled batch's rows to |δ| + ε (Schaul et al. 2016, section 3.3)."""
        self.update_priorities(batch["batch_indexes"], np.abs(td_errors) + self._eps)


_CLASSES = dict(zip(BUFFERS, (UniformReplay, PrioritizedReplay), strict=True))


def make_replay_buffer(settings: Mapping[str, Any], seed: int | None) -> Any:
    """Create the buffer of a ``replay_buffer_config``; ``seed`` None samples randomly."""
    options = {name: value for name, value in settings.items() if name != "type"}
    return _CLASSES[settings["type"]](seed=seed, **options)
