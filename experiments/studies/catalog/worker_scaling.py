"""Speedup from more env runners: A2C and A3C on CartPole, Pong and an environment that only sleeps.

On real cores the total work stays the same: A2C's environments are divided among the runners, A3C's
batch per gradient stays that of the tuned file and more gradients are computed at once. The sleeping
environment uses no core, so that it shows the overhead of the program itself: there every runner
has an environment of its own.
"""

from __future__ import annotations

from typing import Any

from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.experiments.studies.study import Budget, Cell, Study, Threshold

RUNNERS = (1, 2, 4)
WAITING_RUNNERS = (1, 2, 4, 8)
# Steps per runner in a batch of A2C; equals `rollout_fragment_length` in A3C's file.
WAITING_FRAGMENT = 32
SOLVED = REFERENCE_SCORES["CartPole-v1"].target
# Environments in A2C's tuned files, divided among the runners, so that the batch stays the same.
A2C_ENVIRONMENTS = 16
ENVS = {"cartpole": "CartPole-v1", "pong": "ALE/Pong-v5", "waiting": "envs.waiting.Waiting"}
BUDGETS = {
    "cartpole": Budget(600_000, score=SOLVED),
    "pong": Budget(200_000),
    "waiting": Budget(1_000_000, seconds=20.0),
}
SEEDS = {"cartpole": (0, 1, 2), "pong": (0,), "waiting": (0, 1, 2)}


def _changes(environment: str, algorithm: str, runners: int) -> dict[str, Any]:
    changes: dict[str, Any] = {"num_env_runners": runners}
    if environment == "waiting":
        # A2C's batch is the steps of all runners together.
        batch = {"train_batch_size": WAITING_FRAGMENT * runners} if algorithm == "a2c" else {}
        return changes | batch
    # Four runners with a whole core each do not fit on two cores: they reserve fractions and share.
    changes |= {"num_cpus_per_env_runner": 0.25, "num_cpus_for_main_process": 0.5}
    if algorithm == "a2c":
        changes["num_envs_per_env_runner"] = A2C_ENVIRONMENTS // runners
    return changes


def _cell(environment: str, algorithm: str, runners: int) -> Cell:
    waiting = environment == "waiting"
    folder = "experiments/studies" if waiting else "tuned_configs"
    return Cell(
        name=f"{environment}-{algorithm}-runners{runners}",
        file=f"{folder}/{environment}-{algorithm}.yaml",
        algorithm=algorithm.upper(),
        env=ENVS[environment],
        seeds=SEEDS[environment],
        budget=BUDGETS[environment],
        changes=_changes(environment, algorithm, runners),
        value=runners,
        every=100 if waiting else 10_000,
        quiet=not waiting,
    )


STUDY = Study(
    name="worker_scaling",
    question="How much faster is training with more runners, and how stale do A3C's gradients get?",
    cells=tuple(
        _cell(environment, algorithm, runners)
        for environment in ENVS
        for algorithm in ("a2c", "a3c")
        for runners in (WAITING_RUNNERS if environment == "waiting" else RUNNERS)
    ),
    figures=("scaling", "efficiency", "staleness"),
    thresholds=tuple(
        Threshold(f"waiting-{algorithm}-runners8", "efficiency", 0.8, len(SEEDS["waiting"]))
        for algorithm in ("a2c", "a3c")
    ),
    axis="runners",
    note="Efficiency: steps/s over those of one runner times the runners. Staleness: updates between a "
    "gradient's weights and its use. The waiting environment sleeps 20 ms a step and uses no core.",
)
