"""A2C: synchronous advantage actor-critic (Mnih et al. 2016; course Atari lecture, section 2)."""

from __future__ import annotations

from typing import Any, Self

from ray.rllib.algorithms.algorithm_config import NotProvided
from torch import Tensor

from rllib_zoo.algorithms.base.algorithm import RolloutAlgorithm
from rllib_zoo.algorithms.base.config import OnPolicyConfig, set_provided
from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.learner.learner import OnPolicyLearner
from rllib_zoo.algorithms.learner.objectives import actor_critic_objective
from rllib_zoo.algorithms.learner.parallel_gradients import LossFunction, chunked_gradients


class ActorCriticConfig(OnPolicyConfig):
    """Configuration keys and defaults shared by A2C, A3C and PG.

    Defaults are those of Mnih et al. 2016 (RMSProp, entropy weight 0.01, value weight 0.5) and the
    gradient norm of at most 0.5 that is usual for losses that are means.
    """

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class)
        self.lr = 7e-4
        self.lambda_ = 1.0
        self.vf_loss_coeff = 0.5
        self.entropy_coeff = 0.01
        self.grad_clip: float | None = 0.5
        self.optimizer = {"type": "rmsprop"}
        self.rollout_fragment_length = "auto"

    def training(
        self,
        *,
        lambda_: float | Any = NotProvided,
        use_gae: bool | Any = NotProvided,
        use_critic: bool | Any = NotProvided,
        vf_loss_coeff: float | Any = NotProvided,
        entropy_coeff: float | list[list[float]] | Any = NotProvided,
        **kwargs: Any,
    ) -> Self:
        """RLlib's ``training()`` with the actor-critic keys.

        Args:
            lambda_: λ of GAE; 1 gives n-step advantages.
            use_gae: False gives n-step advantages, regardless of ``lambda_``.
            use_critic: False gives the discounted reward-to-go, without a baseline.
            vf_loss_coeff: weight of ½ mean squared value error.
            entropy_coeff: weight of the entropy bonus, or a schedule [[step, value], …].
        """
        super().training(**kwargs)
        set_provided(
            self,
            lambda_=lambda_,
            use_gae=use_gae,
            use_critic=use_critic,
            vf_loss_coeff=vf_loss_coeff,
            entropy_coeff=entropy_coeff,
        )
        return self


class ActorCriticLearner(OnPolicyLearner):
    """Minimizes ``actor_critic_objective``."""

    def gradients(self, loss_of: LossFunction, batch: Batch) -> dict[str, Tensor]:
        """As OnPolicyLearner, in microbatches of ``microbatch_size``."""
        size = getattr(self.config, "microbatch_size", None)
        count = len(batch.advantages)
        if size is None or count <= size:
            return super().gradients(loss_of, batch)
        return chunked_gradients(loss_of, batch.split(-(-count // size)), self._parameters)

    def objective(
        self, dist_inputs_BK: Tensor, values_B: Tensor, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """See ``actor_critic_objective``."""
        return actor_critic_objective(
            self._distribution,
            dist_inputs_BK,
            values_B,
            batch,
            vf_loss_coeff=self.config.vf_loss_coeff * self.config.use_critic,
            entropy_coeff=self.entropy_coeff,
        )


class A2CConfig(ActorCriticConfig):
    """Configuration of :class:`A2C`: ``A2CConfig().environment("CartPole-v1").build_algo()``."""

    LEARNER_CLASS = ActorCriticLearner

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class or A2C)
        self.num_envs_per_env_runner = 8
        self.train_batch_size = 40
        self.microbatch_size: int | None = None

    def training(self, *, microbatch_size: int | Any | None = NotProvided, **kwargs: Any) -> Self:
        """As ActorCriticConfig, with gradient accumulation.

        Args:
            microbatch_size: maximum steps per backward pass, to save memory; the gradients of a
                batch's microbatches are averaged before the step. None: the whole batch.
        """
        super().training(**kwargs)
        set_provided(self, microbatch_size=microbatch_size)
        return self


class A2C(RolloutAlgorithm):
    """Advantage actor-critic: one pass over every synchronously sampled batch."""

    default_config_class = A2CConfig
