"""PPO's gradient and Adam in NumPy, for Gaussian policies with dense networks.

The same as ``ppo_objective`` with autograd, at a tenth of its cost on networks of some thousand weights;
tests compare both. Losses are means over the B rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.learner.gradients import require_finite
from rllib_zoo.algorithms.learner.objectives import PPOCoefficients
from rllib_zoo.algorithms.ops.distributions import LOG_SQRT_2PI
from rllib_zoo.custom_models.numpy_mlp import DenseActorCritic, dense_actor_critic

Array = np.ndarray


class NumpyPPOStep:
    """Gradient steps of PPO on a dense network.

    Args:
        model: a network supported by ``dense_actor_critic``.
        optimizer: Adam.
        grad_clip: maximum of the global norm; None for no clipping.
    """

    def __init__(self, model: Any, optimizer: torch.optim.Optimizer, grad_clip: float | None):
        network = dense_actor_critic(model)
        assert network is not None
        self._adam = FlatAdam(optimizer, network.parameters)
        # FlatAdam has moved the parameters.
        self._network = cast(DenseActorCritic, dense_actor_critic(model))
        *grads, self._d_log_std = self._adam.gradients
        depth = 2 * len(network.policy.weights)
        self._d_policy = grads[0:depth:2], grads[1:depth:2]
        self._d_value = grads[depth::2], grads[depth + 1 :: 2]
        self._grad_clip = grad_clip

    def begin_update(self) -> None:
        """Call before the minibatches of an update."""
        self._adam.sync_state()

    def __call__(
        self,
        batch: Batch,
        coefficients: PPOCoefficients,
        where: Callable[[], str],
        *,
        diagnose: bool,
    ) -> dict[str, float]:
        """Gradient, clipping and step on a minibatch of valid rows.

        Returns:
            The metrics of ``ppo_objective``; with ``diagnose`` those of ``trust_region_stats`` too.

        Raises:
            FloatingPointError: as ``require_finite``.
        """
        network, obs = self._network, batch.obs.numpy()
        policy, value = network.policy.forward(obs), network.value.forward(obs)
        d_mean, d_log_std, d_values, stats = ppo_gradient(
            policy[-1], network.log_std, value[-1][:, 0], batch, coefficients, diagnose
        )
        network.policy.backward(policy, d_mean, *self._d_policy)
        network.value.backward(value, d_values[:, None], *self._d_value)
        self._d_log_std[:] = d_log_std
        norm, loss = self._adam.norm(), stats["total_loss"]
        if not math.isfinite(norm + loss):
            tensors = {name: torch.tensor(number) for name, number in stats.items()}
            require_finite(torch.tensor(norm), torch.tensor(loss), tensors, where)
        # The same factor as torch.nn.utils.clip_grad_norm_.
        self._adam.step(
            1.0 if self._grad_clip is None else min(1.0, self._grad_clip / (norm + 1e-6))
        )
        return {**stats, "gradients_default_optimizer_global_norm": norm}


@np.errstate(over="ignore", invalid="ignore")  # the caller checks for non-finite values
def ppo_gradient(
    mean_BD: Array,
    log_std_D: Array,
    values_B: Array,
    batch: Batch,
    coefficients: PPOCoefficients,
    diagnose: bool,
) -> tuple[Array, Array, Array, dict[str, float]]:
    """∂L/∂μ [B, D], ∂L/∂log σ [D] and ∂L/∂V [B] of ``ppo_objective``, and its metrics.

    With z = (a - μ) / σ: ∂log π/∂μ = z / σ and ∂log π/∂log σ = z² - 1, per dimension.

    Args:
        mean_BD, log_std_D, values_B: the network's outputs.
        batch: valid rows.
        coefficients: of the objective.
        diagnose: include the metrics of ``trust_region_stats``.
    """
    c, inv_std = coefficients, np.exp(-log_std_D)
    z = (batch.actions.numpy() - mean_BD) * inv_std
    squares = z * z
    half_log_volume = log_std_D.sum() + LOG_SQRT_2PI * len(log_std_D)
    ratio = np.exp(-0.5 * squares.sum(axis=1) - half_log_volume - batch.old_log_probs.numpy())
    policy_loss, d_log_probs = _surrogate_gradient(ratio, batch.advantages.numpy(), c.clip_param)
    d_mean = (d_log_probs[:, None] * z) * inv_std
    d_log_std = d_log_probs @ (squares - 1.0) - c.entropy_coeff
    value_loss, d_values = _value_gradient(values_B, batch.value_targets.numpy(), c)
    entropy = float(half_log_volume + 0.5 * len(log_std_D))
    stats = {"policy_loss": policy_loss, "vf_loss": value_loss, "entropy": entropy}
    total = policy_loss + c.vf_loss_coeff * value_loss - c.entropy_coeff * entropy
    if c.kl_coeff is not None or diagnose:
        old_inputs = batch.old_dist_inputs.numpy()
        kl, d_kl_mean, d_kl_log_std = _kl_gradient(mean_BD, log_std_D, old_inputs)
        beta = c.kl_coeff or 0.0
        d_mean += beta * d_kl_mean
        d_log_std += beta * d_kl_log_std
        total += beta * kl
        if diagnose:
            stats["mean_kl_loss"] = kl
    if diagnose and c.clip_param is not None:
        stats["clip_fraction"] = float((np.abs(ratio - 1.0) > c.clip_param).mean())
    return d_mean, d_log_std, d_values, {"total_loss": total, **stats}


def _surrogate_gradient(
    ratio_B: Array, advantages_B: Array, clip_param: float | None
) -> tuple[float, Array]:
    """surrogate_loss and its gradient with respect to log π [B].

    The gradient is -r Â / B where the unclipped term is the minimum, else 0.
    """
    gain = passing = ratio_B * advantages_B
    if clip_param is not None:
        clipped = np.clip(ratio_B, 1.0 - clip_param, 1.0 + clip_param) * advantages_B
        passing = np.where(gain <= clipped, gain, 0.0)
        gain = np.minimum(gain, clipped)
    return -float(gain.sum()) / len(gain), passing * (-1.0 / len(gain))


def _value_gradient(values_B: Array, targets_B: Array, c: PPOCoefficients) -> tuple[float, Array]:
    """value_loss and ∂(c_v · value_loss)/∂V [B]; errors beyond the bound have no gradient."""
    error = values_B - targets_B
    squares = error * error
    d_values = error * (2.0 * c.vf_loss_coeff / len(error))
    if c.vf_clip_param is not None:
        d_values = np.where(squares <= c.vf_clip_param, d_values, 0.0)
        squares = np.minimum(squares, c.vf_clip_param)
    return float(squares.sum()) / len(error), d_values


def _kl_gradient(mean_BD: Array, log_std_D: Array, old_BK: Array) -> tuple[float, Array, Array]:
    """mean KL[π_old, π], ∂/∂μ [B, D] = (μ - μ_old) / σ² / B and ∂/∂log σ [D].

    Per dimension KL = log σ - log σ_old + (σ_old² + (μ_old - μ)²) / 2σ² - ½.
    """
    width = len(log_std_D)
    old_log_std = old_BK[:, width:]
    inv_variance = np.exp(-2.0 * log_std_D)
    distance = mean_BD - old_BK[:, :width]
    spread = (np.exp(2.0 * old_log_std) + distance * distance) * inv_variance
    count = len(mean_BD)
    kl = float((0.5 * (spread - 1.0) + log_std_D - old_log_std).sum()) / count
    return kl, distance * (inv_variance / count), (1.0 - spread).sum(axis=0) / count


class FlatAdam:
    """Steps of a ``torch.optim.Adam`` on one flat array; settings and (saved) state stay torch's.

    Source: Kingma and Ba 2015, algorithm 1, with torch's order of operations.

    Attributes:
        gradient: of all parameters, flat; to be filled through ``gradients``.
        gradients: views of it in the shapes of the parameters.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]):
        """Moves the parameters (float32, on the CPU) into one array; earlier views become stale."""
        self._optimizer, self._parameters = optimizer, parameters
        self._values = np.concatenate([p.detach().numpy().ravel() for p in parameters])
        self.gradient, self._mean, self._square = (np.zeros_like(self._values) for _ in range(3))
        self._buffer = np.empty_like(self._values)
        self.gradients = self._views(self.gradient)
        self._means = [torch.from_numpy(part) for part in self._views(self._mean)]
        self._squares = [torch.from_numpy(part) for part in self._views(self._square)]
        self._steps = torch.tensor(0.0)
        for parameter, part in zip(parameters, self._views(self._values), strict=True):
            parameter.data = torch.from_numpy(part)

    def _views(self, flat: Array) -> list[Array]:
        ends = np.cumsum([p.numel() for p in self._parameters])[:-1]
        pairs = zip(np.split(flat, ends), self._parameters, strict=True)
        return [part.reshape(tuple(parameter.shape)) for part, parameter in pairs]

    def sync_state(self) -> None:
        """Copy the optimizer's state if it was replaced: before the first step and after a restore."""
        for parameter, mean, square in zip(
            self._parameters, self._means, self._squares, strict=True
        ):
            state = self._optimizer.state[parameter]
            if state.get("exp_avg") is mean:
                continue
            if state:
                mean.copy_(state["exp_avg"])
                square.copy_(state["exp_avg_sq"])
                self._steps.fill_(float(state["step"]))
            state.update(step=self._steps, exp_avg=mean, exp_avg_sq=square)

    def norm(self) -> float:
        """The global L2 norm of the gradient."""
        return math.sqrt(float(self.gradient @ self.gradient))

    def step(self, scale: float = 1.0) -> None:
        """One step with the gradient times ``scale``."""
        group = self._optimizer.param_groups[0]
        (beta1, beta2), gradient, buffer = group["betas"], self.gradient, self._buffer
        if scale != 1.0:
            gradient *= scale
        self._steps += 1.0
        count = float(self._steps)
        # m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
        self._mean *= beta1
        np.multiply(gradient, 1.0 - beta1, out=buffer)
        self._mean += buffer
        self._square *= beta2
        np.multiply(gradient, gradient, out=buffer)
        buffer *= 1.0 - beta2
        self._square += buffer
        # θ ← θ - η / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)
        np.sqrt(self._square, out=buffer)
        buffer *= 1.0 / math.sqrt(1.0 - beta2**count)
        buffer += group["eps"]
        np.divide(self._mean, buffer, out=buffer)
        buffer *= float(group["lr"]) / (1.0 - beta1**count)
        self._values -= buffer
