"""Episode statistics: returns and lengths of running and finished episodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Episode:
    """One episode, with raw rewards: before clipping and normalization.

    Attributes:
        episode_return: undiscounted sum of rewards.
        length: agent steps.
        cut: whether it did not end; return and length are those so far.
    """

    episode_return: float
    length: int
    cut: bool = False


class EpisodeCounter:
    """Returns and lengths of the running episodes of N environments stepped together.

    With ``same_step`` False the environments follow gymnasium's NEXT_STEP mode: the step after an
    episode's end is spent on the reset; its action is ignored and its reward not counted.
    """

    def __init__(self, num_envs: int, *, same_step: bool):
        self._same_step = same_step
        self.resetting = np.zeros(num_envs, dtype=bool)
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, dtype=np.int64)

    def add(self, rewards: np.ndarray, done: np.ndarray) -> list[tuple[int, Episode]]:
        """Count one step of all environments; the finished episodes, with their index."""
        active = ~self.resetting
        self._returns += np.where(active, rewards, 0.0)
        self._lengths += active
        ended = []
        for i in np.flatnonzero(done).tolist():
            ended.append((i, Episode(float(self._returns[i]), int(self._lengths[i]))))
            self._returns[i], self._lengths[i] = 0.0, 0
        if not self._same_step:
            self.resetting = done
        return ended

    def discard(self, columns: np.ndarray) -> None:
        """Discard the running episodes of these environments, bool [N], and start new ones."""
        self._returns[columns], self._lengths[columns] = 0.0, 0

    def running(self) -> list[Episode]:
        """The running episodes so far."""
        pairs = zip(self._returns.tolist(), self._lengths.tolist(), strict=True)
        return [Episode(total, length, cut=True) for total, length in pairs]

    def is_finite(self) -> bool:
        """Whether the running episodes' returns are finite."""
        return bool(np.isfinite(self._returns).all())

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        return {
            "resetting": self.resetting.copy(),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore :meth:`state`."""
        self.resetting = state["resetting"].copy()
        self._returns = state["returns"].copy()
        self._lengths = state["lengths"].copy()


class EpisodeWindow:
    """The last finished training episodes of all runners, and the number of all so far."""

    def __init__(self, size: int):
        self._last: deque[Episode] = deque(maxlen=size)
        self.num_lifetime = 0

    def extend(self, episodes: Iterable[Episode]) -> None:
        """Add episodes in the order they ended."""
        for episode in episodes:
            self._last.append(episode)
            self.num_lifetime += 1

    def summary(self) -> dict[str, float]:
        """RLlib's episode metrics over the window; empty before the first episode has ended."""
        return summary(self._last)

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        last = [(episode.episode_return, episode.length) for episode in self._last]
        return {"last": last, "num_lifetime": self.num_lifetime}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore :meth:`state`."""
        self._last.clear()
        self._last.extend(Episode(*pair) for pair in state["last"])
        self.num_lifetime = state["num_lifetime"]


def summary(episodes: Iterable[Episode]) -> dict[str, float]:
    """RLlib's episode metrics; empty without episodes."""
    pairs = [(episode.episode_return, episode.length) for episode in episodes]
    if not pairs:
        return {}
    returns, lengths = np.array(pairs).T
    return {
        "episode_return_mean": float(returns.mean()),
        "episode_return_min": float(returns.min()),
        "episode_return_max": float(returns.max()),
        "episode_len_mean": float(lengths.mean()),
        "episode_len_min": int(lengths.min()),
        "episode_len_max": int(lengths.max()),
        "episode_window_size": len(pairs),
    }
