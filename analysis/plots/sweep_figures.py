"""Figures of sweeps: which of them a set of groups deserves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw
from rllib_zoo.analysis.plots import draw_sweeps
from rllib_zoo.analysis.plots.figure_file import Drawn, drawn_in, file_name
from rllib_zoo.analysis.scoring.groups import spelt
from rllib_zoo.analysis.statistics import Estimate
from rllib_zoo.analysis.summary import Summary

# A map of more cells cannot be read.
MAX_CELLS_A_SIDE = 12
RUNNERS = "num_env_runners"
SCORE = "interquartile mean of scores"


def sweep_figures(curves: pd.DataFrame, summary: Summary, world: str) -> Iterator[Drawn]:
    """One key: a line with intervals; two: a map; more than one: parallel coordinates too.

    Where the key is the number of runners, steps per second over it.
    """
    estimates = summary.iqms.get(world, {})
    for (its_world, algorithm), settings in summary.sweeps.items():
        scored = {group: row for group, row in settings.items() if group in estimates}
        if its_world != world or len(scored) < 2:
            continue
        name, title = f"{file_name(world)}-{file_name(algorithm)}", f"{world}, {algorithm}"
        keys = list(next(iter(scored.values())))
        if keys == [RUNNERS]:
            rates = runner_rates(curves, scored)
            yield drawn_in(
                f"{name}-worker-scaling",
                f"{title}: runners",
                partial(draw_sweeps.worker_scaling, rates=rates),
            )
        if len(keys) == 1 and len(scored) > 2:
            yield _of_one(name, title, keys[0], scored, estimates)
        if len(keys) == 2:
            yield from _of_two(name, title, (keys[0], keys[1]), scored, estimates)
        if len(keys) > 1 and len(scored) > 3:
            rows = list(scored.values())
            scores = [estimates[group].value for group in scored]
            yield drawn_in(
                f"{name}-coordinates",
                f"{title}: settings and {SCORE}",
                partial(
                    draw_sweeps.parallel_coordinates, settings=rows, scores=scores, label="score"
                ),
            )


def _of_one(
    name: str,
    title: str,
    key: str,
    scored: Mapping[str, Mapping[str, Any]],
    estimates: Mapping[str, Estimate],
) -> Drawn:
    def paint(ax: Axes) -> Axes:
        values = [row[key] for row in scored.values()]
        found = [estimates[group] for group in scored]
        return draw_sweeps.sensitivity(ax, values, found, key=key, ylabel=SCORE)

    return drawn_in(f"{name}-sensitivity", f"{title}: sensitivity to {key}", paint)


def _of_two(
    name: str,
    title: str,
    keys: tuple[str, str],
    scored: Mapping[str, Mapping[str, Any]],
    estimates: Mapping[str, Estimate],
) -> Iterator[Drawn]:
    """A map, where the settings form a grid that is at least half filled."""
    sides = [_sorted({spelt(row[key]): row[key] for row in scored.values()}) for key in keys]
    cells = len(sides[0]) * len(sides[1])
    if max(map(len, sides)) > MAX_CELLS_A_SIDE or len(scored) < cells / 2:
        return
    scores_RC = np.full((len(sides[0]), len(sides[1])), np.nan)
    places = [{spelt(value): i for i, value in enumerate(side)} for side in sides]
    for group, row in scored.items():
        scores_RC[tuple(places[i][spelt(row[key])] for i, key in enumerate(keys))] = estimates[
            group
        ].value

    def paint(ax: Axes) -> Axes:
        return draw_sweeps.sensitivity_of_two(
            ax, sides[0], sides[1], scores_RC, keys=keys, label=SCORE
        )

    yield drawn_in(f"{name}-map", f"{title}: {keys[0]} and {keys[1]}", paint)


def runner_rates(
    curves: pd.DataFrame, settings: Mapping[str, Mapping[str, Any]]
) -> dict[int, list[float]]:
    """Number of runners → agent steps per second of training of every run."""
    rates: dict[int, list[float]] = {}
    for group, row in settings.items():
        members = curves[curves["group"] == group]
        found = [rate for _, curve in members.groupby("run") if (rate := rate_of(curve)) > 0]
        rates.setdefault(int(row[RUNNERS]), []).extend(found)
    return {number: found for number, found in rates.items() if found}


def rate_of(curve: pd.DataFrame) -> float:
    """Agent steps per second over all of a run; NaN where that is not known."""
    known = curve[["steps", "seconds"]].dropna()
    if known.empty or known["seconds"].iloc[-1] <= 0:
        return float("nan")
    return float(known["steps"].iloc[-1] / known["seconds"].iloc[-1])


def ablation_figure(world: str, differences: Mapping[str, Estimate], baseline: str) -> Drawn:
    """What every change of the baseline costs or gains."""
    return drawn_in(
        f"{file_name(world)}-ablation",
        f"{world}: changes of {baseline}",
        partial(draw.ablation, differences=differences, baseline=baseline),
    )


def _sorted(values: Mapping[str, Any]) -> list[Any]:
    """Numbers by size, everything else by how it is spelt."""
    found = list(values.values())
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in found):
        return sorted(found)
    return [values[name] for name in sorted(values)]
