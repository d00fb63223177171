"""Figures of sweeps: which of them a set of groups deserves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw
from rllib_zoo.analysis.draw import reach
from rllib_zoo.analysis.plots.figure_file import Drawn, drawn_in, file_name
from rllib_zoo.analysis.scoring.groups import spelt
from rllib_zoo.analysis.statistics import Estimate
from rllib_zoo.analysis.style import legend, look, plain
from rllib_zoo.analysis.summary import Summary

# Letters of a tick's label.
MAX_TICK = 24


def sensitivity(
    ax: Axes,
    values: Sequence[Any],
    estimates: Sequence[Estimate],
    *,
    key: str,
    ylabel: str,
    label: str | None = None,
    number: int = 0,
) -> Axes:
    """A score over one setting; logarithmic where all values are positive and span a factor of 10.

    ``label`` and ``number`` tell several lines on the same axes apart.
    """
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    numeric = len(numbers) == len(values)
    x = np.array(numbers, float) if numeric else np.arange(len(values))
    order = np.argsort(x)
    found = [estimates[i] for i in order]
    heights = np.array([e.value for e in found])
    errors = np.hstack([reach(estimate) for estimate in found])
    ax.errorbar(x[order], heights, yerr=errors, marker="o", capsize=3, label=label, **look(number))
    if numeric and x.min() > 0 and x.max() / x.min() >= 10:
        ax.set_xscale("log")
    elif not numeric:
        ax.set_xticks(x, [_ticked(value) for value in values], rotation=20, ha="right")
    ax.set_xlabel(key)
    ax.set_ylabel(f"{ylabel}, 95 % interval")
    return ax


def _ticked(value: Any) -> str:
    """A value short enough to stand below an axis."""
    text = spelt(value)
    return text if len(text) <= MAX_TICK else f"{text[: MAX_TICK - 1]}…"


def sensitivity_of_two(
    ax: Axes,
    rows: Sequence[Any],
    columns: Sequence[Any],
    scores_RC: np.ndarray,
    *,
    keys: tuple[str, str],
    label: str,
) -> Axes:
    """A score over two settings as a map with its numbers; NaN stays white and says "–"."""
    image = ax.imshow(scores_RC, cmap="cividis", aspect="auto")
    middle = (np.nanmin(scores_RC) + np.nanmax(scores_RC)) / 2
    for (row, column), value in np.ndenumerate(scores_RC):
        text = "–" if np.isnan(value) else plain(value)
        colour = "white" if value < middle else "black"
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    ax.set_yticks(range(len(rows)), [_ticked(value) for value in rows])
    ax.set_xticks(range(len(columns)), [_ticked(value) for value in columns])
    ax.set_ylabel(keys[0])
    ax.set_xlabel(keys[1])
    ax.grid(False)
    ax.figure.colorbar(image, ax=ax, label=label)
    return ax


def parallel_coordinates(
    ax: Axes, settings: Sequence[Mapping[str, Any]], scores: Sequence[float], *, label: str
) -> Axes:
    """A line per trial through its settings to its score; brighter is better.

    Args:
        settings: key → value of every trial, the same keys everywhere.
        scores: of the trials.
    """
    keys = list(settings[0])
    positions = {key: _positions([row[key] for row in settings]) for key in keys}
    heights = np.array([positions[key][0] for key in keys] + [_unit(np.array(scores, float))])
    colours = _map_of(np.array(scores, float))
    for trial in np.argsort(scores):
        ax.plot(range(len(keys) + 1), heights[:, trial], color=colours[trial], lw=1.2, alpha=0.8)
    for place, key in enumerate(keys):
        for height, text in positions[key][1].items():
            ax.annotate(text, (place, height), fontsize=7, ha="center", va="center",
                        bbox={"fc": "white", "ec": "none", "pad": 0.5})  # fmt: skip
    for height in (0.0, 1.0):
        value = np.nanmin(scores) if height == 0 else np.nanmax(scores)
        ax.annotate(plain(value), (len(keys), height), fontsize=7, ha="left", va="center")
    ax.set_xticks(range(len(keys) + 1), [*keys, label], rotation=20, ha="right")
    ax.set_yticks([])
    ax.grid(axis="x", alpha=0.5)
    return ax


def worker_scaling(ax: Axes, rates: Mapping[int, Sequence[float]]) -> Axes:
    """Steps per second over the number of runners, every run a point, and the line of no loss."""
    runners = sorted(rates)
    best = [float(np.median(rates[number])) for number in runners]
    for number in runners:
        ax.plot([number] * len(rates[number]), rates[number], ".", color="0.6")
    ax.plot(runners, best, "o-", label="median of runs", color=look(0)["color"])
    ideal = [best[0] * number / runners[0] for number in runners]
    ax.plot(runners, ideal, ls="--", color="0.5", label="in proportion to the first")
    ax.set_xlabel("runners")
    ax.set_ylabel("agent steps per second")
    ax.set_xticks(runners)
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def _positions(values: Sequence[Any]) -> tuple[np.ndarray, dict[float, str]]:
    """Heights in [0, 1] of the values of one setting, and the texts to put there."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == len(values):
        array = np.array(values, float)
        if array.min() > 0 and array.max() / array.min() >= 10:
            array = np.log10(array)
        heights = _unit(array)
    else:
        names = sorted({spelt(value) for value in values})
        heights = _unit(np.array([names.index(spelt(value)) for value in values], float))
    shown = sorted(set(zip(heights.tolist(), map(spelt, values), strict=True)))
    if len(shown) > 6:
        shown = [shown[0], shown[-1]]
    return heights, dict(shown)


def _unit(array: np.ndarray) -> np.ndarray:
    low, high = np.nanmin(array), np.nanmax(array)
    return np.full(len(array), 0.5) if low == high else (array - low) / (high - low)


def _map_of(scores: np.ndarray) -> np.ndarray:
    from matplotlib import colormaps

    return colormaps["cividis"](_unit(scores))


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
                partial(worker_scaling, rates=rates),
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
                partial(parallel_coordinates, settings=rows, scores=scores, label="score"),
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
        return sensitivity(ax, values, found, key=key, ylabel=SCORE)

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
        return sensitivity_of_two(ax, sides[0], sides[1], scores_RC, keys=keys, label=SCORE)

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
