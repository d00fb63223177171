"""PPO on the project's runner and learner, with the keys of RLlib's own PPO (Schulman 2017)."""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.algorithms.ppo import PPOConfig as RLlibPPOConfig
from torch import Tensor

from algorithms.batch import Batch
from algorithms.config import OnPolicyConfig
from algorithms.learner import OnPolicyLearner
from algorithms.losses import adapted_kl_coeff
from algorithms.objectives import PPOCoefficients, ppo_objective, trust_region_stats
from algorithms.on_policy import OnPolicyAlgorithm


class PPOConfig(OnPolicyConfig, RLlibPPOConfig):
    """Configuration of :class:`PPO`; keys and defaults are RLlib's, but for the model dict.

    ``clip_param: null`` gives the unconstrained surrogate, ``vf_clip_param: null`` the plain
    squared value error, ``kl_target: null`` a fixed KL weight.
    """

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class or PPO)
        # RLlib's PPO standardises too, in its learner connector.
        self.standardize_advantages = True
        self._model_config = {"vf_share_layers": False}

    def get_default_learner_class(self) -> type:
        """The learner of PPO."""
        return PPOLearner

    @property
    def _model_config_auto_includes(self) -> dict[str, Any]:
        # RLlib's new-stack network defaults are not those of the model dict we host.
        return {}


class PPOLearner(OnPolicyLearner):
    """Minimises :func:`algorithms.objectives.ppo_objective`; owns the adaptive KL weight."""

    def build(self) -> None:
        """As OnPolicyLearner; the KL weight starts at ``kl_coeff``."""
        super().build()
        self._kl_coeff = float(self.config.kl_coeff)

    def objective(
        self, dist_inputs_BK: Tensor, values_B: Tensor, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """See :func:`algorithms.objectives.ppo_objective`."""
        config = self.config
        coefficients = PPOCoefficients(
            clip_param=config.clip_param,
            vf_clip_param=config.vf_clip_param,
            vf_loss_coeff=config.vf_loss_coeff * config.use_critic,
            entropy_coeff=self.entropy_coeff,
            kl_coeff=self._kl_coeff if config.use_kl_loss else None,
        )
        return ppo_objective(self._distribution, dist_inputs_BK, values_B, batch, coefficients)

    def diagnostics(self, dist_inputs_BK: Tensor, batch: Batch) -> dict[str, Tensor]:
        """See :func:`algorithms.objectives.trust_region_stats`."""
        return trust_region_stats(self._distribution, dist_inputs_BK, batch, self.config.clip_param)

    def after_minibatches(self, stats: dict[str, float]) -> dict[str, float]:
        """Adapt the KL weight to the last epoch's mean divergence, over all learners."""
        if not self.config.use_kl_loss:
            return {}
        used = self._kl_coeff
        if self.config.kl_target is not None:
            mean_kl = torch.tensor(stats["mean_kl_loss"])
            if self.distributed:
                torch.distributed.all_reduce(mean_kl)
                mean_kl /= torch.distributed.get_world_size()
            self._kl_coeff = adapted_kl_coeff(used, float(mean_kl), self.config.kl_target)
        return {"curr_kl_coeff": used}

    def extra_state(self) -> dict[str, Any]:
        """As OnPolicyLearner, plus the KL weight."""
        return {**super().extra_state(), "kl_coeff": self._kl_coeff}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`extra_state`."""
        super().set_extra_state(state)
        self._kl_coeff = state["kl_coeff"]


class PPO(OnPolicyAlgorithm):
    """K epochs of minibatches over every synchronous batch."""

    @classmethod
    def get_default_config(cls) -> PPOConfig:
        """RLlib's hook."""
        return PPOConfig()
