"""Probe environments: tiny worlds whose value functions are known exactly.

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


def _obs(number: float) -> np.ndarray:
    return np.array([number], dtype=np.float32)


class _Probe(gym.Env):
    """One number observed, two actions; subclasses replace what they are about."""

    observation_space: gym.Space = _UNIT
    action_space: gym.Space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        return self._start(), {}

    def _start(self) -> np.ndarray:
        """The first observation of an episode."""
        return _obs(0.0)

    def _coin(self) -> float:
        """-1 or 1, equally likely."""
        return float(self.np_random.integers(2) * 2 - 1)


class ConstantReward(_Probe):
    """One step, reward 1. V(0) = 1.

    Fails alone when the critic cannot learn, or when reset steps (reward 0) reach the loss: these
    would pull V towards 1 / (2 - γ).
    """

    def step(self, action: int) -> Step:
        return _obs(0.0), 1.0, True, False, {}


class ObservedReward(_Probe):
    """One step; the reward is the observation, -1 or 1. V(s) = s.

    Fails when observations do not reach the network, or belong to another step's reward.
    """

    def _start(self) -> np.ndarray:
        self._shown = self._coin()
        return _obs(self._shown)

    def step(self, action: int) -> Step:
        return _obs(0.0), self._shown, True, False, {}


class DelayedReward(_Probe):
    """Two steps: observation 0, then 1; reward 1 after the second. V(0) = γ, V(1) = 1.

    Fails when discounting or bootstrapping within an episode is wrong.
    """

    def _start(self) -> np.ndarray:
        self._step = 0
        return _obs(0.0)

    def step(self, action: int) -> Step:
        self._step += 1
        last = self._step == 2
        return _obs(0.0 if last else 1.0), float(last), last, False, {}


class ActionReward(_Probe):
    """One step; action 1 gives 1, action 0 gives -1. Optimal: always 1; V*(0) = 1.

    Fails when the policy gradient has the wrong sign or belongs to another action.
    """

    def step(self, action: int) -> Step:
        return _obs(0.0), 1.0 if action == 1 else -1.0, True, False, {}


class ActionObservationReward(_Probe):
    """One step; 1 when the action matches the observation (-1 → 0, 1 → 1), else -1. V*(s) = 1.

    Fails when observation and action of a step get separated (shuffling, flattening).
    """

    def _start(self) -> np.ndarray:
        self._shown = self._coin()
        return _obs(self._shown)

    def step(self, action: int) -> Step:
        right = action == int(self._shown > 0)
        return _obs(0.0), 1.0 if right else -1.0, True, False, {}


class RecalledReward(_Probe):
    """``k`` steps of observation 0 after one of -1 or 1; only the last action counts.

    It gives 1 when it matches what was shown first (-1 → 0, 1 → 1), else -1. A policy without
    memory gets 0 on average; with one V*(first observation) = γ^k.

    Fails alone when a recurrent state does not reach from step to step, in playing or in training.
    """

    def __init__(self, k: int = 3):
        self._k = k

    def _start(self) -> np.ndarray:
        self._step = 0
        self._shown = self._coin()
        return _obs(self._shown)

    def step(self, action: int) -> Step:
        self._step += 1
        if self._step <= self._k:
            return _obs(0.0), 0.0, False, False, {}
        right = action == int(self._shown > 0)
        return _obs(0.0), 1.0 if right else -1.0, True, False, {}


class EndlessReward(_Probe):
    """Reward 1 for ever, cut (truncated) every ``k`` steps, always the same observation.

    Nothing tells the steps apart and nothing ends: V(0) = 1 / (1 - γ). A learner that takes the cut
    for an end finds less: about the mean of (1 - γ^n) / (1 - γ) over n = 1 … k.
    """

    def __init__(self, k: int = 4):
        self._k = k

    def _start(self) -> np.ndarray:
        self._step = 0
        return _obs(0.0)

    def step(self, action: int) -> Step:
        self._step += 1
        return _obs(0.0), 1.0, False, self._step >= self._k, {}


class FiniteReward(_Probe):
    """The twin of :class:`EndlessReward` that really ends (terminates) after ``k`` steps.

    The observation counts the steps done, t / k:
    V(t / k) = Σ_{i < k - t} γ^i = (1 - γ^{k-t}) / (1 - γ).
    """

    def __init__(self, k: int = 4):
        self._k = k

    def _start(self) -> np.ndarray:
        self._step = 0
        return _obs(0.0)

    def step(self, action: int) -> Step:
        self._step += 1
        return _obs(self._step / self._k), 1.0, self._step >= self._k, False, {}


class CutBeforeReward(_Probe):
    """One step. At observation 1: reward 1, end. At -1: no reward, cut at final observation 1.

    Four episodes in five start at -1. V(1) = 1 and V(-1) = γ V(1) = γ. Bootstrapping a cut with the
    next episode's first observation gives V(-1) = γ (0.8 V(-1) + 0.2), 0.44 instead of
    0.8 at γ = 0.8; taking the cut for an end gives 0.
    """

    def _start(self) -> np.ndarray:
        self._rewarding = self.np_random.random() < 0.2
        return _obs(1.0 if self._rewarding else -1.0)

    def step(self, action: int) -> Step:
        return _obs(1.0), float(self._rewarding), self._rewarding, not self._rewarding, {}


class ContinuousTarget(_Probe):
    """One step, reward 1 - (action - ``target``)², action in [-2, 2]. Best: ``target``; V*(0) = 1.

    The bounds differ from [-1, 1], so a policy that is not rescaled, or whose log-probabilities
    belong to the clipped action, ends elsewhere.
    """

    action_space = gym.spaces.Box(-2.0, 2.0, (1,), np.float32)

    def __init__(self, target: float = 1.0):
        self._target = target

    def step(self, action: np.ndarray) -> Step:
        distance = float(action[0]) - self._target
        return _obs(0.0), 1.0 - distance**2, True, False, {}


class LoudReset(VectorEnv):
    """:class:`ConstantReward` as a vector environment whose reset steps pay ``reset_reward``.

    In NEXT_STEP mode the step after an end is spent on the reset and its reward is nobody's; other
    vector environments make it 0, here it would be noticed. V(0) = 1 and every return is 1.
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
