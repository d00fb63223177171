"""The studies: one module each, plain data, named here once."""

from __future__ import annotations

from experiments.studies import (
    algorithms_compared,
    ball_balancing,
    learning_rate_sensitivity,
    worker_scaling,
)
from experiments.studies.study import Budget, Cell, Study, Threshold, UnknownCellError

STUDIES: dict[str, Study] = {
    module.STUDY.name: module.STUDY
    for module in (
        algorithms_compared,
        worker_scaling,
        learning_rate_sensitivity,
        ball_balancing,
    )
}

__all__ = ["STUDIES", "Budget", "Cell", "Study", "Threshold", "UnknownCellError"]
