"""Figures of sweeps: which ones a sweep gets, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw, style
from rllib_zoo.analysis.draw import error_lengths
from rllib_zoo.analysis.plots import interactive
from rllib_zoo.analysis.plots.bands import CURVE_RESAMPLES
from rllib_zoo.analysis.plots.figure_file import FigureImage, Spot, draw_figure, file_name
from rllib_zoo.analysis.plots.interactive import Plot
from rllib_zoo.analysis.plots.settings import importance_figure, is_number, over_values
from rllib_zoo.analysis.scoring.groups import exact_text, value_text
from rllib_zoo.analysis.statistics import Estimate
from rllib_zoo.analysis.summary import Summary

# Letters of a tick's label.
MAX_TICK = 24
# Larger maps are unreadable.
MAX_CELLS_A_SIDE = 12
RUNNERS = "num_env_runners"
SCORE = "interquartile mean of scores"
# Group → setting → value.
Settings = Mapping[str, Mapping[str, Any]]


def sweep_figures(
    curves: pd.DataFrame,
    summary: Summary,
    env: str,
    *,
    seed: int = 0,
    resamples: int = CURVE_RESAMPLES,
) -> Iterator[FigureImage]:
    """One varied key: a line with intervals; two: a map; more than one: the importance of each, the score
    over the values of each, and parallel coordinates too.

    If the key is the number of runners, also steps per second over it.
    """
    estimates = summary.iqms.get(env, {})
    for (sweep_env, algorithm), settings in summary.sweeps.items():
        settings = {group: row for group, row in settings.items() if group in estimates}
        if sweep_env != env or len(settings) < 2:
            continue
        name, title = f"{file_name(env)}-{file_name(algorithm)}", f"{env}, {algorithm}"
        figure = partial(_figure, env, name, title)
        keys = list(next(iter(settings.values())))
        if keys == [RUNNERS]:
            yield _scaling_figure(figure, runner_rates(curves, settings))
        scored = {group: estimates[group] for group in settings}
        if len(keys) == 1 and len(settings) > 2:
            values = [row[keys[0]] for row in settings.values()]
            yield _sensitivity_figure(figure, keys[0], values, list(scored.values()))
        if len(keys) > 1:
            yield from _each_setting(figure, summary, env, settings, seed, resamples)
        if len(keys) == 2:
            yield from _map_figure(figure, (keys[0], keys[1]), settings, scored)
        if len(keys) > 1 and len(settings) > 3:
            yield _coordinates_figure(figure, settings, scored)


def _each_setting(
    figure: Callable[..., FigureImage],
    summary: Summary,
    env: str,
    settings: Settings,
    seed: int,
    resamples: int,
) -> Iterator[FigureImage]:
    """How much each setting matters, and the score over its values, of all runs."""
    scores = summary.scores[summary.scores["environment"] == env].dropna(subset=[summary.measure])
    scores = scores[scores["group"].isin(settings)]
    table = pd.DataFrame([settings[group] for group in scores["group"]])
    measured = scores[summary.measure].tolist()
    if importance := importance_figure(figure, table, measured):
        yield importance
    for key in table:
        values, estimates = over_values(
            table[key].tolist(), measured, seed=seed, resamples=resamples
        )
        if len(values) > 1:
            yield _sensitivity_figure(
                figure, str(key), values, estimates, f"sensitivity-{file_name(str(key))}"
            )


def _figure(
    env: str, name: str, title: str, what: str, text: str, paint: Callable[[Axes], Axes], plot: Plot
) -> FigureImage:
    return draw_figure(f"{name}-{what}", f"{title}: {text}", paint, Spot(plot, env, "sweep"))


def _scaling_figure(
    figure: Callable[..., FigureImage], rates: Mapping[int, Sequence[float]]
) -> FigureImage:
    estimates = [
        Estimate(float(np.median(rates[n])), min(rates[n]), max(rates[n]), len(rates[n]))
        for n in sorted(rates)
    ]
    note = "agent steps per second, median, lowest and highest run"
    plot = interactive.points(sorted(rates), estimates, note=note, xlabel="runners", log=False)
    return figure("worker-scaling", "runners", partial(worker_scaling, rates=rates), plot)


def _sensitivity_figure(
    figure: Callable[..., FigureImage],
    key: str,
    values: Sequence[Any],
    estimates: Sequence[Estimate],
    name: str = "sensitivity",
) -> FigureImage:
    paint = partial(sensitivity, values=values, estimates=estimates, key=key, ylabel=SCORE)
    numeric = all(map(is_number, values))
    order = sorted(range(len(values)), key=lambda i: values[i] if numeric else i)
    x = [values[i] if numeric else value_text(values[i]) for i in order]
    plot = interactive.points(
        x, [estimates[i] for i in order], note=f"{SCORE}, 95 % interval", xlabel=key,
        log=numeric and _spans_a_decade(np.array(values, float)),
    )  # fmt: skip
    return figure(name, f"sensitivity to {key}", paint, plot)


def _map_figure(
    figure: Callable[..., FigureImage],
    keys: tuple[str, str],
    settings: Settings,
    scored: Mapping[str, Estimate],
) -> Iterator[FigureImage]:
    """A map of settings that fill at least half of a grid."""
    axes = [ordered([row[key] for row in settings.values()]) for key in keys]
    shape = (len(axes[0]), len(axes[1]))
    if max(shape) > MAX_CELLS_A_SIDE or len(settings) < shape[0] * shape[1] / 2:
        return
    scores_RC = np.full(shape, np.nan)
    places = [{exact_text(value): i for i, value in enumerate(axis)} for axis in axes]
    for group, row in settings.items():
        cell = tuple(places[i][exact_text(row[key])] for i, key in enumerate(keys))
        scores_RC[cell] = scored[group].value
    rows, columns = axes
    paint = partial(
        sensitivity_of_two, rows=rows, columns=columns, scores_RC=scores_RC, keys=keys, label=SCORE
    )
    texts = [[_tick_label(value) for value in axis] for axis in axes]
    plot = interactive.cells(texts[0], texts[1], scores_RC, note=SCORE, keys=keys)
    yield figure("map", f"{keys[0]} and {keys[1]}", paint, plot)


def _coordinates_figure(
    figure: Callable[..., FigureImage], settings: Settings, scored: Mapping[str, Estimate]
) -> FigureImage:
    rows, scores = list(settings.values()), [estimate.value for estimate in scored.values()]
    paint = partial(parallel_coordinates, settings=rows, scores=scores, label="score")
    axes = {key: _positions([row[key] for row in rows]) for key in rows[0]}
    plot = interactive.coordinates(list(settings), axes, scores, note=SCORE)
    return figure("coordinates", f"settings and {SCORE}", paint, plot)


def ablation_figure(env: str, differences: Mapping[str, Estimate], baseline: str) -> FigureImage:
    """What every change of the baseline costs or gains."""
    paint = partial(draw.ablation, differences=differences, baseline=baseline)
    ordered = dict(sorted(differences.items(), key=lambda item: -item[1].value))
    colours = {group: int(estimate.value < 0) for group, estimate in ordered.items()}
    note = f"interquartile mean minus that of {baseline}, 95 % interval"
    plot = interactive.intervals(ordered, colours, note=note, xlabel="difference", line=0.0)
    return _figure(env, file_name(env), env, "ablation", f"changes of {baseline}", paint, plot)


def runner_rates(
    curves: pd.DataFrame, settings: Mapping[str, Mapping[str, Any]]
) -> dict[int, list[float]]:
    """Number of runners → agent steps per second of training of every run."""
    rates: dict[int, list[float]] = {}
    for group, row in settings.items():
        runs = curves[curves["group"] == group].groupby("run")
        measured = [rate for _, curve in runs if (rate := rate_of(curve)) > 0]
        if measured:
            rates.setdefault(int(row[RUNNERS]), []).extend(measured)
    return rates


def rate_of(curve: pd.DataFrame) -> float:
    """Agent steps per second over a whole run; NaN if unknown."""
    rows = curve[["steps", "seconds"]].dropna()
    if rows.empty or rows["seconds"].iloc[-1] <= 0:
        return float("nan")
    return float(rows["steps"].iloc[-1] / rows["seconds"].iloc[-1])


def sensitivity(
    ax: Axes,
    values: Sequence[Any],
    estimates: Sequence[Estimate],
    *,
    key: str,
    ylabel: str,
    label: str | None = None,
    number: int = 0,
    categories: Sequence[Any] | None = None,
) -> Axes:
    """A score over one setting; logarithmic if all values are positive and span a factor of 10.

    ``label`` and ``number`` distinguish several lines on the same axes, ``categories`` are the values of all
    of them; None: these alone.
    """
    categories = values if categories is None else categories
    numeric = all(map(is_number, categories))
    places = {exact_text(value): place for place, value in enumerate(categories)}
    x = np.array(values if numeric else [places[exact_text(value)] for value in values], float)
    order = np.argsort(x)
    ordered = [estimates[i] for i in order]
    heights = np.array([estimate.value for estimate in ordered])
    errors = np.hstack([error_lengths(estimate) for estimate in ordered])
    line = style.line_style(number)
    ax.errorbar(x[order], heights, yerr=errors, marker="o", capsize=3, label=label, **line)
    if numeric and _spans_a_decade(x):
        ax.set_xscale("log")
    elif not numeric:
        labels = [_tick_label(value) for value in categories]
        ax.set_xticks(range(len(categories)), labels, rotation=20, ha="right")
    ax.set_xlabel(key)
    ax.set_ylabel(f"{ylabel}, 95 % interval")
    return ax


def sensitivity_of_two(
    ax: Axes,
    rows: Sequence[Any],
    columns: Sequence[Any],
    scores_RC: np.ndarray,
    *,
    keys: tuple[str, str],
    label: str,
) -> Axes:
    """A score over two settings as a map with its numbers; NaN is white with a "–"."""
    image = ax.imshow(scores_RC, cmap=style.COLOUR_MAP, aspect="auto")
    low, high = np.nanmin(scores_RC), np.nanmax(scores_RC)
    for (row, column), value in np.ndenumerate(scores_RC):
        text = "–" if np.isnan(value) else style.plain(value)
        ax.text(column, row, text, ha="center", va="center",
                color=style.text_colour(value, low, high), fontsize=8)  # fmt: skip
    ax.set_yticks(range(len(rows)), [_tick_label(value) for value in rows])
    ax.set_xticks(range(len(columns)), [_tick_label(value) for value in columns])
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
        settings: key → value of every trial, the same keys in all.
        scores: of the trials.
        label: of the scores.
    """
    keys = list(settings[0])
    positions = {key: _positions([row[key] for row in settings]) for key in keys}
    shares = interactive.shares(np.array(scores, float))
    heights = np.array([positions[key][0] for key in keys] + [shares])
    colours = colormaps[style.COLOUR_MAP](shares)
    for trial in np.argsort(scores):
        ax.plot(range(len(keys) + 1), heights[:, trial], color=colours[trial], lw=1.2, alpha=0.8)
    for place, key in enumerate(keys):
        for height, text in positions[key][1].items():
            ax.annotate(text, (place, height), fontsize=7, ha="center", va="center",
                        bbox={"fc": style.LABEL_BACKGROUND, "ec": "none", "pad": 0.5})  # fmt: skip
    for height, value in ((0.0, np.nanmin(scores)), (1.0, np.nanmax(scores))):
        ax.annotate(style.plain(value), (len(keys), height), fontsize=7, ha="left", va="center")
    ax.set_xticks(range(len(keys) + 1), [*keys, label], rotation=20, ha="right")
    ax.set_yticks([])
    ax.grid(axis="x", alpha=0.5)
    return ax


