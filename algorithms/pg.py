"""PG: the plain policy gradient, REINFORCE (Williams 1992; course policy-gradient lecture)."""

from __future__ import annotations

from algorithms.a2c import ActorCriticConfig, ActorCriticLearner
from algorithms.on_policy import OnPolicyAlgorithm


class PGConfig(ActorCriticConfig):
    """Configuration of :class:`PG`; its defaults are those of the PG that RLlib retired.

    The policy gradient is weighed by the discounted reward-to-go. ``use_critic: true`` learns a
    value function and subtracts it (a baseline that depends on the state), and bootstraps cut
    fragments with it; ``standardize_advantages: true`` subtracts the batch's mean.
    """

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class or PG)
        self.lr = 4e-4
        self.optimizer = {"type": "adam"}
        self.train_batch_size = 200
        self.use_critic = False
        self.entropy_coeff = 0.0
        self.grad_clip = None

    def get_default_learner_class(self) -> type:
        """The learner of A2C: with no critic and no entropy bonus its loss is the plain one."""
        return ActorCriticLearner


class PG(OnPolicyAlgorithm):
    """One update on every synchronous batch."""

    @classmethod
    def get_default_config(cls) -> PGConfig:
        """RLlib's hook."""
        return PGConfig()
