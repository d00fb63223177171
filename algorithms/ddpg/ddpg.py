"""DDPG: deep deterministic policy gradient (Lillicrap et al. 2016; course homework on Pendulum)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ray.rllib.algorithms.algorithm_config import NotProvided
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import LEARNER_UPDATE_TIMER, TIMERS

from rllib_zoo.algorithms.base.algorithm import RolloutAlgorithm, averaged
from rllib_zoo.algorithms.base.config import RolloutConfig
from rllib_zoo.algorithms.base.known_keys import require_known
from rllib_zoo.algorithms.ddpg.env_runner import TransitionRunner
from rllib_zoo.algorithms.ddpg.learner import TD_ERRORS, DDPGLearner
from rllib_zoo.algorithms.ddpg.network import DDPGModule
from rllib_zoo.algorithms.ddpg.replay import make_replay_buffer
from rllib_zoo.algorithms.ddpg.transitions import scaled_rewards, transitions
from rllib_zoo.algorithms.descriptors import BUFFERS, NOISES
from rllib_zoo.algorithms.env_runner.rollout import Rollout

# Keys of DDPG alone, with their defaults. Networks, rates, τ and replay as the DDPG of older RLlib
# releases; the action joins the critic at its second layer, as in the paper and the homework.
_OWN: dict[str, Any] = {
    "actor_hiddens": [400, 300],
    "actor_hidden_activation": "relu",
    "critic_hiddens": [400, 300],
    "critic_hidden_activation": "relu",
    "critic_action_layer": 1,
    "actor_lr": 1e-3,
    "critic_lr": 1e-3,
    "tau": 0.002,
    "target_network_update_freq": 0,
    "use_huber": False,
    "huber_threshold": 1.0,
    "l2_reg": 0.0,
    "n_step": 1,
    "reward_scale": 1.0,
    "reward_shift": 0.0,
    "exploration_noise": {
        "type": "ornstein_uhlenbeck",
        "scale": [[0, 0.2], [1000, 0.2], [11_000, 0.004]],
    },
    "random_steps": 1000,
    "num_steps_sampled_before_learning_starts": 1500,
    "training_intensity": None,
    "replay_buffer_config": {"type": "ReplayBuffer", "capacity": 50_000},
    "store_buffer_in_checkpoints": True,
}
_NETWORKS = (
    "actor_hiddens", "actor_hidden_activation", "critic_hiddens", "critic_hidden_activation",
    "critic_action_layer",
)  # fmt: skip


class DDPGConfig(RolloutConfig):
    """Configuration of :class:`DDPG`; the keys are described in docs/ddpg.md."""

    LEARNER_CLASS = DDPGLearner
    MODULE_CLASS = DDPGModule

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class or DDPG)
        self.env_runner_cls = TransitionRunner
        # Of the base's keys.
        self.train_batch_size = 256
        self.rollout_fragment_length = "auto"
        self.grad_clip: float | None = None
        self.evaluation_config = {"explore": False}
        for name, value in _OWN.items():
            setattr(self, name, dict(value) if isinstance(value, dict) else value)

    def training(self, **kwargs: Any) -> Self:
        """RLlib's ``training()`` and DDPG's own keys.

        ``exploration_noise`` and ``replay_buffer_config`` are merged over what was set before; noise
        of another ``type`` replaces it.
        """
        require_known(self, kwargs)
        for name in _OWN:
            value = kwargs.pop(name, NotProvided)
            if value is NotProvided:
                continue
            if isinstance(value, Mapping):
                before = getattr(self, name)
                other = (
                    name == "exploration_noise"
                    and value.get("type", before["type"]) != before["type"]
                )
                value = {**({} if other else before), **value}
            setattr(self, name, value)
        return super().training(**kwargs)

    def update_from_dict(self, config_dict: Any) -> Self:
        """As RLlib's, whose way of merging keeps the keys of another ``type``."""
        own = {name: value for name, value in config_dict.items() if name in _OWN}
        super().update_from_dict({k: v for k, v in config_dict.items() if k not in own})
        return self.training(**own)

    @property
    def _model_config_auto_includes(self) -> dict[str, Any]:
        included = {name: getattr(self, name) for name in _NETWORKS}
        return {**super()._model_config_auto_includes, **included}

    def get_rollout_fragment_length(self, worker_index: int = 0) -> int:
        """``auto``: one target's steps."""
        length = self.rollout_fragment_length
        return int(self.n_step if length == "auto" else length)

    def validate(self) -> None:
        """RLlib's checks and ours.

        Raises:
            ValueError: one sentence with the values that contradict each other.
        """
        super().validate()
        for key, kinds in (("exploration_noise", NOISES), ("replay_buffer_config", BUFFERS)):
            kind = getattr(self, key).get("type")
            if kind not in kinds:
                raise ValueError(
                    f"{key}: type {kind!r} is unknown; choose one of {', '.join(kinds)}"
                )
        self._validate_noise_and_replay()
        if self.critic_action_layer > len(self.critic_hiddens):
            raise ValueError(
                f"critic_action_layer {self.critic_action_layer}: a critic with "
                f"{len(self.critic_hiddens)} hidden layers has inputs 0 to {len(self.critic_hiddens)}"
            )

    def _validate_noise_and_replay(self) -> None:
        noise, buffer = self.exploration_noise, self.replay_buffer_config
        if unknown := sorted(set(noise) - {"type"} - set(NOISES[noise["type"]])):
            supported = ", ".join(NOISES[noise["type"]])
            raise ValueError(
                f"exploration_noise: {unknown[0]!r} is unknown for {noise['type']}; supported: {supported}"
            )
        uniform = buffer["type"] == "ReplayBuffer"
        if uniform and (extra := sorted(set(buffer) - {"type", "capacity"})):
            raise ValueError(
                f"replay_buffer_config: {extra[0]} has no effect on ReplayBuffer, whose rows are "
                "equally likely"
            )

    def _validate_batches(self) -> None:
        shards = self.num_learners or 1
        if self.total_train_batch_size % shards:
            raise ValueError(
                f"train_batch_size {self.total_train_batch_size} cannot be shared equally by "
                f"num_learners {shards}"
            )
        if self.get_rollout_fragment_length() < self.n_step:
            raise ValueError(
                f"rollout_fragment_length {self.rollout_fragment_length} is shorter than n_step "
                f"{self.n_step}: targets end with their fragment"
            )


