"""Whether the CartPole files hold away from their tuned rate, and until the end of their budget.

Seeds are none of those used for tuning (100 to 111). Runs use their whole budget, solved or not, so that
a policy that falls after it was solved counts as such.
"""

from __future__ import annotations

from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.experiments.studies.study import Budget, Cell, Study, Threshold

# File → initial learning rate, and agent steps of the budget, at whose end it is 0.
RATES = {"ppo": (3e-3, 200_000), "a2c": (1.5e-3, 300_000), "a3c": (1e-3, 400_000)}
FACTORS = (0.5, 1.0, 2.0)
SEEDS = tuple(range(2030, 2040))
TARGET = REFERENCE_SCORES["CartPole-v1"].target


def _cell(algorithm: str, factor: float) -> Cell:
    rate, steps = RATES[algorithm]
    return Cell(
        name=f"cartpole-{algorithm}-rate{factor:g}",
        file=f"tuned_configs/cartpole-{algorithm}.yaml",
        algorithm=algorithm.upper(),
        env="CartPole-v1",
        seeds=SEEDS,
        budget=Budget(steps),
        changes={"lr": [[0, factor * rate], [steps, 0.0]]},
        value=factor,
        every=5_000,
    )


CELLS = tuple(_cell(algorithm, factor) for algorithm in RATES for factor in FACTORS)

STUDY = Study(
    name="tuned_files",
    question="Do the tuned files learn with half and twice their learning rate, on seeds nobody tuned?",
    cells=CELLS,
    figures=("sensitivity_final",),
    thresholds=tuple(
        threshold
        for cell in CELLS
        for threshold in (
            Threshold(cell.name, "reached", TARGET, 9, of=len(SEEDS)),
            Threshold(cell.name, "worst_quarter", TARGET, len(SEEDS)),
        )
    ),
    axis="learning rate over that of the file",
    note="Every run uses its whole budget; the rate falls to 0 as in the tuned file.",
)
