"""Generated sections of single pages of `docs/`: the benchmarks', DDPG's on Pendulum and the sweep's."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, median
from typing import Any

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.experiments.studies.catalog import STUDIES
from rllib_zoo.experiments.studies.catalog.pendulum_ddpg import GREEDY
from rllib_zoo.experiments.studies.keep import SWEEP, SWEEP_FILES
from rllib_zoo.experiments.studies.runs import BrokenResultError, runs_of
from rllib_zoo.experiments.studies.tables import provenance, run_cells

# Section of docs/benchmarks.md → the report that a benchmark has left.
BENCHMARKS = {
    "speed": Path("cartpole") / "cartpole-benchmark.md",
    "atari": Path("atari") / "pong-benchmark.md",
    "mujoco": Path("mujoco") / "halfcheetah-benchmark.md",
}
PENDULUM_COLUMNS = [
    "seed", "status", "steps", "training minutes", "last training episodes",
    "100 episodes without noise", f"≥ {GREEDY:g}",
]  # fmt: skip
BEST = 3


def benchmark_tables(results: Path, section: str) -> str:
    """A benchmark's report without the settings of its contenders, which follow at its end."""
    report = (results / BENCHMARKS[section]).read_text(encoding="utf-8")
    return report.partition("\nSettings:")[0].strip()


def benchmark_cell(results: Path, section: str, ours: str, peer: str, column: int) -> str:
    """One cell of a benchmark's tables of ratios, such as "2.53 (2.50–2.55)".

    Raises:
        BrokenResultError: the report has no ratio of these two, or more than one.
    """
    start = f"| {ours} | {peer} |"
    report = benchmark_tables(results, section).splitlines()
    lines = [line for line in report if line.startswith(start)]
    if len(lines) != 1:
        file = results / BENCHMARKS[section]
        raise BrokenResultError(f"{file}: {len(lines)} rows start with {start!r}, not 1")
    return lines[0].strip("| ").split(" | ")[column].strip()


def pendulum_table(results: Path) -> str:
    """DDPG on Pendulum: a row per seed, the mean over seeds and the homework's own figure."""
    runs = runs_of(STUDIES["pendulum_ddpg"], results)
    scores = [float(run.greedy["mean"]) for run in runs if run.greedy is not None]
    over = f"{mean(scores):.1f} ({min(scores):.1f} to {max(scores):.1f})" if scores else "–"
    reached = sum(score >= GREEDY for score in scores)
    rows = [[run.seed, *run_cells(run, GREEDY, 1)] for run in runs]
    homework = REFERENCE_SCORES["Pendulum-v1"].target
    return (
        f"{tables.markdown(PENDULUM_COLUMNS, rows)}\n"
        f"Mean over seeds {over}; {reached} of {len(runs)} reach {GREEDY:g}. The homework shows "
        f"{homework}, of one run, without saying over how many episodes. Intervals: 95 % over the "
        "episodes of one seed. Training episodes are played with noise, and at first by an untrained actor. "
        f"{provenance(runs)}"
    )


def sweep_section(results: Path) -> str:
    """The result of the kept sweep, and of its best configuration on other seeds."""
    sweep, best = (json.loads((results / SWEEP / name).read_text()) for name in SWEEP_FILES)
    return sweep_summary(sweep, best)


def sweep_summary(sweep: dict[str, Any], best: dict[str, Any]) -> str:
    """The same for :func:`rllib_zoo.experiments.studies.keep.sweep_facts` of the two."""
    trials, ranking = sweep["trials"], sweep["ranking"]
    status = [f"{_count(trials, name)} {name}" for name in sorted({t["status"] for t in trials})]
    resumed = len(sweep["resumed"] or [])
    steps = sum(int(trial["steps"] or 0) for trial in trials)
    budget = len(trials) * sweep["stop"]["timesteps_total"]
    target = _target(best)
    reached = sum((trial["score"] or 0) >= target for trial in best["trials"])
    return (
        f"{len(ranking)} configurations, {len(trials)} trials ({', '.join(status)}), {steps:,} of at most "
        f"{budget:,} steps; killed and resumed {resumed} time{'' if resumed == 1 else 's'} on the way. "
        f"Seeds {_seeds(trials)}; commit {_commit(sweep)}, {_machine(sweep)}. The best {BEST}:\n\n"
        f"{_ranking_table(ranking[:BEST])}\n"
        f"The first of them on seeds the sweep never saw, {_seeds(best['trials'])}: "
        f"{_count(best['trials'], 'done')} of {len(best['trials'])} runs done, "
        f"{reached} reached {target}, after {_spread(best, 'steps')} steps and "
        f"{_spread(best, 'seconds')} seconds of training (median, lowest to highest; commit "
        f"{_commit(best)})."
    )


def _ranking_table(ranking: list[dict[str, Any]]) -> str:
    names = list(ranking[0]["varied"])
    rows = [
        [*(entry["varied"][name] for name in names), entry["iqm"], entry["worst"], entry["steps"]]
        for entry in ranking
    ]
    return tables.markdown([*(f"`{name}`" for name in names), "IQM", "worst", "mean steps"], rows)


def _count(trials: list[dict[str, Any]], status: str) -> int:
    return sum(trial["status"] == status for trial in trials)


def _target(experiment: dict[str, Any]) -> float:
    """The score in the stop rule."""
    (score,) = (v for key, v in experiment["stop"].items() if key != "timesteps_total")
    return float(score) if score % 1 else int(score)


def _spread(experiment: dict[str, Any], key: str) -> str:
    values = [trial[key] for trial in experiment["trials"]]
    digits = 0 if key == "steps" else 1
    middle, low, high = (f"{x:,.{digits}f}" for x in (median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def _seeds(trials: list[dict[str, Any]]) -> str:
    return ", ".join(str(seed) for seed in sorted({trial["seed"] for trial in trials}))


def _commit(experiment: dict[str, Any]) -> str:
    return f"`{tables.commit(experiment['git'] or {})}`"


def _machine(experiment: dict[str, Any]) -> str:
    machine = experiment["machine"]
    return f"{machine['cores']} cores {machine['cpu']}, {experiment['started'][:10]}"
