"""The figures of the page: what Plotly draws, from the same aggregates that ``draw`` takes.

A plot has Plotly's ``data`` and ``layout``, and ``note``: what is drawn, above the plot. Its colours are
names, which the page resolves in light and in dark: ``@3`` is that of group 3, ``@3a`` the same for areas,
``@ink`` that of text, ``@quiet`` that of lines in the background, ``@s80`` that of a value at 80 % of a
scale and ``@t80`` that of a text upon it. Plotly reads texts as HTML, so names are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from rllib_zoo.analysis.align import Line
from rllib_zoo.analysis.draw import COLUMN_LABELS, reached_lines, reached_text, statistic_label
from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.plots.bands import Band
from rllib_zoo.analysis.scoring.reference_scores import ReferenceScores
from rllib_zoo.analysis.statistics import Estimate
from rllib_zoo.analysis.style import COLOURS, PLOTLY_DASHES, plain

Plot = dict[str, Any]
# Of a number in the page: a screen shows no more.
DIGITS = 5
# Points of a single run's line.
MAX_POINTS = 200
INK, QUIET = "@ink", "@quiet"
# Height of a row of intervals and of the axis below, in pixels.
ROW, AXIS = 46, 56
VALUE = "%{y:,.4~r}"
INTERVAL = "%{customdata[0]} [%{customdata[1]}, %{customdata[2]}]"


def curves(
    lines: Mapping[str, Band],
    numbers: Mapping[str, int],
    *,
    reference: ReferenceScores | None = None,
    tails: bool = True,
) -> Plot:
    """A line per group with its interval, single runs beyond it thin; see ``draw.band_lines``."""
    first = next(iter(lines.values()))
    data: list[Plot] = []
    for label, band in lines.items():
        group = {"legendgroup": label, "meta": band.count}
        colour, several = numbers[label], band.runs > 1
        if several:
            data.append(_area(band.grid_G, band.low_G, band.high_G, colour) | group)
        data.append(_line(label, colour, band.grid_G, band.value_G) | group)
        if several:
            numbers_G3 = rounded(np.stack([band.low_G, band.high_G], axis=1))
            data[-1] |= {"customdata": numbers_G3}
            data[-1]["hovertemplate"] = (
                f"{VALUE} [%{{customdata[0]:,.4~r}}, %{{customdata[1]:,.4~r}}]"
            )
        if runs := [*(band.tails if tails else ()), *band.short]:
            data.append(_runs(runs, colour) | group)
        if band.short:
            data.append(_ends(band.short, colour) | group)
    shapes, notes = _references(reference) if reference else ([], [])
    several = any(band.runs > 1 for band in lines.values())
    note = COLUMN_LABELS.get(first.column, first.column)
    note += f", {statistic_label('iqm')}" if several else ""
    return make_plot(data, note, AXES[first.axis], shapes=shapes, annotations=notes)


def intervals(
    estimates: Mapping[str, Estimate],
    numbers: Mapping[str, int],
    *,
    note: str,
    xlabel: str,
    line: float | None = None,
    limits: Sequence[float] | None = None,
) -> Plot:
    """A row per label: its name, a point and its interval.

    Args:
        estimates: label → value and interval, the first on top.
        numbers: label → number of its colour; the first colour without one.
        note: above the plot; ``xlabel``: below.
        line: a value to mark; ``limits``: ends of the axis.
    """
    data, names = [], []
    for row, (label, estimate) in enumerate(estimates.items()):
        colour = numbers.get(label, 0)
        low, high = (
            np.nan_to_num(end, nan=estimate.value) for end in (estimate.low, estimate.high)
        )
        texts = [plain(value) for value in (estimate.value, low, high)]
        data.append({
            "type": "scatter", "mode": "markers", "x": [estimate.value], "y": [row],
            "name": escape(label),
            "legendgroup": label, "marker": {"color": f"@{colour}", "size": 11},
            "error_x": {"array": [max(high - estimate.value, 0)], "color": f"@{colour}", "thickness": 2.5,
                        "arrayminus": [max(estimate.value - low, 0)], "width": 5},
            "customdata": [texts], "hovertemplate": f"{INTERVAL}, {estimate.runs} runs",
        })  # fmt: skip
        text = f"{escape(label)}  <b>{texts[0]}</b>"
        names.append({"xref": "paper", "x": 0, "y": row - 0.36, "text": text, "xanchor": "left"})
    layout = {
        "height": ROW * len(names) + AXIS,
        "yaxis": {"visible": False, "range": [len(names) - 0.5, -0.7], "fixedrange": True},
        "hovermode": "closest",
    }
    shapes = [] if line is None else [_mark("x", line)]
    plot = make_plot(data, note, xlabel, shapes=shapes, annotations=names, layout=layout)
    if limits is not None:
        plot["layout"]["xaxis"]["range"] = list(limits)
    return plot | {"rows": True}


def profiles(
    thresholds_T: np.ndarray,
    groups: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    numbers: Mapping[str, int],
    *,
    note: str,
    xlabel: str,
) -> Plot:
    """Share of runs above every score: value, low and high [T] per group."""
    data = []
    for label, (value_T, low_T, high_T) in groups.items():
        group = {"legendgroup": label}
        data += [
            _area(thresholds_T, low_T, high_T, numbers[label]) | group,
            _line(label, numbers[label], thresholds_T, value_T, shape="hv") | group,
        ]
    return make_plot(data, note, xlabel)


def reached(
    groups: Mapping[str, Sequence[float]], numbers: Mapping[str, int], *, note: str, axis: str
) -> Plot:
    """Share of runs that had reached a return, over ``axis``."""
    data = [
        _line(label, numbers[label], x, y, shape="hv")
        | {"legendgroup": label, "meta": reached_text(groups[label])}
        for label, (x, y) in reached_lines(groups).items()
    ]
    return make_plot(data, note, AXES[axis])


def points(
    x: Sequence[Any], estimates: Sequence[Estimate], *, note: str, xlabel: str, log: bool
) -> Plot:
    """A line through estimates with their intervals, over numbers or names."""
    values = np.array([estimate.value for estimate in estimates])
    ends = np.array([[estimate.low, estimate.high] for estimate in estimates])
    ends = np.where(np.isnan(ends), values[:, None], ends)
    texts = [[plain(number) for number in row] for row in np.column_stack([values, ends])]
    trace = {
        "type": "scatter", "mode": "lines+markers", "y": rounded(values),
        "x": [escape(value) if isinstance(value, str) else value for value in x],
        "line": {"color": "@0"}, "marker": {"size": 8}, "customdata": texts, "hovertemplate": INTERVAL,
        "error_y": {"array": rounded(ends[:, 1] - values), "arrayminus": rounded(values - ends[:, 0]),
                    "color": "@0", "thickness": 2}, "showlegend": False, "name": note,
    }  # fmt: skip
    plot = make_plot([trace], note, xlabel)
    if log:
        # Plotly's own marks between powers of ten are in small print.
        ticks = {"tickvals": list(x), "ticktext": [f"{value:.3g}" for value in x]}
        plot["layout"]["xaxis"] |= {"type": "log", "tickmode": "array", **ticks}
    return plot


def cells(
    rows: Sequence[str],
    columns: Sequence[str],
    scores_RC: np.ndarray,
    *,
    note: str,
    keys: Sequence[str],
) -> Plot:
    """A score over two settings as coloured cells with their numbers; NaN is a hole."""
    shapes, texts, data = [], [], []
    for (row, column), share in np.ndenumerate(shares(scores_RC)):
        if np.isnan(share):
            continue
        percent, text = round(100 * share), plain(float(scores_RC[row, column]))
        ends = {"x0": column - 0.48, "x1": column + 0.48, "y0": row - 0.46, "y1": row + 0.46}
        shapes.append({"type": "rect", **ends, "fillcolor": f"@s{percent}", "line": {"width": 0},
                       "layer": "below"})  # fmt: skip
        texts.append({"x": column, "y": row, "text": text, "font": {"color": f"@t{percent}"}})
        data.append(escape(f"{keys[0]} {rows[row]}, {keys[1]} {columns[column]}: {text}"))
    where = np.argwhere(~np.isnan(scores_RC))
    trace = {"type": "scatter", "mode": "markers", "opacity": 0, "showlegend": False, "text": data,
             "x": where[:, 1].tolist(), "y": where[:, 0].tolist(), "hovertemplate": "%{text}"}  # fmt: skip
    ticks = {"tickmode": "array", "fixedrange": True, "showgrid": False, "zeroline": False}
    layout = {
        "height": ROW * len(rows) + AXIS + 20, "hovermode": "closest",
        "yaxis": {**ticks, "tickvals": list(range(len(rows))), "ticktext": list(map(escape, rows)),
                  "range": [len(rows) - 0.5, -0.5], "title": {"text": escape(keys[0])}},
    }  # fmt: skip
    plot = make_plot([trace], note, keys[1], shapes=shapes, annotations=texts, layout=layout)
    plot["layout"]["xaxis"] |= {
        **ticks,
        "tickvals": list(range(len(columns))),
        "ticktext": list(map(escape, columns)),
    }
    return plot


def coordinates(
    names: Sequence[str],
    axes: Mapping[str, tuple[np.ndarray, Mapping[float, str]]],
    scores: Sequence[float],
    *,
    note: str,
) -> Plot:
    """A line per trial through its settings to its score.

    Args:
        names: of the trials.
        axes: key → height [trials] in 0 to 1, and height → label.
        scores: of the trials; they colour the lines.
        note: above the plot.
    """
    share_T = shares(np.array(scores, float))
    labels = {0.0: plain(min(scores)), 1.0: plain(max(scores))}
    axes = {**axes, "score": (share_T, labels)}
    keys = list(axes)
    heights_KT = np.array([axes[key][0] for key in keys])
    data = [
        {"type": "scatter", "mode": "lines", "x": list(range(len(keys))), "y": rounded(heights_KT[:, trial]),
         "line": {"color": f"@s{round(100 * share_T[trial])}", "width": 1.6}, "showlegend": False,
         "name": escape(names[trial]), "hovertemplate": plain(scores[trial])}
        for trial in np.argsort(scores)
    ]  # fmt: skip
    texts = [
        {"x": place, "y": height, "text": escape(text), "bgcolor": "@paper"}
        for place, key in enumerate(keys)
        for height, text in axes[key][1].items()
    ]
    layout = {"hovermode": "closest", "yaxis": {"visible": False, "range": [-0.08, 1.08]}}
    plot = make_plot(data, note, "", annotations=texts, layout=layout)
    ticks = {
        "tickmode": "array",
        "tickvals": list(range(len(keys))),
        "ticktext": list(map(escape, keys)),
    }
    plot["layout"]["xaxis"] |= {**ticks, "range": [-0.3, len(keys) - 0.7], "zeroline": False}
    return plot


def shares(values: np.ndarray) -> np.ndarray:
    """Values scaled to [0, 1]; 0.5 if all are equal."""
    low, high = np.nanmin(values), np.nanmax(values)
    return values * 0.0 + 0.5 if low == high else (values - low) / (high - low)


def make_plot(
    data: list[Plot],
    note: str,
    xlabel: str,
    *,
    shapes: Sequence[Plot] = (),
    annotations: Sequence[Plot] = (),
    layout: Mapping[str, Any] | None = None,
) -> Plot:
    """Traces with what is drawn (``note``), the title of the x axis, and more of Plotly's layout."""
    largest = max(
        (x for trace in data for x in trace["x"] if isinstance(x, int | float)), default=0
    )
    ticks = {"tickformat": "~s"} if largest >= 1000 else {}
    axes = {"xaxis": {"title": {"text": escape(xlabel)}, **ticks}, "shapes": list(shapes)}
    notes = [{"showarrow": False, **annotation} for annotation in annotations]
    return {"data": data, "note": note, "layout": {**axes, "annotations": notes, **(layout or {})}}


