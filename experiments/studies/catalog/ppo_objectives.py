"""Which objective of PPO: table 1 of its paper, on the seven MuJoCo tasks of the paper."""

from __future__ import annotations

from typing import Any

from rllib_zoo.experiments.studies.study import Budget, Cell, Study

# Row of the table → what it changes, and its average normalised score (Schulman et al. 2017, table 1;
# course lecture 12, "Results").
ROWS: dict[str, tuple[dict[str, Any], float]] = {
    "none": ({"objective": "none"}, -0.39),
    "clip-0.1": ({"objective": "clip", "clip_param": 0.1}, 0.76),
    "clip-0.2": ({"objective": "clip", "clip_param": 0.2}, 0.82),
    "clip-0.3": ({"objective": "clip", "clip_param": 0.3}, 0.70),
    "kl-adaptive-0.003": ({"objective": "kl_adaptive", "kl_target": 0.003}, 0.68),
    "kl-adaptive-0.01": ({"objective": "kl_adaptive", "kl_target": 0.01}, 0.74),
    "kl-adaptive-0.03": ({"objective": "kl_adaptive", "kl_target": 0.03}, 0.71),
    "kl-fixed-0.3": ({"objective": "kl_fixed", "kl_coeff": 0.3}, 0.62),
    "kl-fixed-1": ({"objective": "kl_fixed", "kl_coeff": 1.0}, 0.71),
    "kl-fixed-3": ({"objective": "kl_fixed", "kl_coeff": 3.0}, 0.72),
    "kl-fixed-10": ({"objective": "kl_fixed", "kl_coeff": 10.0}, 0.69),
}
# Cheapest first: the last needs most time for physics.
ENVS = (
    "InvertedPendulum-v5", "Reacher-v5", "InvertedDoublePendulum-v5", "Hopper-v5", "Swimmer-v5",
    "Walker2d-v5", "HalfCheetah-v5",
)  # fmt: skip
# None was used for tuning.
SEEDS = (1, 2, 3)
STEPS = 1_000_000


def _cell(env: str, row: str) -> Cell:
    task, (changes, _) = env.removesuffix("-v5").lower(), ROWS[row]
    # Rows without clipping must not inherit the file's clip_param.
    own = {"clip_param": None} if "clip_param" not in changes else {}
    return Cell(
        name=f"{task}-{row}",
        file=f"tuned_configs/{task}-ppo.yaml",
        algorithm="PPO",
        env=env,
        seeds=SEEDS,
        budget=Budget(STEPS),
        changes={**own, **changes},
        label=row,
        every=50_000,
    )


STUDY = Study(
    name="ppo_objectives",
    question="Which objective of PPO is best: none, clipping, an adaptive or a fixed KL penalty?",
    cells=tuple(_cell(env, row) for env in ENVS for row in ROWS),
    figures=(),
    published={row: score for row, (_, score) in ROWS.items()},
    note="A run's score is the mean return of its last 100 episodes, per task 0 for random actions and 1 for "
    "the best run of all rows. Settings are those of the paper's table 3, on gymnasium's v5 tasks instead of "
    "the paper's v1.",
)