def worker_scaling(ax: Axes, rates: Mapping[int, Sequence[float]]) -> Axes:
    """Steps per second over the number of runners, a point per run, and the line of ideal scaling."""
    runners = sorted(rates)
    medians = [float(np.median(rates[number])) for number in runners]
    for number in runners:
        ax.plot([number] * len(rates[number]), rates[number], ".", color=style.RUN_COLOUR)
    ax.plot(runners, medians, "o-", label="median of runs", color=style.line_style(0)["color"])
    ideal = [medians[0] * number / runners[0] for number in runners]
    label = "in proportion to the first"
    ax.plot(runners, ideal, ls="--", color=style.REFERENCE_COLOUR, label=label)
    ax.set_xlabel("runners")
    ax.set_ylabel("agent steps per second")
    ax.set_xticks(runners)
    ax.set_ylim(bottom=0)
    style.legend(ax)
    return ax


def _positions(values: Sequence[Any]) -> tuple[np.ndarray, dict[float, str]]:
    """Heights in [0, 1] of the values of one setting, and height → label."""
    if all(map(is_number, values)):
        numbers = np.array(values, float)
        heights = interactive.shares(np.log10(numbers) if _spans_a_decade(numbers) else numbers)
    else:
        names = sorted(set(map(value_text, values)))
        heights = interactive.shares(
            np.array([names.index(value_text(value)) for value in values], float)
        )
    labels = sorted(set(zip(heights.tolist(), map(value_text, values), strict=True)))
    return heights, dict(labels if len(labels) <= 6 else (labels[0], labels[-1]))


def ordered(values: Sequence[Any]) -> list[Any]:
    """Distinct values, numbers by size, others by their text."""
    distinct = {exact_text(value): value for value in values}
    if all(map(is_number, distinct.values())):
        return sorted(distinct.values())
    return [distinct[text] for text in sorted(distinct)]


def _spans_a_decade(numbers: np.ndarray) -> bool:
    return bool(numbers.min() > 0 and numbers.max() / numbers.min() >= 10)


def _tick_label(value: Any) -> str:
    text = value_text(value)
    return text if len(text) <= MAX_TICK else f"{text[: MAX_TICK - 1]}…"
