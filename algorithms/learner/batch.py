"""The flat batch a loss is computed on: a rollout's steps with advantages and value targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.descriptors import WHOLE_RETURN
from rllib_zoo.algorithms.learner.model_columns import model_columns
from rllib_zoo.algorithms.ops.advantages import (
    generalized_advantage_estimation,
    minus_mean,
    monte_carlo_returns,
    whole_episode_returns,
)
from rllib_zoo.algorithms.ops.losses import explained_variance, standardized


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
    """B = T·N steps flattened time-major; losses use only the rows in ``valid``.

    Attributes:
        obs: [B, …]; actions: [B] or [B, D]; old_dist_inputs: [B, K].
        old_log_probs, old_values, advantages, value_targets: [B] float32.
        valid: int64 indices of the unmasked rows, or None when every row is valid.
        recorded: further columns that a custom model reads, by RLlib's names; [B, …] each.
    """

    obs: Tensor
    actions: Tensor
    old_dist_inputs: Tensor
    old_log_probs: Tensor
    old_values: Tensor
    advantages: Tensor
    value_targets: Tensor
    valid: Tensor | None = None
    recorded: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def num_rows(self) -> int:
        """B, including masked rows; it determines the number of minibatches."""
        return len(self.advantages)

    def outputs(self, network: Any) -> tuple[Tensor, Tensor]:
        """Distribution inputs [B, K] and values [B] with the network's current weights."""
        columns = model_columns(network, self)
        return network.policy_and_value(self.obs, *([columns] if columns else []))

    def columns(self, index: Any) -> dict[str, Any]:
        """All columns at ``index``, by name; ``recorded`` is a mapping of such columns."""
        recorded = {name: column[index] for name, column in self.recorded.items()}
        return {"recorded": recorded} | {name: getattr(self, name)[index] for name in COLUMNS}

    def rows(self, index: Tensor | slice) -> Batch:
        """The rows at ``index``, all valid."""
        return Batch(**self.columns(index))

    def split(self, number: int) -> list[Batch]:
        """``number`` chunks of neighbouring rows, views; their sizes differ by one at most."""
        if number == 1:
            return [self]
        if self.recorded:
            rows = torch.arange(len(self.advantages)).tensor_split(number)
            return [self.rows(slice(int(part[0]), int(part[-1]) + 1)) for part in rows]
        columns = (getattr(self, name).tensor_split(number) for name in COLUMNS)
        return [Batch(*chunk) for chunk in zip(*columns, strict=True)]

    def minibatches(
        self, number: int, generator: torch.Generator | None, *, distributed: bool
    ) -> Iterator[Batch]:
        """One epoch's minibatches of valid steps; their sizes differ by one at most.

        Args:
            number: of minibatches; fewer if there are fewer steps.
            generator: shuffles the steps; None keeps their order.
            distributed: whether there are other learners, which synchronize at every gradient: then
                ``number`` is exact, and a minibatch may be empty.
        """
        count = len(self.advantages) if self.valid is None else len(self.valid)
        if not distributed:
            number = min(number, count)
        if number == 1:
            yield self.all_valid()
            return
        device = self.advantages.device
        if generator is not None:
            order = torch.randperm(count, generator=generator).to(device)
        else:
            order = torch.arange(count, device=device)
        indices = order if self.valid is None else self.valid[order]
        if self.obs.dim() == 2:
            # Vectors are gathered at once; a second copy of images would take too much memory.
            yield from self.rows(indices).split(number)
            return
        for chunk in torch.tensor_split(indices, number):
            yield self.rows(chunk)

    def all_valid(self) -> Batch:
        """The valid rows only; the batch itself when nothing is masked."""
        return self if self.valid is None else self.rows(self.valid)


# All of a batch's columns, in the order of its fields.
COLUMNS = tuple(f.name for f in fields(Batch) if f.name not in ("valid", "recorded"))


def make_batch(
    arrays: Mapping[str, np.ndarray],
    settings: AdvantageSettings,
    device: torch.device | str = "cpu",
) -> Batch:
    """Estimate advantages and flatten a rollout.

    Args:
        arrays: of ``Rollout.arrays()``, [T, N, …].
        settings: γ, λ and the estimator. Without a critic advantages are the discounted reward-to-go
            or the whole return (``credit``), minus their mean with ``constant_baseline``; without
            GAE they are n-step advantages.
        device: of the tensors.
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
    """Advantages and value targets, [T, N]."""
    rewards, ends = arrays["rewards"], (arrays["terminated"], arrays["truncated"])
    if settings.use_critic:
        return generalized_advantage_estimation(
            rewards,
            arrays["values"],
            arrays["next_values"],
            *ends,
            gamma=settings.gamma,
            lambda_=settings.lambda_ if settings.use_gae else 1.0,
        )
    if settings.credit == WHOLE_RETURN:
        returns = whole_episode_returns(rewards, *ends, arrays["mask"], gamma=settings.gamma)
    else:
        returns = monte_carlo_returns(rewards, *ends, gamma=settings.gamma)
    return minus_mean(returns, arrays["mask"]) if settings.constant_baseline else returns, returns


def _flat(array_TN: np.ndarray, device: torch.device | str) -> Tensor:
    """[T, N, …] → [T·N, …], without a copy where the array is contiguous and stays on the CPU."""
    flat = np.ascontiguousarray(array_TN).reshape(-1, *array_TN.shape[2:])
    if not flat.flags.writeable:  # arrays out of Ray's object store are read-only
        flat = flat.copy()
    return torch.from_numpy(flat).to(device)


def batch_report(arrays: Mapping[str, np.ndarray], batch: Batch) -> str:
    """Range and share of finite values of the inputs of a loss, for error messages.

    Args:
        arrays: a rollout's, [T, N, …]; masked rows are left out.
        batch: made from it.
    """
    mask, rows = arrays["mask"], batch.all_valid()
    columns = {
        "observations": arrays["obs"][mask],
        "rewards": arrays["rewards"][mask],
        "values": arrays["values"][mask],
        "log-probabilities": arrays["log_probs"][mask],
        "advantages": rows.advantages.cpu().numpy(),
        "returns": rows.value_targets.cpu().numpy(),
    }
    ranges = ", ".join(f"{name} {_range(values)}" for name, values in columns.items())
    return f"batch of {int(mask.sum())} steps: {ranges}"


def _range(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "no finite values"
    span = f"{finite.min():.4g} to {finite.max():.4g}"
    # Rounded down: one non-finite value in a million must not read as 100 %.
    share = int(1000 * finite.size / values.size) / 10
    return span if finite.size == values.size else f"{span} ({share} % finite)"


def critic_quality(batch: Batch) -> float:
    """Explained variance of the values from the rollout, before this update."""
    rows = batch.all_valid()
    return float(explained_variance(rows.old_values, rows.value_targets))
