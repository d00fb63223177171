"""The figures of studies, by kind; ``Study.figures`` names those of a study."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw
from rllib_zoo.analysis.align import Curves, align_groups
from rllib_zoo.analysis.draw import COLUMN_LABELS
from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.files.curve_csv import Row
from rllib_zoo.analysis.options import RESAMPLES, SEED
from rllib_zoo.analysis.plots import sweep_figures as draw_sweeps
from rllib_zoo.analysis.plots.figure_file import FigureImage, draw_figure, file_name
from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.scoring.scores import MEASURES, score
from rllib_zoo.analysis.statistics import Estimate, estimate, iqm
from rllib_zoo.analysis.style import RUN_COLOUR, legend, line_style
from rllib_zoo.experiments.studies import measures
from rllib_zoo.experiments.studies.catalog import Cell, Study
from rllib_zoo.experiments.studies.runs import Run, runs_of

# Of the budget, in figures of what is too noisy to be shown row by row.
PARTS = 10
# A line per label through the points of its cells.
Line = Mapping[float, Sequence[float]]


def figures_of(study: Study, results: Path) -> Iterator[FigureImage]:
    """Every figure of the study that ``results`` contains data for; only of runs that are done."""
    done = [run for run in runs_of(study, results) if run.done]
    for kind in study.figures:
        for env in study.envs:
            runs = [run for run in done if run.cell.env == env]
            yield from KINDS[kind](study, env, runs, results)


def _curves(study: Study, runs: Sequence[Run], results: Path) -> pd.DataFrame:
    """The kept curves, grouped by the labels of the study's cells."""
    folder = results / study.name
    loaded = load([folder / name for name in dict.fromkeys(run.cell.name for run in runs)])
    labels = {(run.cell.name, run.seed): run.cell.line for run in runs}
    table = loaded.runs[["run", "experiment", "seed"]].itertuples(index=False)
    groups = {run: labels[name, seed] for run, name, seed in table if (name, seed) in labels}
    curves = loaded.curves[loaded.curves["run"].isin(groups)]
    return curves.assign(group=curves["run"].map(groups), short=False)


def prefix_of(study: Study) -> str:
    """First part of the file names of a study's figures."""
    return f"{study.name.replace('_', '-')}-"


def _name(study: Study, env: str, what: str) -> str:
    return f"{prefix_of(study)}{file_name(short_name(env))}-{what}"


def short_name(env: str) -> str:
    """``Pong-v5`` of ``ALE/Pong-v5``, ``Waiting`` of ``envs.waiting.Waiting``."""
    return env.rsplit("/", 1)[-1].rsplit(".", 1)[-1]


def _learning_curves(
    study: Study, env: str, runs: Sequence[Run], results: Path
) -> Iterator[FigureImage]:
    """Return over agent steps and over time."""
    if not runs:
        return
    reference = REFERENCE_SCORES.get(env)
    for axis in ("steps", "seconds"):
        if groups := held_curves(study, runs, results, axis):
            paint = partial(draw.learning_curves, groups=groups, reference=reference)
            yield draw_figure(_name(study, env, axis), f"{env}: learning curves", paint)


def held_curves(
    study: Study, runs: Sequence[Run], results: Path, axis: str = "steps"
) -> dict[str, Curves]:
    """Label → curves of the runs, each holding its last value until the longest of its label ends.

    Without it a label's line would end with its first run, which may be the one that learned fastest.
    """
    curves = _curves(study, runs, results).dropna(subset=[axis, "return_mean"])
    last = curves.loc[curves.groupby("run")[axis].idxmax()]
    held = last.assign(**{axis: last["group"].map(curves.groupby("group")[axis].max())})
    return align_groups(pd.concat([curves, held], ignore_index=True), axis=axis)


def _scores(study: Study, env: str, runs: Sequence[Run], results: Path) -> Iterator[FigureImage]:
    """Final scores, or the steps to the score that counts as solved or ended runs."""
    targets = [t for run in runs if (t := run.cell.target) is not None]
    column, title = "return_mean", "final scores"
    if targets:
        # A run that never reaches the score counts with its whole budget.
        column, title = "steps", f"steps to {targets[0]:g} or the budget's end"
    estimates: dict[str, Estimate] = {}
    for label in sorted({run.cell.line for run in runs}):
        rows = [row for r in runs if r.cell.line == label and (row := measures.solving_row(r))]
        values = [value for row in rows if (value := row[column]) is not None]
        if values:
            estimates[label] = _interval(values)
    if estimates:
        paint = partial(draw.bars, estimates=estimates, xlabel=f"interquartile mean of {title}")
        yield draw_figure(_name(study, env, "scores"), f"{env}: {title}", paint)


def _interval(values: Sequence[float]) -> Estimate:
    return estimate(iqm, [np.array(values)], seed=SEED, resamples=RESAMPLES)


