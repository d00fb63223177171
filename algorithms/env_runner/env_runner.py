"""VectorEnvRunner: one vector environment, one network, rollouts of [T, N] without per-step objects."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.policy import Memory
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.runner_parts import RunnerParts
from rllib_zoo.algorithms.env_runner.running_moments import FILTER, RETURNS, CommonMoments, Moments
from rllib_zoo.envs import EnvironmentFault

logger = logging.getLogger(__name__)


class VectorEnvRunner(RunnerParts):
    """Steps ``num_envs_per_env_runner`` environments together and fills a :class:`Rollout`.

    The returned rollout's arrays are the runner's own buffers: valid until the next ``sample``.
    """

    _buffers: Rollout | None = None

    def sample(self, *, num_steps: int | None = None, **_: Any) -> Rollout:
        """T steps in every environment under the current weights.

        Args:
            num_steps: T; the configured fragment length when None.

        Raises:
            EnvironmentFault: an environment broke its contract and was not built anew.
            FloatingPointError: the network's outputs are not finite.
        """
        length = num_steps or self.config.get_rollout_fragment_length(self.worker_index or 0)
        rollout, ended = self._play(length)
        rollout.episodes = [episode for _, _, episode in ended]
        return rollout

    def _play(self, length: int) -> tuple[Rollout, list[tuple[int, int, Episode]]]:
        """``length`` steps in every environment; the episodes that ended, with step and column."""
        self._plays_here()
        rollout = self._buffers_of(length)
        noise = self._distribution.noise((length, self.num_envs), self._generator)
        if len(self._groups) == 1:
            ended = self._player.play(self._groups[0], rollout, noise)
        else:
            assert self._team is not None
            parts = self._team.map(
                lambda group: self._player.play(group, rollout, noise), self._groups
            )
            ended = sorted((entry for part in parts for entry in part), key=lambda entry: entry[:2])
        rollout.env_restarts = self.take_env_restarts()
        if self._return_scale is not None:
            self._return_scale(rollout)
        rollout.log_probs[:] = self._distribution.log_prob(
            torch.from_numpy(rollout.dist_inputs), torch.from_numpy(rollout.actions)
        ).numpy()
        return rollout, ended

    def sample_or_fault(self) -> Rollout | EnvironmentFault | FloatingPointError:
        """As :meth:`sample`; an error that is to stop training comes back as a value.

        RLlib would take a raising runner out of service, start it again after a while and train on,
        and nobody would learn why.
        """
        try:
            return self.sample()
        except (EnvironmentFault, FloatingPointError) as fault:
            logger.error("sampling stopped", exc_info=fault)  # what travels has lost its traceback
            return fault

    def _plays_here(self) -> None:
        if self._watch is not None:
            self._watch.player = threading.get_ident()

    def take_env_restarts(self) -> int:
        """How many environments were built anew since the last call."""
        return sum(group.take_restarts() for group in self._groups)

    def restart_episodes(self) -> None:
        """Begin fresh episodes in every environment, as evaluation needs them."""
        for group in self._groups:
            group.restart()
        if self._return_scale is not None:
            self._return_scale.restart()

    def step_episodes(self, *, explore: bool) -> list[tuple[int, Episode]]:
        """One step of all environments without keeping it; episodes that ended, with their index.

        Raises:
            EnvironmentFault: as :meth:`sample`.
        """
        self._plays_here()
        ended: list[tuple[int, Episode]] = []
        for group in self._groups:
            actions = self.act(group.obs, explore=explore, memory=group.memory)
            ended += group.step(actions)[-1]
        for index, episode in ended:
            if not np.isfinite(episode.episode_return):
                raise EnvironmentFault(
                    f"environment {self._groups[0].name!r}, copy {index}: an episode's return is "
                    f"{episode.episode_return}"
                )
        return ended

    def new_memory(self, num_envs: int) -> Memory | None:
        """What :meth:`act` needs for so many environments of somebody else, at episode starts."""
        return self._policy.new_memory(num_envs)

    def act(self, obs: np.ndarray, *, explore: bool, memory: Memory | None = None) -> np.ndarray:
        """Environment actions for raw observations [N, …], the filter frozen.

        Args:
            obs: what the environments show now.
            explore: sample; False takes the most probable actions.
            memory: of a recurrent policy, see :meth:`new_memory`; goes on by one step.
        """
        noise = self._distribution.noise((len(obs),), self._generator) if explore else None
        return self._player.actions(obs, memory, noise)

    def _buffers_of(self, length: int) -> Rollout:
        """The runner's buffers, made anew only when T changes."""
        if self._buffers is None or len(self._buffers.mask) != length:
            self._buffers = Rollout.empty(
                (length, self.num_envs),
                self.env.single_observation_space,
                self._distribution,
                filtered=self._filter is not None,
                **self._policy.buffers(length, self.num_envs),
            )
        return self._buffers

    @torch.no_grad()
    def copy_weights(self, source: list[torch.Tensor]) -> None:
        """Adopt the parameters and buffers of an equal network in this process."""
        for own, other in zip(self._state_tensors, source, strict=True):
            own.copy_(other)

    # --- observation filter and return normalisation ------------------------------------------

    def _common_moments(self) -> dict[str, CommonMoments]:
        both = {FILTER: self._filter, RETURNS: self._return_scale}
        return {name: moments for name, moments in both.items() if moments is not None}

    def take_moments(self) -> dict[str, Moments]:
        """What those that are on collected since the last call."""
        return {name: own.take_collected() for name, own in self._common_moments().items()}

    def set_moments(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Adopt common moments; those of what is off here, as returns in evaluation, are let go."""
        for name, own in self._common_moments().items():
            if name in states:
                own.set_state(states[name])

    def get_metrics(self) -> Any:
        """RLlib's hook; our numbers travel with the rollout."""
        return self.metrics.reduce()
