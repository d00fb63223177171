"""An evaluation is in the one result that evaluated, not in the next ones too, as with RLlib."""

from __future__ import annotations

from typing import Any

from ray.rllib.utils.metrics import EVALUATION_RESULTS


class ReportsEvaluationOnce:
    """Mixin of an Algorithm: results without an evaluation have no ``evaluation``.

    RLlib's metrics logger gives the values of an evaluation to the next result as well, and null to
    all later ones: stop rules, schedulers and tables would count it twice, or read null.
    """

    _has_evaluated = False

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """As RLlib."""
        self._has_evaluated = True
        return super().evaluate(*args, **kwargs)  # type: ignore[misc]

    def step(self) -> dict[str, Any]:
        """As RLlib, without the results of an earlier evaluation."""
        self._has_evaluated = False
        result: dict[str, Any] = super().step()  # type: ignore[misc]
        if not self._has_evaluated:
            result.pop(EVALUATION_RESULTS, None)
        return result
