"""Figures of the rungs of successive halving: the scores that were compared, and which trials went on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from html import escape

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis import style
from rllib_zoo.analysis.draw import COLUMN_LABELS
from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.plots import interactive
from rllib_zoo.analysis.plots.figure_file import FigureImage, Spot, draw_figure, file_name
from rllib_zoo.analysis.scoring.rungs import COMPLETE, ENDED, STOPPED, WENT_ON, Rungs

# Outcome → marker and colour: here, and on the page.
LOOKS = {
    WENT_ON: ("o", style.COLOURS[0], "circle", "@0"),
    STOPPED: ("x", style.RUN_COLOUR, "x", interactive.QUIET),
    COMPLETE: ("s", style.COLOURS[2], "square", "@2"),
    ENDED: ("^", style.COLOURS[-1], "triangle-up", interactive.INK),
}
CUTOFF = "last cut-off"
# Half of the length of a cut-off's line, in rungs.
HALF = 0.3


def rung_figures(found: list[Rungs]) -> Iterator[FigureImage]:
    """A figure per experiment in which a trial reached a rung."""
    for rungs in found:
        if len(rungs.trials):
            name = f"{file_name(rungs.environment)}-{file_name(rungs.experiment)}-rungs"
            title = f"{rungs.environment}: scores at the rungs of {rungs.experiment}"
            spot = Spot(_plot(rungs), rungs.environment, "rungs")
            yield draw_figure(name, title, partial(draw_rungs, rungs=rungs), spot)


def draw_rungs(ax: Axes, rungs: Rungs) -> Axes:
    """A point per trial and rung, a line from rung to rung, and the last cut-offs."""
    for outcome, lines in _lines(rungs).items():
        marker, colour, *_ = LOOKS[outcome]
        points = rungs.trials[rungs.trials["outcome"] == outcome]
        ax.plot(*lines, color=colour, lw=0.8, alpha=0.6)
        ax.plot(points["rung"], points["score"], marker, color=colour, alpha=0.8, label=outcome)
    table = rungs.table.dropna(subset=["cutoff"])
    if len(table):
        ends = table["rung"] - HALF, table["rung"] + HALF
        ax.hlines(table["cutoff"], *ends, color=style.COLOURS[1], ls="--", label=CUTOFF)
    ax.set_xticks(range(1, len(rungs.settings.times_K) + 1), _ticks(rungs))
    ax.set_xlim(1 - 2 * HALF, len(rungs.settings.times_K) + 2 * HALF)
    ax.set_xlabel(_time(rungs))
    ax.set_ylabel(_score(rungs))
    style.legend(ax)
    return ax


def note_of(rungs: Rungs) -> str:
    """How trials were compared, in words."""
    settings = rungs.settings
    worse, share = ("below", settings.share) if settings.sign > 0 else ("above", 1 - settings.share)
    text = (
        f"{rungs.experiment}: ASHA compares the {_score(rungs)} of a trial's first result at or after a "
        f"rung's time ({_time(rungs)}), and stops the trial if it is {worse} the {share:.3g} quantile of "
        "those recorded there before. So the cut-off moves with every trial: the table has the last one, "
        "and trials that came early met another, the first none."
    )
    if settings.brackets > 1:
        text += (
            f" Tune drew each trial into one of {settings.brackets} brackets, of which all but one skip "
            "the first rungs, each with its own cut-offs. It does not record which: no cut-off is given."
        )
    return text


def _plot(rungs: Rungs) -> interactive.Plot:
    """As :func:`draw_rungs`, a group per outcome that can be switched off."""
    data: list[interactive.Plot] = []
    for outcome, lines in _lines(rungs).items():
        *_, symbol, colour = LOOKS[outcome]
        points = rungs.trials[rungs.trials["outcome"] == outcome]
        line = {"color": colour, "width": 1, "dash": "solid"}
        marks = {"mode": "markers", "marker": {"color": colour, "symbol": symbol, "size": 8}}
        texts = {"text": list(map(escape, points["group"])), "hovertemplate": "%{text}: %{y:,.4~r}"}
        data += [
            _trace(outcome, *lines) | {"line": line, "hoverinfo": "skip", "opacity": 0.5},
            _trace(outcome, *points[["rung", "score"]].to_numpy().T) | marks | texts,
        ]
    table = rungs.table.dropna(subset=["cutoff"])
    x, y = table[["rung", "rung"]] + np.array([-HALF, HALF]), table[["cutoff", "cutoff"]]
    line = {"color": "@1", "width": 2, "dash": "dash"}
    data.append(
        _trace(CUTOFF, _gaps(x), _gaps(y)) | {"line": line, "hovertemplate": interactive.VALUE}
    )
    plot = interactive.make_plot(data, _score(rungs), _time(rungs), layout={"hovermode": "closest"})
    ticks = {"tickvals": list(range(1, len(rungs.settings.times_K) + 1)), "ticktext": _ticks(rungs)}
    plot["layout"]["xaxis"] |= {"tickmode": "array", **ticks}
    return plot


def _trace(name: str, x: np.ndarray, y: np.ndarray) -> interactive.Plot:
    places = {"x": interactive.rounded(x), "y": interactive.rounded(y)}
    return {"type": "scatter", "mode": "lines", "name": name, "legendgroup": name, **places}


def _lines(rungs: Rungs) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Outcome → x and y of the lines that lead from the rung before to the trials with it, with gaps."""
    trials = rungs.trials
    before = trials.groupby("run")[["rung", "score"]].shift()
    ends = {name: np.column_stack([before[name], trials[name]]) for name in before}
    lines = {}
    for outcome in LOOKS:
        with_it = (trials["outcome"] == outcome).to_numpy()
        if with_it.any():
            lines[outcome] = _gaps(ends["rung"][with_it]), _gaps(ends["score"][with_it])
    return lines


def _gaps(ends_N2: np.ndarray | pd.DataFrame) -> np.ndarray:
    """Both ends of lines one behind the other, with NaN between the lines."""
    return np.column_stack([ends_N2, np.full(len(ends_N2), np.nan)]).ravel()


def _ticks(rungs: Rungs) -> list[str]:
    return [style.short(round(time, 3)) for time in rungs.settings.times_K.tolist()]


def _time(rungs: Rungs) -> str:
    return AXES.get(rungs.settings.time, rungs.settings.time)


def _score(rungs: Rungs) -> str:
    name = rungs.settings.score
    return COLUMN_LABELS.get(name, name.replace("_", " "))
