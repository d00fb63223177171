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
from rllib_zoo.experiments.spec.search_space import at, is_drawn
from rllib_zoo.experiments.sweeps.schedulers import POPULATIONS, scheduler_name
from rllib_zoo.experiments.sweeps.search import score_bound
from rllib_zoo.experiments.sweeps.seed_repeater import score_of_seeds
from rllib_zoo.experiments.sweeps.trial_names import value_text, varied_labels, varied_paths
from rllib_zoo.experiments.tune.progress import RETURN

MAX_ROWS = 20


def varied(experiment: Experiment, config: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's values of the keys that vary between configurations: dotted key → value."""
    paths = varied_paths(experiment)
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
        value = entry[statistic(experiment)]
        return (not entry["complete"], value is None, -sign * (value or 0.0), entry["steps"])

    return sorted(entries, key=order)


def best_row(
    rows: Sequence[Mapping[str, Any]],
    ranks: Sequence[Mapping[str, Any]],
    request: Mapping[str, Any],
) -> Mapping[str, Any] | None:
    """The trial with the best checkpoint; in a sweep, of the best configuration, not the luckiest seed.

    Args:
        rows: of all trials, as in a manifest.
        ranks: of :func:`ranking`; empty without a sweep.
        request: ``score_attribute``, ``score_order`` and ``mode`` of the experiment, as far as set.

    Returns:
        None where no trial has a checkpoint.
    """
    with_checkpoint = [row for row in rows if row["checkpoint"]]
    first = [row for row in with_checkpoint if ranks and row["trial"] in ranks[0]["trials"]]
    candidates = first or with_checkpoint
    by_checkpoint = request.get("score_attribute") is not None
    order = request.get("score_order" if by_checkpoint else "mode")
    key, sign = "checkpoint_score" if by_checkpoint else "score", -1.0 if order == "min" else 1.0
    scored = [row for row in candidates if row[key] is not None]
    if scored:
        return max(scored, key=lambda row: sign * row[key])
    return candidates[-1] if candidates else None


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


def statistic(experiment: Experiment) -> str:
    """The name in ``SEED_SCORES`` by which configurations are ranked."""
    return experiment.seed_score or next(iter(SEED_SCORES))


def _scored(scores: Sequence[float], statistic: str, mode: str | None) -> float | None:
    return score_of_seeds(scores, statistic, mode=mode) if scores else None


def ranking_table(experiment: Experiment, ranks: Sequence[Mapping[str, Any]]) -> Table:
    """The first entries as a table for the terminal."""
    metric, mode = experiment.metric or RETURN, experiment.mode or "max"
    score_of = SEED_SCORES[statistic(experiment)]
    title = f"configurations by the {mode} of {metric}, {score_of} of their trials"
    table = Table(title=title)
    labels = varied_labels(experiment)
    names = [labels.get(key, key) for key in ranks[0]["varied"]]
    for heading in ("", *names, "trials", "IQM", "worst quarter", "worst", "steps"):
        table.add_column(heading, justify="left" if heading == "trials" else "right")
    for number, entry in enumerate(ranks[:MAX_ROWS], 1):
        statuses = ", ".join(f"{count} {status}" for status, count in entry["statuses"].items())
        values = [value_text(value) for value in entry["varied"].values()]
        numbers = [score_text(entry[name]) for name in (*SEED_SCORES, "worst")]
        numbers.append(f"{entry['steps']:,.0f}")
        table.add_row(str(number), *values, statuses, *numbers)
    if len(ranks) > MAX_ROWS:
        table.caption = f"{len(ranks) - MAX_ROWS} more in manifest.json"
    return table


def score_text(value: float | None) -> str:
    """A score for the terminal."""
    if value is None:
        return "–"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"
