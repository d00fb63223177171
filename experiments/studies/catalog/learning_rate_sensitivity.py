"""How much the learning rate matters: A2C, A3C and PPO on CartPole, around the tuned rate.

Runs use their whole budget, solved or not: scores of runs that end at 475 could not be compared.
"""

from __future__ import annotations

from rllib_zoo.experiments.studies.study import Budget, Cell, Study

# Initial rates, the tuned one in the middle. All fall to 0 as in the tuned file: (steps, rates).
RATES = {
    "ppo": (250_000, (2e-4, 6e-4, 2e-3, 6e-3, 2e-2)),
    "a2c": (300_000, (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
    "a3c": (600_000, (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
}
STEPS = {"ppo": 200_000, "a2c": 300_000, "a3c": 600_000}
SEEDS = tuple(range(5))


def _cell(algorithm: str, rate: float) -> Cell:
    until, _ = RATES[algorithm]
    return Cell(
        name=f"cartpole-{algorithm}-lr{rate:g}",
        file=f"tuned_configs/cartpole-{algorithm}.yaml",
        algorithm=algorithm.upper(),
        env="CartPole-v1",
        seeds=SEEDS,
        budget=Budget(STEPS[algorithm]),
        changes={"lr": [[0, rate], [until, 0.0]]},
        value=rate,
        every=10_000,
    )


STUDY = Study(
    name="learning_rate_sensitivity",
    question="How sensitive is each algorithm to its learning rate?",
    cells=tuple(
        _cell(algorithm, rate) for algorithm, (_, rates) in RATES.items() for rate in rates
    ),
    figures=("sensitivity_final", "sensitivity_average"),
    axis="initial learning rate",
    note="Every run uses its whole budget; the rate falls to 0 as in the tuned file.",
)
