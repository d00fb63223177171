"""DDPG: deep deterministic policy gradient (Lillicrap et al. 2016; course homework on Pendulum)."""

from __future__ import annotations

from typing import Any

import numpy as np
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import LEARNER_UPDATE_TIMER, TIMERS

from rllib_zoo.algorithms.base.algorithm import RolloutAlgorithm, averaged
from rllib_zoo.algorithms.ddpg.ddpg_config import DDPGConfig
from rllib_zoo.algorithms.ddpg.learner import TD_ERRORS
from rllib_zoo.algorithms.ddpg.replay import Replay
from rllib_zoo.algorithms.ddpg.transitions import scaled_rewards, transitions
from rllib_zoo.algorithms.env_runner.rollout import Rollout

__all__ = ["DDPG", "DDPGConfig"]


class DDPG(RolloutAlgorithm):
    """Rounds of fragments into the buffer, replayed batches out of it.

    Counters, results, runners that fail and checkpoints are the base's.
    """

    @classmethod
    def get_default_config(cls) -> DDPGConfig:
        """RLlib's hook."""
        return DDPGConfig()

    def _create_local_replay_buffer_if_necessary(self, config: Any) -> Any:
        """RLlib's hook."""
        seed = self.config.seed
        entropy = None if seed is None else np.random.SeedSequence([seed, 11]).generate_state(1)[0]
        self._replay = Replay(self.config.replay_buffer_config, entropy)
        # Steps sampled that are still to be answered by replayed ones.
        self._owed = 0.0
        return self._replay.buffer

    def _sample_batch(self) -> Rollout:
        """As the base, with runners that know how far exploration is."""
        self._spread_exploration()
        return super()._sample_batch()

    def _learn_from(self, rollout: Rollout) -> list[dict[str, float]]:
        """Keep the rollout and replay what is due; numbers to log of every update."""
        self._keep(rollout)
        learned = [self._learn() for _ in range(self._updates_due(rollout.num_steps))]
        if learned:
            self._spread_weights()
        return learned

    def _spread_exploration(self) -> None:
        """Tell the runners how far training is."""
        timestep, group = self._steps_lifetime, self.env_runner_group
        if group.num_remote_env_runners() == 0:
            self.env_runner.set_exploration(timestep)
            return
        group.foreach_env_runner(
            lambda runner: runner.set_exploration(timestep),
            local_env_runner=False,
            timeout_seconds=self.config.sample_timeout_s,
        )

    def _keep(self, rollout: Rollout) -> None:
        config = self.config
        rewards = scaled_rewards(rollout.rewards, config.reward_scale, config.reward_shift)
        self._replay.add(transitions(rollout, rewards, gamma=config.gamma, n_step=config.n_step))

    def _updates_due(self, steps: int) -> int:
        """Batches to be replayed after so many more steps."""
        config = self.config
        if self._steps_lifetime < config.num_steps_sampled_before_learning_starts:
            return 0
        if config.training_intensity is None:
            return 1
        self._owed += steps * config.training_intensity
        due, self._owed = divmod(self._owed, config.total_train_batch_size)
        return int(due)

    def _learn(self) -> dict[str, float]:
        """One update; new priorities for what was replayed."""
        batch = self._replay.sample(self.config.total_train_batch_size)
        with self.metrics.log_time((TIMERS, LEARNER_UPDATE_TIMER)):
            results = self.learner_group.update(
                batch=MultiAgentBatch({DEFAULT_MODULE_ID: batch}, env_steps=len(batch)),
                timesteps=self._timesteps(),
            )
        errors = np.concatenate([result.pop(TD_ERRORS) for result in results])
        self._replay.rate(batch, errors)
        return averaged(results) if len(results) > 1 else results[0]

    # --- state --------------------------------------------------------------------------------

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As the base, with what is replayed where ``store_buffer_in_checkpoints`` says so."""
        state = super().get_state(components, **kwargs)
        state["ddpg"] = {"owed": self._owed}
        if self.config.store_buffer_in_checkpoints:
            state["ddpg"]["replay"] = self._replay.buffer.get_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """As the base, with what :meth:`get_state` added."""
        super().set_state(state)
        own = state.get("ddpg", {})
        self._owed = own.get("owed", 0.0)
        if "replay" in own:
            self._replay.buffer.set_state(own["replay"])