def _over_axis(
    study: Study,
    env: str,
    what: str,
    lines: Mapping[str, Line],
    paint: Callable[[Axes, str, int, Line], None],
    ylabel: str,
    xlabel: str = "",
) -> Iterator[FigureImage]:
    """One figure with a line per label over the study's axis, or over another."""
    # The same order, and so the same colours, in every figure.
    shown = {label: lines[label] for label in sorted(lines) if lines[label]}
    if not shown:
        return

    def all_lines(ax: Axes) -> Axes:
        for number, (label, line) in enumerate(shown.items()):
            paint(ax, label, number, line)
        ax.set_xlabel(xlabel or study.axis)
        ax.set_ylabel(ylabel)
        legend(ax)
        return ax

    yield draw_figure(_name(study, env, what), f"{short_name(env)}: {ylabel}", all_lines)


def _lines(
    runs: Sequence[Run], measure: Callable[[Run], float]
) -> dict[str, dict[float, list[float]]]:
    """Label → value on the axis → measure of every run; NaN is left out."""
    lines: dict[str, dict[float, list[float]]] = {}
    for run in runs:
        value = measure(run)
        if run.cell.value is not None and not math.isnan(value):
            lines.setdefault(run.cell.line, {}).setdefault(run.cell.value, []).append(value)
    return lines


def _points(ax: Axes, label: str, number: int, line: Line) -> None:
    """Every run a point, a line through their medians."""
    x = sorted(line)
    for value in x:
        ax.plot([value] * len(line[value]), line[value], ".", color=RUN_COLOUR)
    medians = [float(np.median(line[value])) for value in x]
    ax.plot(x, medians, marker="o", label=label, **line_style(number))
    ax.set_xticks(x)
    ax.set_ylim(bottom=0)


def _scaling(study: Study, env: str, runs: Sequence[Run], results: Path) -> Iterator[FigureImage]:
    lines = _lines(runs, measures.rate_of)
    yield from _over_axis(study, env, "rate", lines, _points, "agent steps per second")


def _efficiency(
    study: Study, env: str, runs: Sequence[Run], results: Path
) -> Iterator[FigureImage]:
    cells: dict[str, Cell] = {run.cell.name: run.cell for run in runs}
    lines: dict[str, dict[float, list[float]]] = {}
    for name, value in measures.efficiencies(runs).items():
        lines.setdefault(cells[name].line, {})[cells[name].value or 0] = [value]
    yield from _over_axis(study, env, "efficiency", lines, _points, "efficiency")


def _staleness(study: Study, env: str, runs: Sequence[Run], results: Path) -> Iterator[FigureImage]:
    ylabel = "updates between weights and gradient"
    yield from _over_axis(
        study, env, "staleness", _lines(runs, measures.staleness_of), _points, ylabel
    )


def _sensitivity(
    study: Study, env: str, runs: Sequence[Run], results: Path, *, measure: str
) -> Iterator[FigureImage]:
    """A score with its interval over the study's axis."""

    def of(run: Run) -> float:
        return score(pd.DataFrame(list(run.rows)), measure) if run.rows else math.nan

    def paint(ax: Axes, label: str, number: int, line: Line) -> None:
        points = [_interval(line[value]) for value in line]
        draw_sweeps.sensitivity(
            ax, list(line), points, key=study.axis, ylabel="", label=label, number=number
        )

    ylabel = f"{measure} score, interquartile mean, 95 % interval"
    yield from _over_axis(study, env, measure, _lines(runs, of), paint, ylabel)


def _gradients(
    study: Study,
    env: str,
    runs: Sequence[Run],
    results: Path,
    *,
    what: str,
    ylabel: str,
    measure: Callable[[Sequence[Row]], float],
    scale: str,
) -> Iterator[FigureImage]:
    """A number of the policy gradient over the course of training, in parts of the budget."""
    lines: dict[str, dict[float, list[float]]] = {}
    for run in runs:
        for steps, rows in measures.parts_of(run, PARTS).items():
            if not math.isnan(value := measure(rows)):
                lines.setdefault(run.cell.line, {}).setdefault(steps, []).append(value)
    paint = partial(draw.quartiles, scale=scale)
    xlabel = f"{AXES['steps']}, at the end of each part"
    yield from _over_axis(study, env, what, lines, paint, ylabel, xlabel)


KINDS: dict[str, Callable[[Study, str, Sequence[Run], Path], Iterator[FigureImage]]] = {
    "learning_curves": _learning_curves,
    "scores": _scores,
    "scaling": _scaling,
    "efficiency": _efficiency,
    "staleness": _staleness,
    "gradient_variance": partial(
        _gradients,
        what="gradient-variance",
        ylabel=COLUMN_LABELS["gradient_variance"],
        measure=measures.variance_of,
        scale="symlog",
    ),
    "gradient_signal": partial(
        _gradients,
        what="gradient-signal",
        ylabel=f"signal to noise of {measures.SIGNAL_STEPS:,} steps",
        measure=measures.signal_of,
        scale="linear",
    ),
    **{f"sensitivity_{measure}": partial(_sensitivity, measure=measure) for measure in MEASURES},
}
