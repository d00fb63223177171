"""RLlib's replay buffers of single steps, on arrays: a batch is gathered, not put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ray.rllib.policy.sample_batch import SampleBatch
from ray.rllib.utils.replay_buffers import PrioritizedReplayBuffer, ReplayBuffer

from rllib_zoo.algorithms.env_runner.rollout import Array

# Columns that a prioritized buffer adds to a batch.
WEIGHTS, INDICES = "weights", "batch_indexes"


class Row(dict[str, Any]):
    """One transition, as RLlib's buffers ask for an item."""

    count = 1

    def size_bytes(self) -> int:
        """Memory of the arrays."""
        return sum(np.asarray(value).nbytes for value in self.values())


class Rows:
    """The list of items of RLlib's buffers, one array per column.

    Args:
        capacity: rows to make room for.
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
        """Add a row; the first one says what the columns are."""
        if not self._columns:
            for name, value in row.items():
                like = np.asarray(value)
                # Unwritten pages take no memory: room for all costs nothing before it is used.
                self._columns[name] = np.empty((self._capacity, *like.shape), like.dtype)
        self._length += 1
        self[self._length - 1] = row

    def gather(self, indices: Sequence[int] | Array) -> dict[str, Array]:
        """These rows, column by column."""
        return {name: column[indices] for name, column in self._columns.items()}

    def state(self) -> dict[str, Array]:
        """For checkpoints: the rows that are there."""
        return {name: column[: self._length].copy() for name, column in self._columns.items()}

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Restore :meth:`state`."""
        self._columns, self._length = {}, 0
        for name, saved in state.items():
            self._length = len(saved)
            column = np.empty((self._capacity, *saved.shape[1:]), saved.dtype)
            column[: self._length] = saved
            self._columns[name] = column


class _OnArrays:
    """Mixed into a buffer of RLlib's: its rows are arrays, its draws come from a generator of its own.

    Args:
        capacity: rows kept; the oldest go first.
        seed: of the generator; None: any.
    """

    def __init__(self, capacity: int, seed: int | None = None, **kwargs: Any):
        super().__init__(capacity=capacity, **kwargs)  # type: ignore[call-arg]
        self._storage = Rows(capacity)
        self._generator = np.random.default_rng(seed)

    def add_columns(self, columns: Mapping[str, Array]) -> None:
        """Add as many rows as the columns are long."""
        for i in range(len(next(iter(columns.values())))):
            row = Row({name: column[i] for name, column in columns.items()})
            self._add_single_batch(row)  # type: ignore[attr-defined]

    def _encode_sample(self, idxes: Sequence[int] | Array) -> SampleBatch:
        """RLlib's hook: the batch of these rows."""
        return SampleBatch(self._storage.gather(idxes))

    def get_state(self) -> dict[str, Any]:
        """As RLlib's, with the generator."""
        state: dict[str, Any] = super().get_state()  # type: ignore[misc]
        state["_storage"] = self._storage.state()
        return {**state, "generator": self._generator.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`get_state`."""
        rows = self._storage
        super().set_state(state)  # type: ignore[misc]
        rows.set_state(state["_storage"])
        self._storage = rows
        self._generator.bit_generator.state = state["generator"]


class UniformReplay(_OnArrays, ReplayBuffer):
    """Every row is as likely as any other."""

    def sample(self, num_items: int | None = None, **_: Any) -> SampleBatch:
        """As RLlib's: rows drawn with replacement."""
        assert num_items is not None
        self._num_timesteps_sampled += num_items
        return self._encode_sample(self._generator.integers(len(self), size=num_items))


class PrioritizedReplay(_OnArrays, PrioritizedReplayBuffer):
    """Rows are drawn in proportion to priority^α (Schaul et al. 2016, equation 1)."""

    def _sample_proportional(self, num_items: int) -> list[int]:
        masses = self._generator.random(num_items) * self._it_sum.sum(0, len(self))
        return [self._it_sum.find_prefixsum_idx(mass) for mass in masses]


BUFFERS = {"ReplayBuffer": UniformReplay, "PrioritizedReplayBuffer": PrioritizedReplay}


class Replay:
    """A buffer and how batches are drawn from it and rated.

    Args:
        settings: ``type``, ``capacity``, and of a prioritized buffer ``alpha``, ``beta`` and ``eps``.
        seed: of the draws; None: any.
    """

    def __init__(self, settings: Mapping[str, Any], seed: int | None):
        self._prioritized = settings["type"] == "PrioritizedReplayBuffer"
        self._beta = settings.get("beta", 0.4)
        self._epsilon = settings.get("eps", 1e-6)
        own = {"alpha": settings.get("alpha", 0.6)} if self._prioritized else {}
        made = BUFFERS[settings["type"]](capacity=settings["capacity"], seed=seed, **own)
        self.buffer: Any = made

    def add(self, columns: Mapping[str, Array]) -> None:
        """Add transitions."""
        self.buffer.add_columns(columns)

    def sample(self, number: int) -> SampleBatch:
        """So many transitions, with ``weights`` and ``batch_indexes`` of a prioritized buffer."""
        return self.buffer.sample(number, beta=self._beta)

    def rate(self, batch: SampleBatch, td_errors: Array) -> None:
        """Give a batch's rows new priorities |δ| + ε (Schaul et al. 2016, section 3.3)."""
        if self._prioritized:
            priorities = np.abs(td_errors) + self._epsilon
            self.buffer.update_priorities(batch[INDICES], priorities)
