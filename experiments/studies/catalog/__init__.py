"""The studies by name; one module of plain data each."""

from __future__ import annotations

from rllib_zoo.experiments.studies.catalog import (
    algorithms_compared,
    ball_balancing,
    dqn_homework,
    pendulum_ddpg,
    policy_gradient_tips,
    ppo_objectives,
    tuned_files,
    worker_scaling,
)
from rllib_zoo.experiments.studies.study import Budget, Cell, Study, Threshold, UnknownCellError

STUDIES: dict[str, Study] = {
    module.STUDY.name: module.STUDY
    for module in (
        algorithms_compared, tuned_files, worker_scaling, policy_gradient_tips,
        dqn_homework, pendulum_ddpg, ppo_objectives, ball_balancing,
    )
}  # fmt: skip

__all__ = ["STUDIES", "Budget", "Cell", "Study", "Threshold", "UnknownCellError"]
