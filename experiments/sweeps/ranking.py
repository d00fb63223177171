"""A sweep's configurations from best to worst, each scored over all its seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from rllib_zoo.algorithms.base.result_names import lookup, valid_number
from rllib_zoo.experiments.provenance.manifest import jsonable
from rllib_zoo.experiments.spec.experiment import SEED_SCORES, Experiment
from rllib_zoo.experiments.spec.grid import grid_values
from rllib_zoo.experiments.spec.search_space import at, is_drawn, samplers
from rllib_zoo.experiments.sweeps.schedulers import POPULATIONS, scheduler_name, with_mutations
from rllib_zoo.experiments.sweeps.search import score_bound
from rllib_zoo.experiments.sweeps.seed_repeater import score_of_seeds
from rllib_zoo.experiments.tune.progress import RETURN

MAX_ROWS = 20


def varied(experiment: Experiment, config: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's values of the keys that vary between configurations: dotted key → value."""
    space = {"env": experiment.env, **with_mutations(experiment)}
    paths = [path for path, _, _ in samplers(space) if path != ("seed",)]
    return {".".join(map(str, path)): jsonable(at(config, path)) for path in paths}


def score(experiment: Experiment, result: Mapping[str, Any]) -> float | None:
    """A trial's score: its last metric, clipped at the metric's stop bound; None where it is missing."""
    value = valid_number(lookup(result, experiment.metric or RETURN))
    if value is None:
        return None
    bound = score_bound(experiment)
    return float(value if bound is None else min(value, bound))


def ranking(experiment: Experiment, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry per configuration, best first; empty where all trials have the same configuration.

    Configurations with only complete trials come first, then the others; each ordered by the
    ``seed_score`` of their scores, then by that of their steps, fewer being better. In a population,
    whose trials copy each other, every trial is an entry of its own.

    Args:
        experiment: the request.
        rows: of :func:`rllib_zoo.experiments.launch.summary.trial_rows`.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    is_population = scheduler_name(experiment) in POPULATIONS
    for row in rows:
        key = row["trial"] if is_population else json.dumps(row["varied"], sort_keys=True)
        groups.setdefault(key, []).append(row)
    if len(groups) < 2 or not any(row["varied"] for row in rows):
        return []
    planned = 1 if is_population else _repeats(experiment)
    entries = [_entry(experiment, members, planned) for members in groups.values()]
    sign = -1.0 if experiment.mode == "min" else 1.0

    def order(entry: Mapping[str, Any]) -> tuple[Any, ...]:
        value = entry[_statistic(experiment)]
        return (not entry["complete"], value is None, -sign * (value or 0.0), entry["steps"])

    return sorted(entries, key=order)


def _repeats(experiment: Experiment) -> int:
    """Planned trials per configuration: seeds, times samples where nothing is sampled."""
    seeds = experiment.seeds or grid_values(experiment.config.get("seed"))
    sampled = is_drawn({"env": experiment.env, **experiment.config})
    return len(seeds) * (1 if sampled else experiment.num_samples)


def _entry(
    experiment: Experiment, members: Sequence[Mapping[str, Any]], planned: int
) -> dict[str, Any]:
    scores = [row["score"] for row in members if row["score"] is not None]
    statuses = [row["status"] for row in members]
    worst = max if experiment.mode == "min" else min
    return {
        "varied": members[0]["varied"],
        "statuses": {status: statuses.count(status) for status in sorted(set(statuses))},
        "complete": statuses.count("done") == len(members) >= planned,
        **{name: _scored(scores, name, experiment.mode) for name in SEED_SCORES},
        "worst": worst(scores) if scores else None,
        "steps": score_of_seeds(
            [row["steps"] or 0 for row in members], experiment.seed_score, mode="min"
        ),
        "trials": [row["trial"] for row in members],
    }


def _statistic(experiment: Experiment) -> str:
    return experiment.seed_score or next(iter(SEED_SCORES))


def _scored(scores: Sequence[float], statistic: str, mode: str | None) -> float | None:
    return score_of_seeds(scores, statistic, mode=mode) if scores else None


def ranking_table(experiment: Experiment, ranks: Sequence[Mapping[str, Any]]) -> Table:
    """The first entries as a table for the terminal."""
    metric, mode = experiment.metric or RETURN, experiment.mode or "max"
    statistic = SEED_SCORES[_statistic(experiment)]
    title = f"configurations by the {mode} of {metric}, {statistic} of their trials"
    table = Table(title=title)
    for heading in ("", *ranks[0]["varied"], "trials", "IQM", "worst quarter", "worst", "steps"):
        table.add_column(heading, justify="left" if heading == "trials" else "right")
    for number, entry in enumerate(ranks[:MAX_ROWS], 1):
        statuses = ", ".join(f"{count} {status}" for status, count in entry["statuses"].items())
        values = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in entry["varied"].values()]
        numbers = [_number(entry[name]) for name in (*SEED_SCORES, "worst")]
        numbers.append(f"{entry['steps']:,.0f}")
        table.add_row(str(number), *values, statuses, *numbers)
    if len(ranks) > MAX_ROWS:
        table.caption = f"{len(ranks) - MAX_ROWS} more in manifest.json"
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"
