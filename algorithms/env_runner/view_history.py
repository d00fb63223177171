"""Past steps of the running episodes, for custom models that view them."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_zoo.custom_models.model_inputs import ACTIONS, OBS, REWARDS, ModelViews, T

Array = np.ndarray


class ViewHistory:
    """The last observations, actions and rewards of N environments, and the steps of their episodes.

    Before an episode's start there is its first observation, and zeros otherwise. Source: RLlib's
    ``AgentCollector``. Unlike there ``t`` is 0 at the first step while acting, too, not -1.

    Attributes:
        last: float32 [N, V], the flat views of the last step, see :class:`ModelViews`.
    """

    def __init__(self, views: ModelViews, num_envs: int):
        self._views, self._num_envs = views, num_envs
        self.reset()

    def reset(self) -> None:
        """Start new episodes in every environment."""
        self.last = np.zeros((self._num_envs, self._views.size), np.float32)
        # Column → its last steps [N, depth, numbers], allocated at the first step; the oldest first.
        self._past: dict[str, Array] = {}
        self._before_reset = self._past
        self._t = self._t_before_reset = np.zeros(self._num_envs, np.int64)

    def step(self, obs: Array, firsts: Array) -> Array:
        """The flat views [N, V] of observations [N, …], also kept as ``last``.

        Args:
            obs: that the network acts on.
            firsts: bool [N], an episode's first observation.
        """
        self.last = self.peek(obs, firsts)
        return self.last

    def peek(self, obs: Array, firsts: Array, ended: Array | None = None) -> Array:
        """As :meth:`step` without keeping them; with ``ended`` of the final observations of those."""
        past, t = self._past, self._t
        if ended is not None:
            past = {name: steps[ended] for name, steps in self._before_reset.items()}
            t, firsts = self._t_before_reset[ended], np.zeros(len(obs), bool)
        flat_obs = np.asarray(obs, np.float32).reshape(len(obs), 1, -1)
        parts = []
        for view in self._views.views:
            for shift in view.shifts:
                if view.source == T:
                    parts.append(t.astype(np.float32)[:, None])
                elif view.source == OBS and (shift == 0 or OBS not in past):
                    parts.append(flat_obs[:, 0])
                elif view.source == OBS:
                    parts.append(np.where(firsts[:, None], flat_obs[:, 0], past[OBS][:, shift]))
                elif view.source in past:
                    parts.append(past[view.source][:, shift])
                else:
                    parts.append(np.zeros((len(obs), view.size // len(view.shifts)), np.float32))
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def record(
        self, obs: Array, actions: Array, rewards: Array, before: Array, after: Array
    ) -> None:
        """Append a step.

        Args:
            obs: [N, …] that the network acted on.
            actions: [N, …] as sampled.
            rewards: [N] that are learned from.
            before: bool [N], it was an episode's first step.
            after: bool [N], the next step is an episode's first.
        """
        self._before_reset, past = {}, self._past
        for name, column in ((OBS, obs), (ACTIONS, actions), (REWARDS, rewards)):
            depth = self._views.depth(name)
            if depth:
                latest = np.asarray(column, np.float32).reshape(self._num_envs, 1, -1)
                steps = past.get(name)
                start = latest if name == OBS else np.zeros_like(latest)
                if steps is None:
                    steps = np.repeat(start, depth, axis=1)
                elif name == OBS:
                    steps = np.where(before[:, None, None], start, steps)
                self._before_reset[name] = np.concatenate([steps[:, 1:], latest], axis=1)
        self._past = {
            name: steps if name == OBS else np.where(after[:, None, None], 0.0, steps)
            for name, steps in self._before_reset.items()
        }
        self._t_before_reset = self._t + 1
        self._t = np.where(after, 0, self._t_before_reset)

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"past": self._past, "t": self._t}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state`."""
        self._past, self._t = dict(state["past"]), state["t"]
