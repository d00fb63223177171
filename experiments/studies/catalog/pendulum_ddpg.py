"""DDPG on Pendulum, near the course homework's settings."""

from __future__ import annotations

from rllib_zoo.experiments.studies.study import Budget, Cell, Study, Threshold

CELL = "pendulum-ddpg"
# Required greedy return.
GREEDY = -160.0

STUDY = Study(
    name="pendulum_ddpg",
    question="Does DDPG, near the homework's settings, swing the pendulum up as the homework did?",
    cells=(
        Cell(
            name=CELL,
            file="tuned_configs/pendulum-ddpg.yaml",
            algorithm="DDPG",
            env="Pendulum-v1",
            seeds=(11, 12, 13, 14, 15),  # 0 and 1 were used for tuning
            budget=Budget(10_000),
            every=1_000,
            greedy_episodes=100,
        ),
    ),
    figures=("learning_curves",),
    thresholds=(Threshold(CELL, "greedy", GREEDY, 5),),
    note="Final scores average the last episodes of training, all of the budget's 50, with their noise; "
    "the threshold is on 100 episodes without noise ([DDPG](ddpg.md#result-on-pendulum)).",
)
