"""From a rollout to the flat batch a loss reads: advantages, then valid steps side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.ops.advantages import (
    generalized_advantage_estimation,
    less_mean,
    monte_carlo_returns,
    whole_episode_returns,
)
from rllib_zoo.algorithms.ops.losses import explained_variance, standardized

# Which rewards an action is weighed with, where there is no critic.
WHOLE_RETURN, REWARD_TO_GO = "whole_return", "reward_to_go"


class AdvantageSettings(Protocol):
    """The configuration keys that decide how advantages are estimated."""

    gamma: float
    lambda_: float
    use_critic: bool
    use_gae: bool
    credit: str
    constant_baseline: bool
    standardize_advantages: bool


@dataclass(frozen=True)
class Batch:
    """B = T·N steps flattened time-major; only the rows in ``valid`` may reach a loss.

    Attributes:
        obs: [B, …]; actions: [B] or [B, D]; old_dist_inputs: [B, K].
        old_log_probs, old_values, advantages, value_targets: [B] float32.
        valid: int64 indices of the unmasked rows, or None when every row is valid.
    """

    obs: Tensor
    actions: Tensor
    old_dist_inputs: Tensor
    old_log_probs: Tensor
    old_values: Tensor
    advantages: Tensor
    value_targets: Tensor
    valid: Tensor | None = None

    @property
    def num_rows(self) -> int:
        """B, masked rows included: from it follows the number of minibatches."""
        return len(self.advantages)

    def outputs(self, network: Any) -> tuple[Tensor, Tensor]:
        """Dist inputs [B, K] and values [B] under the network's present weights."""
        return network.policy_and_value(self.obs)

    def rows(self, index: Tensor) -> Batch:
        """The named rows, all valid."""
        return Batch(
            self.obs[index],
            self.actions[index],
            self.old_dist_inputs[index],
            self.old_log_probs[index],
            self.old_values[index],
            self.advantages[index],
            self.value_targets[index],
        )

    def split(self, number: int) -> list[Batch]:
        """So many shares of neighbouring rows, views; their sizes differ by one at most."""
        if number == 1:
            return [self]
        columns = zip(
            *(
                getattr(self, f.name).tensor_split(number)
                for f in fields(self)
                if f.name != "valid"
            ),
            strict=True,
        )
        return [Batch(*column) for column in columns]

    def all_valid(self) -> Batch:
        """The valid rows only; the batch itself when nothing is masked."""
        return self if self.valid is None else self.rows(self.valid)


def make_batch(
    arrays: Mapping[str, np.ndarray],
    settings: AdvantageSettings,
    device: torch.device | str = "cpu",
) -> Batch:
    """Estimate advantages and flatten a rollout.

    Args:
        arrays: a rollout's arrays by name, [T, N, …] (see
            :class:`rllib_zoo.algorithms.env_runner.rollout.Rollout`).
        settings: γ, λ and which estimator; without a critic advantages are the discounted
            reward-to-go or the whole return, as ``credit`` says, less their mean where there is a
            constant baseline; without GAE the n-step advantage.
        device: where the batch goes.
    """
    advantages_TN, targets_TN = _advantages(arrays, settings)
    mask_B = arrays["mask"].reshape(-1)
    valid = None if mask_B.all() else torch.from_numpy(np.flatnonzero(mask_B)).to(device)
    advantages = _flat(advantages_TN, device)
    if settings.standardize_advantages:
        rows = advantages if valid is None else advantages[valid]
        advantages = advantages.clone()
        advantages[slice(None) if valid is None else valid] = standardized(rows)
    return Batch(
        obs=_flat(arrays["obs"], device),
        actions=_flat(arrays["actions"], device),
        old_dist_inputs=_flat(arrays["dist_inputs"], device),
        old_log_probs=_flat(arrays["log_probs"], device),
        old_values=_flat(arrays["values"], device),
        advantages=advantages,
        value_targets=_flat(targets_TN, device),
        valid=valid,
    )


def _advantages(
    arrays: Mapping[str, np.ndarray], settings: AdvantageSettings
) -> tuple[np.ndarray, np.ndarray]:
    if not settings.use_critic:
        returns_TN = _returns(arrays, settings)
        if settings.constant_baseline:
            return less_mean(returns_TN, arrays["mask"]), returns_TN
        return returns_TN, returns_TN
    estimate = generalized_advantage_estimation(
        arrays["rewards"],
        arrays["values"],
        arrays["next_values"],
        arrays["terminated"],
        arrays["truncated"],
        gamma=settings.gamma,
        lambda_=settings.lambda_ if settings.use_gae else 1.0,
    )
    return estimate.advantages, estimate.value_targets


def _returns(arrays: Mapping[str, np.ndarray], settings: AdvantageSettings) -> np.ndarray:
    rewards, ends = arrays["rewards"], (arrays["terminated"], arrays["truncated"])
    if settings.credit == WHOLE_RETURN:
        return whole_episode_returns(rewards, *ends, arrays["mask"], gamma=settings.gamma)
    return monte_carlo_returns(rewards, *ends, gamma=settings.gamma)


def _flat(array_TN: np.ndarray, device: torch.device | str) -> Tensor:
    """[T, N, …] → [T·N, …], without a copy where the array is contiguous and stays on the CPU."""
    flat = np.ascontiguousarray(array_TN).reshape(-1, *array_TN.shape[2:])
    if not flat.flags.writeable:  # arrays out of Ray's object store are read-only
        flat = flat.copy()
    return torch.from_numpy(flat).to(device)


_OF_ROLLOUT = {
    "obs": "observations",
    "rewards": "rewards",
    "values": "values",
    "log_probs": "log-probabilities",
}
_OF_BATCH = {"advantages": "advantages", "value_targets": "returns"}


def batch_report(arrays: Mapping[str, np.ndarray], batch: Batch) -> str:
    """Smallest and largest finite value and the finite share of what a loss reads.

    Args:
        arrays: a rollout's, [T, N, …]; masked rows are left out.
        batch: made of it.
    """
    mask = arrays["mask"]
    rows = batch.all_valid()
    parts = {said: arrays[name][mask] for name, said in _OF_ROLLOUT.items()}
    parts |= {said: getattr(rows, name).cpu().numpy() for name, said in _OF_BATCH.items()}
    ranges = ", ".join(f"{said} {_range(values)}" for said, values in parts.items())
    return f"batch of {int(mask.sum())} steps: {ranges}"


def _range(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "nowhere finite"
    span = f"{finite.min():.4g} to {finite.max():.4g}"
    # Rounded down: one broken value in a million must not read as 100 %.
    share = int(1000 * finite.size / values.size) / 10
    return span if finite.size == values.size else f"{span} ({share} % finite)"


def critic_quality(batch: Batch) -> float:
    """Explained variance of the values the runner's critic gave, before this update."""
    rows = batch.all_valid()
    return float(explained_variance(rows.old_values, rows.value_targets))
