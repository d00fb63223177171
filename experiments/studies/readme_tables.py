"""The README's generated parts: the table of results and the line on speed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.style import short
from rllib_zoo.experiments.studies.algorithms_compared_tables import STUDY
from rllib_zoo.experiments.studies.figures import short_name
from rllib_zoo.experiments.studies.measures import first_reaching, median_of, solving_row
from rllib_zoo.experiments.studies.page_sections import benchmark_cell
from rllib_zoo.experiments.studies.runs import Run, runs_of
from rllib_zoo.experiments.studies.tables import (
    final_scores,
    machines,
    require_same_environments,
    with_interval,
)

REGENERATE = "Regenerate: `rllib study report --update`."


def results_table(results: Path) -> str:
    """A row per environment, a column per algorithm; only the study's own seeds.

    Raises:
        DifferentEnvironmentsError: runs of one environment had different environment settings.
    """
    runs = [run for run in runs_of(STUDY, results) if run.seed in run.cell.seeds]
    require_same_environments(STUDY, runs)
    algorithms = sorted({cell.algorithm for cell in STUDY.cells})
    rows = []
    for env in STUDY.envs:
        target = next(cell.solved for cell in STUDY.cells if cell.env == env)
        row = [f"{short_name(env)}: {_measure(env, target)}"]
        for algorithm in algorithms:
            mine = [r for r in runs if (r.cell.env, r.cell.algorithm) == (env, algorithm)]
            row.append(_scores(mine) if target is None else _steps_to(mine, target))
        rows.append(row)
    return (
        f"{tables.markdown(['', *algorithms], rows)}\n"
        "Interquartile means over seeds that were not used for tuning, [95 % bootstrap interval] from five "
        "seeds on, below that (lowest to highest). Final score: mean of the last 100 training games, raw, "
        f"without sticky actions. {machines(runs)} {REGENERATE}"
    )


def _measure(env: str, target: float | None) -> str:
    reference = REFERENCE_SCORES[env]
    if target is not None:
        return f"steps to a mean return of {target:g}, fewer is better"
    return f"final score (random {reference.random:g}, {reference.target_is} {reference.target:g})"


def _steps_to(runs: Sequence[Run], target: float) -> str:
    """Steps of the runs that are done, and how many of all reached the target."""
    done = [run for run in runs if run.done]
    solved = sum(first_reaching(run.rows, target) is not None for run in done)
    rows = [row for run in done if (row := solving_row(run))]
    steps = with_interval([row["steps"] or 0.0 for row in rows], 0)
    return f"{steps}<br>{solved} of {len(runs)} seeds solved"


def _scores(runs: Sequence[Run]) -> str:
    """Final scores, seeds and the steps of training."""
    done = [run for run in runs if run.done]
    if not done:
        return f"–<br>0 of {len(runs)} seeds"
    steps = median_of(run.last("steps") or 0.0 for run in done)
    of = "" if len(done) == len(runs) else f" of {len(runs)}"
    seeds = f"{len(done)}{of} seed{'' if len(runs) == 1 else 's'}"
    return f"{final_scores(done)}<br>{seeds}, {short(round(steps, -5))} steps"


def speed_line(results: Path) -> str:
    """Ratios of steps per second at equal settings on Pong, and of the time to solve CartPole."""
    pong = partial(benchmark_cell, results, "atari", column=2)
    cartpole = benchmark_cell(results, "speed", "ours-ppo", "sb3-ppo", column=3)
    return (
        "Steps per second on Pong at equal network, batch and epochs (2 cores): PPO "
        f"{pong('ours-ppo-as-sb3', 'sb3-ppo-all')} × stable-baselines3 and "
        f"{pong('ours-ppo-as-rllib', 'rllib-old')} × RLlib's own PPO on its old API stack, A2C "
        f"{pong('ours-a2c-as-sb3', 'sb3-a2c-all')} × stable-baselines3. Seconds to solve CartPole, "
        f"stable-baselines3's PPO over ours: {cartpole}. Commands, settings and all others: "
        "[benchmarks](docs/benchmarks.md)."
    )