class DDPG(RolloutAlgorithm):
    """Deep deterministic policy gradient: rollouts go into a replay buffer, updates use samples of it."""

    default_config_class = DDPGConfig

    def _create_local_replay_buffer_if_necessary(self, config: Any) -> Any:
        """RLlib's hook."""
        seed = self.config.seed
        entropy = None if seed is None else np.random.SeedSequence([seed, 11]).generate_state(1)[0]
        self._replay = make_replay_buffer(self.config.replay_buffer_config, entropy)
        # Steps that ``training_intensity`` still requires to be replayed.
        self._steps_to_replay = 0.0
        return self._replay

    def _sample_batch(self) -> Rollout:
        """As RolloutAlgorithm, after updating the exploration of the env runners."""
        self._update_exploration()
        return super()._sample_batch()

    def _learn_from(self, rollout: Rollout) -> list[dict[str, float]]:
        """Add the rollout to the replay buffer and make the due updates; returns their metrics."""
        self._add_to_buffer(rollout)
        stats = [self._replay_update() for _ in range(self._num_updates_due(rollout.num_steps))]
        if stats:
            self._sync_weights()
        return stats

    def _update_exploration(self) -> None:
        """Send the current timestep to the env runners, for their exploration schedules."""
        timestep, group = self._steps_lifetime, self.env_runner_group
        if group.num_remote_env_runners() == 0:
            self.env_runner.set_exploration(timestep)
            return
        group.foreach_env_runner(
            lambda runner: runner.set_exploration(timestep),
            local_env_runner=False,
            timeout_seconds=self.config.sample_timeout_s,
        )

    def _add_to_buffer(self, rollout: Rollout) -> None:
        config = self.config
        rewards = scaled_rewards(rollout.rewards, config.reward_scale, config.reward_shift)
        self._replay.add_columns(
            transitions(rollout, rewards, gamma=config.gamma, n_step=config.n_step)
        )

    def _num_updates_due(self, steps: int) -> int:
        """Number of updates after sampling so many more steps."""
        config = self.config
        if self._steps_lifetime < config.num_steps_sampled_before_learning_starts:
            return 0
        if config.training_intensity is None:
            return 1
        self._steps_to_replay += steps * config.training_intensity
        due, self._steps_to_replay = divmod(self._steps_to_replay, config.total_train_batch_size)
        return int(due)

    def _replay_update(self) -> dict[str, float]:
        """One update on a replayed batch, whose priorities it sets; returns metrics."""
        batch = self._replay.sample(self.config.total_train_batch_size)
        with self.metrics.log_time((TIMERS, LEARNER_UPDATE_TIMER)):
            results = self.learner_group.update(
                batch=MultiAgentBatch({DEFAULT_MODULE_ID: batch}, env_steps=len(batch)),
                timesteps=self._timesteps(),
            )
        errors = np.concatenate([result.pop(TD_ERRORS) for result in results])
        self._replay.set_td_errors(batch, errors)
        return averaged(results) if len(results) > 1 else results[0]

    # --- state --------------------------------------------------------------------------------

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As RolloutAlgorithm, with the replay buffer if ``store_buffer_in_checkpoints`` is set."""
        state = super().get_state(components, **kwargs)
        state["ddpg"] = {"owed": self._steps_to_replay}
        if self.config.store_buffer_in_checkpoints:
            state["ddpg"]["replay"] = self._replay.get_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`get_state`."""
        super().set_state(state)
        own = state.get("ddpg", {})
        self._steps_to_replay = own.get("owed", 0.0)
        if "replay" in own:
            self._replay.set_state(own["replay"])
