"""PG: the plain policy gradient, REINFORCE (Williams 1992), with the tips of the course's lecture."""

from __future__ import annotations

from typing import Any, Self

from ray.rllib.algorithms.algorithm_config import NotProvided

from rllib_zoo.algorithms.a2c import ActorCriticConfig, ActorCriticLearner
from rllib_zoo.algorithms.base.algorithm import RolloutAlgorithm
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.learner.batch import REWARD_TO_GO, WHOLE_RETURN
from rllib_zoo.algorithms.pg.episode_runner import COMPLETE_EPISODES, EpisodeRunner, side_by_side

CREDITS = (REWARD_TO_GO, WHOLE_RETURN)


class PGConfig(ActorCriticConfig):
    """Configuration of :class:`PG`; its defaults are those of the PG that RLlib retired.

    The policy gradient is weighed by the discounted reward-to-go. ``credit``, ``constant_baseline``,
    ``use_critic`` and ``gamma`` are the lecture's tips, ``batch_mode: complete_episodes`` its samples.
    """

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
        """As ActorCriticConfig's, and the policy gradient's tips.

        Args:
            credit: ``reward_to_go`` weighs an action with the rewards that follow it,
                ``whole_return`` with all of its episode's.
            constant_baseline: subtract the mean of these weights over the batch.
        """
        super().training(**kwargs)
        if credit is not NotProvided:
            self.credit = credit
        if constant_baseline is not NotProvided:
            self.constant_baseline = constant_baseline
        return self

    def get_default_learner_class(self) -> type:
        """The learner of A2C: with no critic and no entropy bonus its loss is the plain one."""
        return ActorCriticLearner

    @property
    def whole_episodes(self) -> bool:
        """Whether a batch is of whole episodes."""
        return self.batch_mode == COMPLETE_EPISODES

    def validate(self) -> None:
        """As OnPolicyConfig, and whether the tips go together.

        Raises:
            ValueError: one sentence with the keys that contradict each other.
        """
        super().validate()
        if self.credit not in CREDITS:
            raise ValueError(
                f"credit {self.credit!r} is unknown; choose one of {', '.join(CREDITS)}"
            )
        if self.use_critic and self.constant_baseline:
            raise ValueError(
                "constant_baseline and use_critic are two baselines; leave one of them out"
            )
        if self.credit == WHOLE_RETURN and self.use_critic:
            raise ValueError(
                f"credit {WHOLE_RETURN!r} has no critic: its value is that of what follows a step; "
                f"set use_critic: false or credit: {REWARD_TO_GO}"
            )
        if self.credit == WHOLE_RETURN and not self.whole_episodes and not self.in_evaluation:
            raise ValueError(
                f"credit {WHOLE_RETURN!r} needs whole episodes; set batch_mode: {COMPLETE_EPISODES}"
            )

    def _validate_batches(self) -> None:
        if not self.whole_episodes:
            super()._validate_batches()
            return
        if self.rollout_fragment_length != "auto":
            raise ValueError(
                f"rollout_fragment_length {self.rollout_fragment_length} does not apply with "
                f"batch_mode {COMPLETE_EPISODES!r}: fragments last as long as episodes"
            )
        if self.num_learners > 1:
            raise ValueError(
                f"batch_mode {COMPLETE_EPISODES!r} has one learner: episodes of different lengths make "
                f"no equal shares; num_learners {self.num_learners} is too many"
            )
        if self._model_config.get("use_lstm"):
            raise ValueError(
                f"batch_mode {COMPLETE_EPISODES!r} has no recurrent networks: use_lstm"
            )


class PG(RolloutAlgorithm):
    """One update on every synchronous batch."""

    @classmethod
    def get_default_config(cls) -> PGConfig:
        """RLlib's hook."""
        return PGConfig()

    def _sample_batch(self) -> Rollout:
        """As RolloutAlgorithm; of whole episodes, rounds of one per environment until the batch is full."""
        if not self.config.whole_episodes:
            return super()._sample_batch()
        parts: list[Rollout] = []
        while sum(part.num_steps for part in parts) < self.config.total_train_batch_size:
            # The runner makes every such rollout anew: no copy is needed.
            parts.extend(self._sample_round())
        self._merge_moments()
        return side_by_side(parts)
