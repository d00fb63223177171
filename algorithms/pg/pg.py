"""PG: the policy gradient, REINFORCE (Williams 1992), with the variants of the course's lecture."""

from __future__ import annotations

from typing import Any, Self

from ray.rllib.algorithms.algorithm_config import NotProvided

from rllib_zoo.algorithms.a2c import ActorCriticConfig, ActorCriticLearner
from rllib_zoo.algorithms.base.algorithm import RolloutAlgorithm
from rllib_zoo.algorithms.base.config import set_provided
from rllib_zoo.algorithms.descriptors import COMPLETE_EPISODES, REWARD_TO_GO, WHOLE_RETURN
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.pg.episode_runner import (
    EpisodeRunner,
    concatenate_padded,
)


class PGConfig(ActorCriticConfig):
    """Configuration of :class:`PG`; defaults are those of the PG of older RLlib releases.

    Actions are weighted by the discounted reward-to-go. ``credit``, ``constant_baseline``,
    ``use_critic`` and ``gamma`` select the lecture's variants, ``batch_mode: complete_episodes`` its
    whole episodes.
    """

    # Without critic and entropy bonus its loss is the policy gradient.
    LEARNER_CLASS = ActorCriticLearner
    BATCH_MODES = ("truncate_episodes", COMPLETE_EPISODES)

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class or PG)
        self.env_runner_cls = EpisodeRunner
        self.lr = 4e-4
        self.optimizer = {"type": "adam"}
        self.train_batch_size = 200
        self.use_critic = False
        self.entropy_coeff = 0.0
        self.grad_clip = None

    def training(
        self,
        *,
        credit: str | Any = NotProvided,
        constant_baseline: bool | Any = NotProvided,
        **kwargs: Any,
    ) -> Self:
        """As ActorCriticConfig, with the variants of the policy gradient.

        Args:
            credit: ``reward_to_go`` weights an action by the rewards after it, ``whole_return`` by
                all rewards of its episode.
            constant_baseline: subtract the mean of these weights over the batch.
        """
        super().training(**kwargs)
        set_provided(self, credit=credit, constant_baseline=constant_baseline)
        return self

    @property
    def whole_episodes(self) -> bool:
        """Whether batches consist of whole episodes."""
        return self.batch_mode == COMPLETE_EPISODES

    def validate(self) -> None:
        """As OnPolicyConfig; also checks the combination of variants.

        Raises:
            ValueError: names the conflicting keys.
        """
        super().validate()
        if self.credit not in (REWARD_TO_GO, WHOLE_RETURN):
            raise ValueError(
                f"credit {self.credit!r} is unknown; choose one of {REWARD_TO_GO}, {WHOLE_RETURN}"
            )
        if self.use_critic and self.constant_baseline:
            raise ValueError(
                "constant_baseline conflicts with use_critic: only one baseline is supported"
            )
        if self.credit == WHOLE_RETURN and self.use_critic:
            raise ValueError(
                f"credit {WHOLE_RETURN!r} conflicts with use_critic, whose values are of future "
                f"rewards only; set use_critic: false or credit: {REWARD_TO_GO}"
            )
        if self.credit == WHOLE_RETURN and not self.whole_episodes and not self.in_evaluation:
            raise ValueError(
                f"credit {WHOLE_RETURN!r} requires whole episodes; set batch_mode: {COMPLETE_EPISODES}"
            )

    def _validate_batches(self) -> None:
        if not self.whole_episodes:
            super()._validate_batches()
            return
        if self.rollout_fragment_length != "auto":
            raise ValueError(
                f"rollout_fragment_length {self.rollout_fragment_length} does not apply with "
                f"batch_mode {COMPLETE_EPISODES!r}: fragments are whole episodes"
            )
        if self.num_learners > 1:
            raise ValueError(
                f"batch_mode {COMPLETE_EPISODES!r} supports one learner only, because episodes differ "
                f"in length; num_learners is {self.num_learners}"
            )
        if self._model_config.get("use_lstm"):
            raise ValueError(
                f"batch_mode {COMPLETE_EPISODES!r} does not support recurrent networks: use_lstm"
            )


class PG(RolloutAlgorithm):
    """Policy gradient: one update on every synchronously sampled batch."""

    default_config_class = PGConfig

    def _sample_batch(self) -> Rollout:
        """As RolloutAlgorithm, or whole episodes: one per environment until the batch is full."""
        if not self.config.whole_episodes:
            return super()._sample_batch()
        parts: list[Rollout] = []
        while sum(part.num_steps for part in parts) < self.config.total_train_batch_size:
            # Rollouts of whole episodes are not the runner's buffers: no copy is needed.
            parts.extend(self._sample_round())
        self._merge_moments()
        return concatenate_padded(parts)
