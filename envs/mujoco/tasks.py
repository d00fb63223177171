"""Observations, rewards and terminations of MuJoCo's tasks: gymnasium's formulas (v5), vectorised.

N copies, nq and nv coordinates and velocities of the model; float64 as in gymnasium. Every formula keeps
gymnasium's order of operations, so that results agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

Array = np.ndarray
# Observations [N, …], rewards [N], terminated [N].
Outcome = tuple[Array, Array, Array]
SPEED_LIMIT = 10.0


class Simulations(Protocol):
    """N simulations of one model: live arrays [N, …] of MuJoCo's fields (``mujoco.batch.Batch``)."""

    def bind(self, name: str) -> Array: ...


class Task:
    """A task of gymnasium.

    Args:
        simulations: of the task's model.
        single: one copy of gymnasium's environment, for names and sizes.
        options: the arguments of its class, with defaults.
    """

    def __init__(self, simulations: Simulations, single: Any, options: Mapping[str, Any]):
        self.options = options
        self.dt = single.dt
        self.qpos, self.qvel = simulations.bind("qpos"), simulations.bind("qvel")

    def begin_step(self) -> None:
        """Store what the reward compares with, before the simulations step."""

    def outcome(self, actions: Array) -> Outcome:
        """Observations, rewards and terminated after a step with these actions, float32 [N, nu]."""
        raise NotImplementedError

    def _no_copy(self) -> Array:
        return np.zeros(len(self.qpos), bool)


class Locomotion(Task):
    """Reward for velocity along x and, if a task defines it, for being healthy; control costs.

    Attributes:
        hidden_positions: number of first coordinates that observations leave out by default.
        speed_limit: observed velocities are clipped to it; None: not clipped.
    """

    hidden_positions = 1
    speed_limit: float | None = None

    def begin_step(self) -> None:
        self._x_before = self.qpos[:, 0].copy()

    def outcome(self, actions: Array) -> Outcome:
        velocity = (self.qpos[:, 0] - self._x_before) / self.dt
        rewards = self.options["forward_reward_weight"] * velocity
        terminated = self._no_copy()
        healthy = self.healthy()
        if healthy is not None:
            rewards = rewards + healthy * self.options["healthy_reward"]
            if self.options["terminate_when_unhealthy"]:
                terminated = ~healthy
        cost = self.options["ctrl_cost_weight"] * np.square(actions).sum(axis=-1)
        return self._observations(), rewards - cost, terminated

    def healthy(self) -> Array | None:
        """Which copies are healthy, bool [N]; None if a task does not define it."""
        return None

    def _observations(self) -> Array:
        hides = self.options["exclude_current_positions_from_observation"]
        positions = self.qpos[:, self.hidden_positions if hides else 0 :]
        velocities = self.qvel
        if self.speed_limit is not None:
            velocities = np.clip(velocities, -self.speed_limit, self.speed_limit)
        return np.concatenate((positions, velocities), axis=1)

    def _within(self, values: Array, option: str) -> Array:
        low, high = self.options[option]
        return (low < values) & (values < high)


class HalfCheetah(Locomotion):
    """``HalfCheetah-v5``."""


class Swimmer(Locomotion):
    """``Swimmer-v5``."""

    hidden_positions = 2


class Walker2d(Locomotion):
    """``Walker2d-v5``."""

    speed_limit = SPEED_LIMIT

    def healthy(self) -> Array:
        return self._within(self.qpos[:, 1], "healthy_z_range") & self._within(
            self.qpos[:, 2], "healthy_angle_range"
        )


class Hopper(Walker2d):
    """``Hopper-v5``: as the walker, and every coordinate must stay in its range."""

    def healthy(self) -> Array:
        state = np.concatenate((self.qpos[:, 2:], self.qvel), axis=1)
        return super().healthy() & self._within(state, "healthy_state_range").all(axis=1)


class InvertedPendulum(Task):
    """``InvertedPendulum-v5``: reward 1 for every step within 0.2 rad."""

    def outcome(self, actions: Array) -> Outcome:
        obs = np.concatenate((self.qpos, self.qvel), axis=1)
        terminated = ~np.isfinite(obs).all(axis=1) | (np.abs(obs[:, 1]) > 0.2)
        return obs, (~terminated).astype(np.float64), terminated


class InvertedDoublePendulum(Task):
    """``InvertedDoublePendulum-v5``: the tip must stay high, near the middle and slow."""

    def __init__(self, simulations: Simulations, single: Any, options: Mapping[str, Any]):
        super().__init__(simulations, single, options)
        self._sites = simulations.bind("site_xpos")
        self._constraint = simulations.bind("qfrc_constraint")

    def outcome(self, actions: Array) -> Outcome:
        x, y = self._sites[:, 0, 0], self._sites[:, 0, 2]
        terminated = y <= 1
        distance = 0.01 * x**2 + (y - 2) ** 2
        velocity = 1e-3 * self.qvel[:, 1] ** 2 + 5e-3 * self.qvel[:, 2] ** 2
        rewards = self.options["healthy_reward"] * ~terminated - distance - velocity
        angles = self.qpos[:, 1:]
        obs = (
            self.qpos[:, :1],
            np.sin(angles),
            np.cos(angles),
            np.clip(self.qvel, -SPEED_LIMIT, SPEED_LIMIT),
            np.clip(self._constraint[:, :1], -SPEED_LIMIT, SPEED_LIMIT),
        )
        return np.concatenate(obs, axis=1), rewards, terminated


class Reacher(Task):
    """``Reacher-v5``: the fingertip's distance to the target, and the cost of control."""

    def __init__(self, simulations: Simulations, single: Any, options: Mapping[str, Any]):
        super().__init__(simulations, single, options)
        self._bodies = simulations.bind("xpos")
        self._tip, self._target = (single.model.body(n).id for n in ("fingertip", "target"))

    def outcome(self, actions: Array) -> Outcome:
        gap = self._bodies[:, self._tip] - self._bodies[:, self._target]
        # A dot product per row, as in numpy.linalg.norm of a vector: bitwise the same.
        distance = np.sqrt([row.dot(row) for row in gap])
        reward = -distance * self.options["reward_dist_weight"]
        control = -np.square(actions).sum(axis=-1) * self.options["reward_control_weight"]
        angles = self.qpos[:, :2]
        obs = (np.cos(angles), np.sin(angles), self.qpos[:, 2:], self.qvel[:, :2], gap[:, :2])
        return np.concatenate(obs, axis=1), reward + control, self._no_copy()


_TASKS = (
    HalfCheetah, Hopper, InvertedDoublePendulum, InvertedPendulum, Reacher, Swimmer, Walker2d,
)  # fmt: skip
TASKS: dict[str, type[Task]] = {f"{task.__name__}-v5": task for task in _TASKS}
