"""Step four, draw: every function takes aggregates and an axes, and returns the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rllib_zoo.analysis import style
from rllib_zoo.analysis.align import Curves
from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.plots.bands import CURVE_RESAMPLES, Band, bands
from rllib_zoo.analysis.scoring.reference_scores import ReferenceScores
from rllib_zoo.analysis.statistics import Estimate

COLUMN_LABELS = {
    "return_mean": "mean return",
    "length_mean": "mean episode length (agent steps)",
    "total_loss": "loss (not comparable between algorithms)",
    "policy_loss": "policy loss",
    "vf_loss": "value loss",
    "entropy": "entropy (nats)",
    "kl": "KL divergence of an update (nats)",
    "explained_variance": "explained variance of the critic",
    "clip_fraction": "share of clipped ratios",
    "gradient_norm": "norm of the gradient before clipping",
    "gradient_variance": "variance of the policy gradient, of one step",
    "gradient_squared_norm": "squared length of the policy gradient",
    "learning_rate": "learning rate",
    "staleness_mean": "updates between a gradient's weights and its use",
    "steps_per_second": "agent steps per second",
}


def learning_curves(
    ax: Axes,
    groups: Mapping[str, Curves],
    *,
    statistic: str = "iqm",
    reference: ReferenceScores | None = None,
    seed: int = 0,
    resamples: int = CURVE_RESAMPLES,
    tails: bool = True,
) -> Axes:
    """A line per group with its interval as a band: :func:`band_lines` of ``bands``.

    Args:
        groups: label → curves on a grid; all over the same axis and column.
        statistic: ``iqm``, ``mean`` or ``median`` over runs.
        reference: draws lines at its random and target scores.
        seed: of the interval's resamples; ``resamples``: their number.
        tails: whether to draw runs beyond the end of their group's line.
    """
    lines = bands(groups, statistic=statistic, seed=seed, resamples=resamples)
    return band_lines(ax, lines, statistic=statistic, reference=reference, tails=tails)


def band_lines(
    ax: Axes,
    lines: Mapping[str, Band],
    *,
    statistic: str = "iqm",
    reference: ReferenceScores | None = None,
    tails: bool = True,
    numbers: Mapping[str, int] | None = None,
) -> Axes:
    """A line per group with its interval as a band, up to where all of its complete runs reach.

    Beyond it, longer runs are single thin lines. Runs that ended early are thin lines with a cross at
    their end: included, they would cut the group's line; left out, it would show survivors only.

    Args:
        lines: label → line, all over the same axis and column.
        statistic: that of the lines.
        reference: draws lines at its random and target scores.
        tails: whether to draw runs beyond the end of their group's line.
        numbers: label → number of its style; None: in the order of the lines.
    """
    first = next(iter(lines.values()))
    for number, (label, band) in enumerate(lines.items()):
        text = f"{label} ({band.count})"
        line = style.line_style((numbers or {}).get(label, number))
        ax.plot(band.grid_G, band.value_G, label=style.legend_label(text), **line)
        if band.runs > 1:
            ax.fill_between(
                band.grid_G, band.low_G, band.high_G, color=line["color"], alpha=0.15, lw=0
            )
        for x, y in band.tails if tails else ():
            ax.step(x, y, where="post", lw=0.8, alpha=0.5, color=line["color"])
        for x, y in band.short:
            ax.step(x, y, where="post", lw=0.8, marker="x", markevery=[-1], color=line["color"])
    if reference is not None:
        for text, height in (("random", reference.random), (reference.target_is, reference.target)):
            ax.axhline(height, color=style.REFERENCE_COLOUR, lw=1, ls=(0, (1, 2)))
            ax.annotate(text, (1, height), xycoords=("axes fraction", "data"), va="bottom",
                        ha="right", fontsize=8, color=style.NOTE_COLOUR)  # fmt: skip
    ax.set_xlabel(AXES[first.axis])
    ylabel = COLUMN_LABELS.get(first.column, first.column)
    several = any(band.runs > 1 for band in lines.values())
    ax.set_ylabel(f"{ylabel}\n{statistic_label(statistic)}" if several else ylabel)
    style.in_thousands(ax)
    style.legend(ax)
    return ax


def quartiles(
    ax: Axes, label: str, number: int, line: Mapping[float, Sequence[float]], *, scale: str
) -> None:
    """Medians over runs as a line, the middle half of the runs as a band.

    Args:
        ax: is changed.
        label: of the line; ``number`` selects its style.
        line: x → one value per run.
        scale: of the y axis: ``linear``, or ``symlog`` (logarithmic above 1).
    """
    x = sorted(line)
    low, middle, high = (np.array([np.quantile(line[p], q) for p in x]) for q in (0.25, 0.5, 0.75))
    runs = max(len(values) for values in line.values())
    text = style.legend_label(f"{label} ({style.count_text(runs)})")
    ax.plot(x, middle, marker=".", label=text, **style.line_style(number))
    if runs > 1:
        ax.fill_between(x, low, high, alpha=0.12, lw=0, color=style.line_style(number)["color"])
    ax.set_yscale(scale)
    style.in_thousands(ax)


def statistic_label(statistic: str) -> str:
    names = {"iqm": "interquartile mean", "mean": "mean", "median": "median"}
    return f"{names[statistic]} of runs, 95 % interval"


def bars(
    ax: Axes,
    estimates: Mapping[str, Estimate],
    *,
    xlabel: str,
    runs: str = "runs",
    numbers: Mapping[str, int] | None = None,
) -> Axes:
    """A point with its interval per group: not bars, because the axis need not start at zero."""
    for row, (group, estimate) in enumerate(estimates.items()):
        _point(ax, estimate, row, style.line_style((numbers or {}).get(group, row))["color"])
        ax.annotate(style.plain(estimate.value), (estimate.value, row), xytext=(0, 6), ha="center",
                    textcoords="offset points", fontsize=8)  # fmt: skip
    _label_rows(ax, [f"{group} ({estimate.runs})" for group, estimate in estimates.items()])
    ax.set_xlabel(f"{xlabel}, 95 % interval; in brackets: {runs}")
    return ax


def error_lengths(estimate: Estimate) -> np.ndarray:
    """Lengths of the interval below and above the value, [2, 1]; 0 without an interval.

    A percentile interval of few resamples may not contain the value: then one side is 0 too.
    """
    sides = np.array([[estimate.value - estimate.low], [estimate.high - estimate.value]])
    return np.maximum(np.nan_to_num(sides), 0.0)


def _point(ax: Axes, estimate: Estimate, row: float, colour: str) -> None:
    ax.plot(estimate.value, row, "o", color=colour)
    _interval(ax, estimate, row, color=colour)


def _interval(ax: Axes, estimate: Estimate, row: float, **line: Any) -> None:
    if not np.isnan(estimate.low):
        ax.errorbar(estimate.value, row, xerr=error_lengths(estimate), capsize=3, **line)


def _label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """One row per label on the y axis, the first on top."""
    ax.set_yticks(range(len(labels)), labels)
    style.set_height(ax, len(labels))
    ax.set_ylim(len(labels) - 0.5, -0.5)


def ablation(ax: Axes, differences: Mapping[str, Estimate], *, baseline: str) -> Axes:
    """A bar per change of the baseline: how much it gains or costs, largest gain first."""
    ordered = sorted(differences.items(), key=lambda item: -item[1].value)
    for row, (_, estimate) in enumerate(ordered):
        colour = style.line_style(0 if estimate.value >= 0 else 1)["color"]
        ax.barh(row, estimate.value, color=colour, height=0.6)
        _interval(ax, estimate, row, color=style.INTERVAL_COLOUR, lw=1)
    ax.axvline(0.0, color=style.ZERO_COLOUR, lw=1)
    _label_rows(ax, [f"{group} ({estimate.runs})" for group, estimate in ordered])
    ax.set_xlabel(f"interquartile mean minus that of {baseline}, 95 % interval; in brackets: runs")
    return ax


def profiles(
    ax: Axes,
    thresholds_T: np.ndarray,
    groups: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    xlabel: str,
    numbers: Mapping[str, int] | None = None,
) -> Axes:
    """Share of runs above every score: value, low and high [T] per group."""
    for number, (label, (value, low, high)) in enumerate(groups.items()):
        text, line = style.legend_label(label), style.line_style((numbers or {}).get(label, number))
        ax.step(thresholds_T, value, where="post", label=text, **line)
        ax.fill_between(thresholds_T, low, high, step="post", alpha=0.15, lw=0, color=line["color"])
    ax.set_xlabel(xlabel)
    ax.set_ylabel("share of runs with a higher score")
    ax.set_ylim(-0.02, 1.02)
    style.legend(ax)
    return ax


def improvement(ax: Axes, pairs: Mapping[tuple[str, str], Estimate]) -> Axes:
    """P(first better than second) per pair with its interval; the line at one half is "no difference"."""
    for row, estimate in enumerate(pairs.values()):
        _point(ax, estimate, row, style.line_style(0)["color"])
    ax.axvline(0.5, color=style.REFERENCE_COLOUR, lw=1, ls="--")
    _label_rows(ax, [f"{first} > {second}" for first, second in pairs])
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("probability that a run of the first scores higher, 95 % interval")
    return ax


def reached(
    ax: Axes,
    groups: Mapping[str, Sequence[float]],
    *,
    threshold: float,
    axis: str = "steps",
    numbers: Mapping[str, int] | None = None,
) -> Axes:
    """Share of runs that had reached a return, over ``axis``; NaN is a run that never did."""
    for number, (label, (x, y)) in enumerate(reached_lines(groups).items()):
        text = f"{label} ({reached_text(groups[label])})"
        line = style.line_style((numbers or {}).get(label, number))
        ax.step(x, y, where="post", label=style.legend_label(text), **line)
    ax.set_xlabel(AXES[axis])
    ax.set_ylabel(f"share of runs that reached {threshold:g}")
    ax.set_ylim(-0.02, 1.05)
    style.in_thousands(ax)
    style.legend(ax)
    return ax


def reached_text(times: Sequence[float]) -> str:
    """``3 of 5 runs``; NaN is a run that never reached it."""
    return f"{np.count_nonzero(~np.isnan(times))} of {len(times)} runs"


def reached_lines(
    groups: Mapping[str, Sequence[float]],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Group → times and the share of its runs that had reached a return by then, all up to the last."""
    ends = [value for values in groups.values() for value in values if not np.isnan(value)]
    right = 1.05 * max(ends) if ends else 1.0
    lines = {}
    for label, values in groups.items():
        times = np.sort([value for value in values if not np.isnan(value)])
        share = np.arange(1, len(times) + 1) / len(values)
        x = np.concatenate([[0.0], times, [right]])
        lines[label] = x, np.concatenate([[0.0], share, [share[-1] if len(share) else 0.0]])
    return lines
