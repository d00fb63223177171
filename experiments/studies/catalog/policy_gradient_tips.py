"""The course's policy gradient on CartPole, with the lecture's improvements added one by one.

Source: course policy-gradient lecture, "tips to reduce bias and variance", in its order: the whole
return, a constant baseline, the reward-to-go, a discount, a learned baseline; then A2C, A3C and PPO
with their tuned files.
"""

from __future__ import annotations

from typing import Any

from rllib_zoo.experiments.studies.study import Budget, Cell, Study

SEEDS = tuple(range(10))
STEPS = 100_000
# What each row changes in its file. About one update per iteration is measured, including the first one.
WHOLE = {"use_critic": False, "credit": "whole_return", "gamma": 1.0}
TO_GO = {"use_critic": False, "constant_baseline": True}
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "whole-return": ("cartpole-pg", WHOLE),
    "baseline": ("cartpole-pg", {**WHOLE, "constant_baseline": True}),
    "reward-to-go": ("cartpole-pg", {**TO_GO, "gamma": 1.0}),
    "discount": ("cartpole-pg", TO_GO),
    "critic": ("cartpole-pg", {}),
    "a2c": ("cartpole-a2c", {}),
    "a3c": ("cartpole-a3c", {}),
    "ppo": ("cartpole-ppo", {"min_sample_timesteps_per_iteration": 4_096}),
}
# Updates between two measurements; for A3C, gradients of one of its two runners.
MEASURED = {"cartpole-pg": 5, "cartpole-a2c": 16, "cartpole-a3c": 8, "cartpole-ppo": 2}
LABELS = {
    "whole-return": "whole return", "baseline": "+ constant baseline",
    "reward-to-go": "+ reward-to-go", "discount": "+ discount", "critic": "+ learned baseline",
    "a2c": "A2C", "a3c": "A3C", "ppo": "PPO",
}  # fmt: skip


def _cell(number: int, row: str) -> Cell:
    file, own = ROWS[row]
    changes = {"gradient_variance_every": MEASURED[file], **own}
    return Cell(
        name=f"tips-{row}",
        file=f"tuned_configs/{file}.yaml",
        algorithm=file.rpartition("-")[-1].upper(),
        env="CartPole-v1",
        seeds=SEEDS,
        budget=Budget(STEPS),
        changes=changes,
        # Figures sort by label.
        label=f"{number} {LABELS[row]}",
        every=5_000,
    )


STUDY = Study(
    name="policy_gradient_tips",
    question="How much does each tip of the policy-gradient lecture improve the score and reduce the noise?",
    cells=tuple(_cell(number, row) for number, row in enumerate(ROWS, 1)),
    figures=("learning_curves", "scores", "gradient_variance", "gradient_signal"),
    note="Rows in the lecture's order; each includes all tips above it, except that the learned baseline "
    "replaces the constant one. Variance: of one step's contribution to the policy gradient, summed over "
    "all weights. In the five rows of PG the first gradient of a seed has the same weights and episodes. "
    "Signal to noise: the policy gradient's squared length over its variance in batches of 1,000 steps, "
    "early in training, while policies are still similar. Both are medians over seeds. The tuned files of "
    "A2C, A3C and PPO are for longer budgets.",
)
