"""When a trial ends: the first criterion reached, wherever in the result it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune import Stopper


def lookup(result: Mapping[str, Any], path: str) -> Any:
    """The number at ``a/b/c`` in a nested result; None where there is none (yet)."""
    if path in result:
        return result[path]
    node: Any = result
    for part in path.split("/"):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


class FirstReached(Stopper):
    """Stops a trial when any named result reaches its bound.

    Tune's own dictionary of criteria raises when a result lacks a key, as every result does
    before the first episode has ended.
    """

    def __init__(self, bounds: Mapping[str, float]):
        self.bounds = dict(bounds)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return any(
            (value := lookup(result, key)) is not None and value >= bound
            for key, bound in self.bounds.items()
        )

    def stop_all(self) -> bool:
        return False

    def progress(self, result: Mapping[str, Any]) -> float:
        """The largest share reached of those budgets that only grow, in [0, 1]."""
        shares = [
            value / bound
            for key, bound in self.bounds.items()
            if _only_grows(key) and bound > 0 and (value := lookup(result, key)) is not None
        ]
        return min(max(shares, default=0.0), 1.0)


def _only_grows(key: str) -> bool:
    return key.endswith(("_total", "_lifetime", "_total_s")) or key == "training_iteration"