def _line(label: str, number: int, x: np.ndarray, y: np.ndarray, shape: str = "linear") -> Plot:
    dash = PLOTLY_DASHES[number // len(COLOURS) % len(PLOTLY_DASHES)]
    return {
        "type": "scatter", "mode": "lines", "name": escape(label), "x": rounded(x), "y": rounded(y),
        "line": {"color": f"@{number}", "width": 2.2, "dash": dash, "shape": shape},
        "hovertemplate": VALUE,
    }  # fmt: skip


def _area(x: np.ndarray, low: np.ndarray, high: np.ndarray, number: int) -> Plot:
    """A closed area between two lines."""
    outline = {"x": np.concatenate([x, x[::-1]]), "y": np.concatenate([high, low[::-1]])}
    return {
        "type": "scatter", "mode": "lines", "line": {"width": 0}, "fill": "toself",
        "fillcolor": f"@{number}a", "hoverinfo": "skip", "showlegend": False,
        **{name: rounded(values) for name, values in outline.items()},
    }  # fmt: skip


def _runs(lines: Sequence[Line], number: int) -> Plot:
    """Single runs as one thin line with gaps."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for x, y in lines:
        kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).astype(int))
        xs += [*rounded(x[kept]), None]
        ys += [*rounded(y[kept]), None]
    return {
        "type": "scatter", "mode": "lines", "x": xs, "y": ys, "opacity": 0.55, "hoverinfo": "skip",
        "line": {"color": f"@{number}", "width": 1, "shape": "hv"}, "showlegend": False,
    }  # fmt: skip


def _ends(lines: Sequence[Line], number: int) -> Plot:
    """A cross where each run ended."""
    return {
        "type": "scatter", "mode": "markers", "showlegend": False, "name": "ended early",
        "x": [float(x[-1]) for x, _ in lines], "y": [float(y[-1]) for _, y in lines],
        "marker": {"color": f"@{number}", "symbol": "x", "size": 8}, "hovertemplate": "ended early",
    }  # fmt: skip


def _references(reference: ReferenceScores) -> tuple[list[Plot], list[Plot]]:
    heights = {"random": reference.random, reference.target_is: reference.target}
    shapes = [_mark("y", height) for height in heights.values()]
    notes = [
        {
            "xref": "paper",
            "x": 1,
            "y": height,
            "text": text,
            "xanchor": "right",
            "yanchor": "bottom",
        }
        for text, height in heights.items()
    ]
    return shapes, notes


def _mark(axis: str, value: float) -> Plot:
    """A dotted line across the plot at a value."""
    other = "y" if axis == "x" else "x"
    ends = {f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1}
    line = {"color": QUIET, "width": 1, "dash": "dot"}
    return {"type": "line", f"{axis}0": value, f"{axis}1": value, **ends, "line": line}


def rounded(values: np.ndarray) -> list[Any]:
    """Numbers with the digits that the largest needs, NaN as None."""
    largest = np.nanmax(np.abs(values), initial=0.0)
    decimals = DIGITS - 1 - int(np.floor(np.log10(largest))) if largest > 0 else 0
    found = np.round(values, max(decimals, 0)).tolist()
    return found if np.isfinite(values).all() else [v if np.isfinite(v) else None for v in found]
