"""PPO: proximal policy optimization (Schulman et al. 2017), with the keys of RLlib's own PPO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Self

import torch
from ray.rllib.algorithms.algorithm_config import NotProvided
from ray.rllib.algorithms.ppo import PPOConfig as RLlibPPOConfig
from torch import Tensor

from rllib_zoo.algorithms.base.algorithm import RolloutAlgorithm
from rllib_zoo.algorithms.base.config import OnPolicyConfig, set_provided
from rllib_zoo.algorithms.descriptors import OBJECTIVES
from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.learner.learner import OnPolicyLearner
from rllib_zoo.algorithms.learner.numpy_ppo import NumpyPPOStep
from rllib_zoo.algorithms.learner.objectives import (
    PPOCoefficients,
    ppo_objective,
    trust_region_stats,
)
from rllib_zoo.algorithms.ops.losses import PAPER_KL_RULE, RLLIB_KL_RULE, KLRule, adapted_kl_coeff
from rllib_zoo.custom_models.numpy_mlp import dense_actor_critic

# Keys of which an objective may have some.
BOUNDS = ("clip_param", "use_kl_loss", "kl_target", "kl_coeff")


class PPOLearner(OnPolicyLearner):
    """Minimizes ``ppo_objective`` and adapts the KL weight."""

    def build(self) -> None:
        """As OnPolicyLearner; initializes the KL weight to ``kl_coeff``."""
        super().build()
        self._kl_coeff = float(self.config.kl_coeff)
        self._numpy_step: NumpyPPOStep | None = None
        if self._supports_numpy_step():
            optimizer = self.get_optimizer()
            self._numpy_step = NumpyPPOStep(self._network.model, optimizer, self.config.grad_clip)

    def _supports_numpy_step(self) -> bool:
        """Whether :class:`NumpyPPOStep` supports the network and these settings."""
        return (
            self._own_loss is None
            and self._network.recurrent is None
            and dense_actor_critic(self._network.model) is not None
            and self._forward_context is nullcontext
            and not self.distributed
            and self.config.optimizer["type"] == "adam"
            and self.config.grad_clip_by == "global_norm"
        )

    def objective(
        self, dist_inputs_BK: Tensor, values_B: Tensor, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """See ``ppo_objective``."""
        return ppo_objective(
            self._distribution, dist_inputs_BK, values_B, batch, self._coefficients()
        )

    def _coefficients(self) -> PPOCoefficients:
        config = self.config
        return PPOCoefficients(
            clip_param=config.epsilon,
            vf_clip_param=config.vf_clip_param,
            vf_loss_coeff=config.vf_loss_coeff * config.use_critic,
            entropy_coeff=self.entropy_coeff,
            kl_coeff=self._kl_coeff if config.has_kl_penalty else None,
        )

    def _run_minibatches(self, batch: Batch, timesteps: Mapping[str, int]) -> dict[str, float]:
        if self._numpy_step is not None:
            self._numpy_step.begin_update()
        return super()._run_minibatches(batch, timesteps)

    def _gradient_step(
        self, batch: Batch, where: Callable[[], str], *, diagnose: bool
    ) -> Mapping[str, Tensor | float]:
        """As OnPolicyLearner; in NumPy for dense networks."""
        if self._numpy_step is None:
            return super()._gradient_step(batch, where, diagnose=diagnose)
        stats = self._numpy_step(batch, self._coefficients(), where, diagnose=diagnose)
        self._num_updates += 1
        return stats

    def diagnostics(self, dist_inputs_BK: Tensor, batch: Batch) -> dict[str, Tensor]:
        """See ``trust_region_stats``."""
        return trust_region_stats(self._distribution, dist_inputs_BK, batch, self.config.epsilon)

    def after_minibatches(self, stats: dict[str, float]) -> dict[str, float]:
        """Adapt the KL weight to the last epoch's mean KL divergence over all learners."""
        if not self.config.has_kl_penalty:
            return {}
        kl_coeff, rule = self._kl_coeff, self.config.kl_rule
        if rule is not None:
            mean_kl = torch.tensor(stats["mean_kl_loss"])
            if self.distributed:
                torch.distributed.all_reduce(mean_kl)
                mean_kl /= torch.distributed.get_world_size()
            self._kl_coeff = adapted_kl_coeff(kl_coeff, float(mean_kl), self.config.kl_target, rule)
        return {"curr_kl_coeff": kl_coeff}

    def extra_state(self) -> dict[str, Any]:
        """As OnPolicyLearner, plus the KL weight."""
        return {**super().extra_state(), "kl_coeff": self._kl_coeff}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`extra_state`."""
        super().set_extra_state(state)
        self._kl_coeff = state["kl_coeff"]


class PPOConfig(OnPolicyConfig, RLlibPPOConfig):
    """Configuration of :class:`PPO`; keys and defaults are RLlib's, except for the model dict.

    ``objective`` is one of table 1 of Schulman et al. 2017: ``none``, ``clip`` (ε is
    ``clip_param``), ``kl_adaptive`` (d_targ is ``kl_target``, the initial β ``kl_coeff``; β is
    adapted by the paper's rule) or ``kl_fixed`` (β is ``kl_coeff``). None: the other keys decide;
    with RLlib's defaults both a clipped ratio and an adaptive penalty.

    ``clip_param: null`` gives the unconstrained surrogate, ``vf_clip_param: null`` the plain
    squared value error, ``kl_target: null`` a fixed KL weight.
    """

    LEARNER_CLASS = PPOLearner
    objective: str | None

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class or PPO)
        # RLlib's PPO standardizes too, in its learner connector.
        self.standardize_advantages = True
        # An iteration is a train batch, of 4,000 steps by default.
        self.min_sample_timesteps_per_iteration = 0
        self.objective = None
        self._model_config = {"vf_share_layers": False}

    def training(self, *, objective: str | Any | None = NotProvided, **kwargs: Any) -> Self:
        """As OnPolicyConfig.

        Args:
            objective: one of ``OBJECTIVES``, or None.
        """
        super().training(**kwargs)
        set_provided(self, objective=objective)
        return self

    def validate(self) -> None:
        """As OnPolicyConfig; also checks that only the objective's own keys are set.

        Raises:
            ValueError: names the conflicting keys.
        """
        super().validate()
        if self.objective is None:
            return
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"objective {self.objective!r} is unknown; choose one of {', '.join(OBJECTIVES)}"
            )
        own, default = OBJECTIVES[self.objective], type(self)()
        for key in BOUNDS:
            value = getattr(self, key)
            if key in own and value is None:
                raise ValueError(f"objective {self.objective!r} needs {key}, which is null")
            # null and false disable a bound: no conflict.
            if key not in own and value and value != getattr(default, key):
                raise ValueError(
                    f"{key} {value} conflicts with objective {self.objective!r}"
                    + (f", whose keys are {', '.join(own)}" if own else "")
                )
        if self.use_kl_loss is False and "kl_coeff" in own:
            raise ValueError(f"use_kl_loss false conflicts with objective {self.objective!r}")

    @property
    def epsilon(self) -> float | None:
        """ε of the clipped ratio; None without clipping."""
        return self.clip_param if self.objective in (None, "clip") else None

    @property
    def has_kl_penalty(self) -> bool:
        """Whether the loss has a KL penalty."""
        if self.objective is None:
            return bool(self.use_kl_loss)
        return "kl_coeff" in OBJECTIVES[self.objective]

    @property
    def kl_rule(self) -> KLRule | None:
        """How β is adapted; None for a fixed β."""
        if self.objective is not None:
            return PAPER_KL_RULE if self.objective == "kl_adaptive" else None
        return RLLIB_KL_RULE if self.kl_target is not None else None

    @property
    def _model_config_auto_includes(self) -> dict[str, Any]:
        # RLlib's defaults of the new API stack do not apply to TorchModelV2.
        return {}


class PPO(RolloutAlgorithm):
    """Proximal policy optimization: K epochs of minibatches over every synchronously sampled batch."""

    default_config_class = PPOConfig
