"""The runner of off-policy algorithms: it keeps what followed every step, and explores by noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rllib_zoo.algorithms.ddpg.exploration import DeterministicPolicy
from rllib_zoo.algorithms.env_runner.env_group import EnvGroup
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.player import Player
from rllib_zoo.algorithms.env_runner.rollout import Rollout

# An environment step behind every schedule.
END = 2**62


@dataclass(frozen=True)
class TransitionPlayer(Player):
    """Writes the observation that followed every step, instead of its value."""

    def _finish(self, group: EnvGroup, rollout: Rollout) -> None:
        assert rollout.next_obs is not None
        n = group.columns
        following = np.concatenate([rollout.obs[1:, n], group.obs[None]])
        if group.same_step:
            # The row after a cut belongs to the next episode; the final observation is there already.
            cut = rollout.truncated[:, n] & ~rollout.terminated[:, n]
            following[cut] = rollout.next_obs[:, n][cut]
        rollout.next_obs[:, n] = following

    def _note_final_values(
        self, group: EnvGroup, rollout: Rollout, t: int, cut: np.ndarray, info: dict[str, Any]
    ) -> None:
        assert rollout.next_obs is not None
        if cut.any():
            final = np.stack([np.asarray(obs) for obs in info["final_obs"][cut]])
            rollout.next_obs[t, cut] = final


class TransitionRunner(VectorEnvRunner):
    """Plays with a deterministic policy and noise.

    The algorithm says by :meth:`set_exploration` how far training is.
    """

    player_class = TransitionPlayer

    def _make_distribution(self) -> DeterministicPolicy:
        size = math.prod(self.env.single_action_space.shape or ())
        policy = DeterministicPolicy(size, self.config.exploration_noise)
        if self.config.in_evaluation:  # where it explores, as at the end of training
            policy.noise_process.at(END)
        return policy

    def make_module(self) -> None:
        """As the base; only what acts follows the learner."""
        super().make_module()
        self._state_tensors = list(self.module.actor.parameters())

    def set_exploration(self, timestep: int) -> None:
        """Random actions to begin with, then noise of the scale that belongs to this step."""
        if self.env is not None:
            self._distribution.random = timestep < self.config.random_steps
            self._distribution.noise_process.at(timestep)

    def _buffers_of(self, length: int) -> Rollout:
        rollout = super()._buffers_of(length)
        if rollout.next_obs is None:
            rollout.next_obs = np.zeros_like(rollout.obs)
        return rollout

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """As the base, with the noise."""
        state = super().get_state(components, not_components=not_components, **kwargs)
        if "generator" in state:
            state["noise"] = self._distribution.noise_process.state
        return state

    def set_state(self, state: Any) -> None:
        """As the base, with the noise."""
        super().set_state(state)
        own = isinstance(state, dict) and "noise" in state and not self.worker_index
        if own and self.env is not None:
            self._distribution.noise_process.state = state["noise"]
