"""DDPG's env runner: it stores next observations and explores with noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rllib_zoo.algorithms.ddpg.exploration import DeterministicPolicy
from rllib_zoo.algorithms.env_runner.collector import RolloutCollector
from rllib_zoo.algorithms.env_runner.env_group import EnvGroup
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.rollout import Rollout

# A timestep after the end of every schedule.
END_OF_SCHEDULE = 2**62


@dataclass(frozen=True)
class TransitionCollector(RolloutCollector):
    """Stores next observations instead of their values."""

    def _set_next_values(self, group: EnvGroup, rollout: Rollout) -> None:
        self._set_next_obs(group, rollout, group.obs)

    def _set_final_obs(self, *_: Any) -> None:
        """Without effect: no values are needed."""


class TransitionRunner(VectorEnvRunner):
    """Samples transitions with a deterministic policy and exploration noise."""

    collector_class = TransitionCollector

    def _make_distribution(self) -> DeterministicPolicy:
        size = math.prod(self.env.single_action_space.shape or ())
        policy = DeterministicPolicy(size, self.config.exploration_noise)
        if self.config.in_evaluation:  # exploration in evaluation is that of the end of training
            policy.noise_process.set_timestep(END_OF_SCHEDULE)
        return policy

    def make_module(self) -> None:
        """As VectorEnvRunner; only the actor's weights are synchronized."""
        super().make_module()
        self._state_tensors = list(self.module.actor.parameters())

    def set_exploration(self, timestep: int) -> None:
        """Uniformly random actions for the first ``random_steps``, then noise with the scheduled scale."""
        if self.env is not None:
            self._distribution.random = timestep < self.config.random_steps
            self._distribution.noise_process.set_timestep(timestep)

    def _rollout_buffers(self, length: int) -> Rollout:
        rollout = super()._rollout_buffers(length)
        if rollout.next_obs is None:
            rollout.next_obs = np.zeros_like(rollout.obs)
        return rollout

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """As VectorEnvRunner, with the state of the noise."""
        state = super().get_state(components, not_components=not_components, **kwargs)
        if "generator" in state:
            state["noise"] = self._distribution.noise_process.state
        return state

    def set_state(self, state: Any) -> None:
        """As VectorEnvRunner, with the state of the noise."""
        super().set_state(state)
        has_noise = isinstance(state, dict) and "noise" in state and not self.worker_index
        if has_noise and self.env is not None:
            self._distribution.noise_process.state = state["noise"]
