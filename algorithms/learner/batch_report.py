"""A batch in one line: what an error about broken numbers says of the data they came from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.ops.losses import explained_variance

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
