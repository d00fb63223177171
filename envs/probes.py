"""Probe environments: tiny environments whose value functions are known exactly.

Ordered by difficulty: each adds one thing a learner must get right, so the first probe that fails
names the broken part. γ is the learner's discount. Idea: Andy Jones 2021, "Debugging Reinforcement
Learning Systems", section "Probe environments".
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

_UNIT = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
Step = tuple[np.ndarray, float, bool, bool, dict[str, Any]]


def observation(number: float) -> np.ndarray:
    return np.array([number], dtype=np.float32)


class Probe(gym.Env):
    """One-dimensional observations and two actions; subclasses define the rest."""

    observation_space: gym.Space = _UNIT
    action_space: gym.Space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self._step = 0
        return self._start(), {}

    def _start(self) -> np.ndarray:
        """The first observation of an episode."""
        return observation(0.0)


class _RandomFirst(Probe):
    """The first observation is -1 or 1, equally likely."""

    def _start(self) -> np.ndarray:
        self._shown = float(self.np_random.integers(2) * 2 - 1)
        return observation(self._shown)

    def _matched(self, action: int) -> float:
        """1 if the action matches the first observation (-1 → 0, 1 → 1), else -1."""
        return 1.0 if action == int(self._shown > 0) else -1.0


class ConstantReward(Probe):
    """One step, reward 1. V(0) = 1.

    Only this probe fails when the critic cannot learn, or when reset steps (reward 0) reach the loss: these
    would pull V towards 1 / (2 - γ).
    """

    def step(self, action: int) -> Step:
        return observation(0.0), 1.0, True, False, {}


class ObservedReward(_RandomFirst):
    """One step; the reward is the observation, -1 or 1. V(s) = s.

    Fails when observations do not reach the network, or belong to another step's reward.
    """

    def step(self, action: int) -> Step:
        return observation(0.0), self._shown, True, False, {}


class DelayedReward(Probe):
    """Two steps: observation 0, then 1; reward 1 after the second. V(0) = γ, V(1) = 1.

    Fails when discounting or bootstrapping within an episode is wrong.
    """

    def step(self, action: int) -> Step:
        self._step += 1
        last = self._step == 2
        return observation(0.0 if last else 1.0), float(last), last, False, {}


class ActionReward(Probe):
    """One step; action 1 gives 1, action 0 gives -1. Optimal: always 1; V*(0) = 1.

    Fails when the policy gradient has the wrong sign or belongs to another action.
    """

    def step(self, action: int) -> Step:
        return observation(0.0), 1.0 if action == 1 else -1.0, True, False, {}


class ActionObservationReward(_RandomFirst):
    """One step; 1 when the action matches the observation (-1 → 0, 1 → 1), else -1. V*(s) = 1.

    Fails when observation and action of a step get separated (shuffling, flattening).
    """

    def step(self, action: int) -> Step:
        return observation(0.0), self._matched(action), True, False, {}


class RecalledReward(_RandomFirst):
    """``k`` steps of observation 0 after one of -1 or 1; only the last action counts.

    Reward 1 when it matches the first observation (-1 → 0, 1 → 1), else -1. A policy without
    memory gets 0 on average; with one V*(first observation) = γ^k.

    Only this probe fails when a recurrent state is not passed from step to step, in sampling or training.
    """

    def __init__(self, k: int = 3):
        self._k = k

    def step(self, action: int) -> Step:
        self._step += 1
        if self._step <= self._k:
            return observation(0.0), 0.0, False, False, {}
        return observation(0.0), self._matched(action), True, False, {}


class EndlessReward(Probe):
    """Reward 1 for ever, truncated every ``k`` steps, always the same observation.

    All steps look the same and nothing terminates: V(0) = 1 / (1 - γ). A learner that treats truncation
    as termination learns less: about the mean of (1 - γ^n) / (1 - γ) over n = 1 … k.
    """

    def __init__(self, k: int = 4):
        self._k = k

    def step(self, action: int) -> Step:
        self._step += 1
        return observation(0.0), 1.0, False, self._step >= self._k, {}


class FiniteReward(EndlessReward):
    """Terminates after ``k`` steps instead.

    The observation counts the steps done, t / k:
    V(t / k) = Σ_{i < k - t} γ^i = (1 - γ^{k-t}) / (1 - γ).
    """

    def step(self, action: int) -> Step:
        self._step += 1
        return observation(self._step / self._k), 1.0, self._step >= self._k, False, {}


class CutBeforeReward(Probe):
    """One step. At observation 1: reward 1, terminated. At -1: reward 0, truncated at observation 1.

    Four episodes in five start at -1. V(1) = 1 and V(-1) = γ V(1) = γ. Bootstrapping the
    truncated step with the next episode's first observation gives V(-1) = γ (0.8 V(-1) + 0.2), 0.44
    instead of 0.8 at γ = 0.8; treating truncation as termination gives 0.
    """

    def _start(self) -> np.ndarray:
        self._rewarding = self.np_random.random() < 0.2
        return observation(1.0 if self._rewarding else -1.0)

    def step(self, action: int) -> Step:
        return observation(1.0), float(self._rewarding), self._rewarding, not self._rewarding, {}


class ContinuousTarget(Probe):
    """One step, reward 1 - (action - ``target``)², action in [-2, 2]. Best: ``target``; V*(0) = 1.

    The bounds differ from [-1, 1]: a policy without rescaling, or with the log-probabilities of clipped
    actions, converges to another action.
    """

    action_space = gym.spaces.Box(-2.0, 2.0, (1,), np.float32)

    def __init__(self, target: float = 1.0):
        self._target = target

    def step(self, action: np.ndarray) -> Step:
        distance = float(action[0]) - self._target
        return observation(0.0), 1.0 - distance**2, True, False, {}


class LoudReset(VectorEnv):
    """:class:`ConstantReward` as a vector environment whose reset steps give ``reset_reward``.

    In NEXT_STEP mode the step after an end is the reset and its reward must be ignored; other vector
    environments make it 0, here a learner that counts it fails. V(0) = 1 and every return is 1.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs: int = 1, reset_reward: float = 100.0):
        self.num_envs = num_envs
        self._reset_reward = reset_reward
        self.single_observation_space = _UNIT
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._done = np.zeros(num_envs, dtype=bool)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[np.ndarray, dict]:
        self._done = np.zeros(self.num_envs, dtype=bool)
        return np.zeros((self.num_envs, 1), np.float32), {}

    def step(self, actions: np.ndarray) -> Any:
        rewards = np.where(self._done, self._reset_reward, 1.0)
        self._done = ~self._done
        obs = np.zeros((self.num_envs, 1), np.float32)
        return obs, rewards, self._done.copy(), np.zeros(self.num_envs, dtype=bool), {}
