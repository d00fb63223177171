"""Step four, draw: every function takes aggregates and an axes, and returns the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from rllib_zoo.analysis.align import Curves
from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.scoring.reference_scores import ReferenceScores
from rllib_zoo.analysis.statistics import Estimate, curve_interval
from rllib_zoo.analysis.style import in_thousands, legend, look, plain, set_height

# Of the interval at every point of a curve, and of profiles.
CURVE_RESAMPLES = 2_000
WORDS = {
    "return_mean": "mean return of the last 100 episodes",
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
    """A line per group with its interval as a band, as far as all of its whole runs reach.

    From there on the runs that go on are thin lines, each alone. Runs that ended early without being
    done are thin lines with a cross at their end: left in, they would cut the group's line; left out,
    it would be of survivors alone.

    Args:
        groups: label → curves on a grid; all over the same axis and column.
        statistic: ``iqm``, ``mean`` or ``median`` over runs.
        reference: lines for random play and the target.
        seed: of the interval's resamples, and ``resamples``: how many.
        tails: whether runs are drawn beyond the end of their group's line.
    """
    first = next(iter(groups.values())).whole
    several = any(len(curves.whole.runs) > 1 for curves in groups.values())
    for number, (label, curves) in enumerate(groups.items()):
        common = curves.whole.common()
        value, low, high = curve_interval(
            common.values_RG, statistic, seed=seed, resamples=resamples
        )
        runs, short = len(common.runs), len(curves.short)
        words = f"{label} ({runs} run{'s' if runs > 1 else ''}"
        words += f", {short} ended early)" if short else ")"
        ax.plot(common.grid_G, value, label=words, **look(number))
        if runs > 1:
            ax.fill_between(common.grid_G, low, high, color=look(number)["color"], alpha=0.15, lw=0)
        for x, y in curves.tails if tails else ():
            ax.step(x, y, where="post", lw=0.8, alpha=0.5, color=look(number)["color"])
        for x, y in curves.short:
            ax.step(x, y, where="post", lw=0.8, marker="x", markevery=[-1],
                    color=look(number)["color"])  # fmt: skip
    if reference is not None:
        for words, height in (
            ("random", reference.random),
            (reference.target_is, reference.target),
        ):
            ax.axhline(height, color="0.5", lw=1, ls=(0, (1, 2)))
            ax.annotate(words, (1, height), xycoords=("axes fraction", "data"), color="0.4", va="bottom",
                        ha="right", fontsize=8)  # fmt: skip
    ax.set_xlabel(AXES[first.axis])
    words = WORDS.get(first.column, first.column)
    ax.set_ylabel(f"{words}\n{statistic_words(statistic)}" if several else words)
    in_thousands(ax)
    legend(ax)
    return ax


def quartiles(
    ax: Axes, label: str, number: int, line: Mapping[float, Sequence[float]], *, scale: str
) -> None:
    """Medians over runs as a line, the middle half of the runs as a band.

    Args:
        ax: is changed.
        label: of the line; ``number`` is its place among the others.
        line: place on the axis → one value per run.
        scale: of the upright axis: ``linear``, or ``symlog`` (logarithmic above 1).
    """
    x = sorted(line)
    low, middle, high = (np.array([np.quantile(line[p], q) for p in x]) for q in (0.25, 0.5, 0.75))
    runs = max(len(values) for values in line.values())
    words = f"{label} ({runs} run{'s' if runs > 1 else ''})"
    ax.plot(x, middle, marker=".", label=words, **look(number))
    if runs > 1:
        ax.fill_between(x, low, high, alpha=0.12, lw=0, color=look(number)["color"])
    ax.set_yscale(scale)
    in_thousands(ax)


def statistic_words(statistic: str) -> str:
    """What a line and its band are."""
    names = {"iqm": "interquartile mean", "mean": "mean", "median": "median"}
    return f"{names[statistic]} of runs, 95 % interval"


def bars(ax: Axes, estimates: Mapping[str, Estimate], *, xlabel: str, runs: str = "runs") -> Axes:
    """A point with its interval per group; points, because nothing is counted from zero."""
    for row, found in enumerate(estimates.values()):
        _point(ax, found, row, look(row)["color"])
        ax.annotate(plain(found.value), (found.value, row), xytext=(0, 6), ha="center",
                    textcoords="offset points", fontsize=8)  # fmt: skip
    ax.set_yticks(range(len(estimates)), [f"{k} ({e.runs})" for k, e in estimates.items()])
    set_height(ax, len(estimates))
    ax.set_ylim(len(estimates) - 0.5, -0.5)
    ax.set_xlabel(f"{xlabel}, 95 % interval; in brackets: {runs}")
    return ax


def reach(found: Estimate) -> np.ndarray:
    """How far the interval reaches below and above the value, [2, 1]; 0 where there is none.

    A percentile interval of few resamples may lie beside the value: then one side is 0 too.
    """
    sides = np.array([[found.value - found.low], [found.high - found.value]])
    return np.maximum(np.nan_to_num(sides), 0.0)


def _point(ax: Axes, found: Estimate, row: float, colour: str) -> None:
    """A point and, where there is one, its interval."""
    ax.plot(found.value, row, "o", color=colour)
    if not np.isnan(found.low):
        ax.errorbar(found.value, row, xerr=reach(found), color=colour, capsize=3)


def ablation(ax: Axes, differences: Mapping[str, Estimate], *, baseline: str) -> Axes:
    """Bars from zero: how much every change of the baseline gains or costs, largest gain first."""
    ordered = sorted(differences.items(), key=lambda item: -item[1].value)
    for row, (_, found) in enumerate(ordered):
        ax.barh(row, found.value, color=look(0 if found.value >= 0 else 1)["color"], height=0.6)
        if not np.isnan(found.low):
            ax.errorbar(found.value, row, xerr=reach(found), color="black", capsize=3, lw=1)
    ax.axvline(0.0, color="0.3", lw=1)
    ax.set_yticks(range(len(ordered)), [f"{group} ({found.runs})" for group, found in ordered])
    set_height(ax, len(ordered))
    ax.set_ylim(len(ordered) - 0.5, -0.5)
    ax.set_xlabel(f"interquartile mean less that of {baseline}, 95 % interval; in brackets: runs")
    return ax


def profiles(
    ax: Axes,
    thresholds_T: np.ndarray,
    groups: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    xlabel: str,
) -> Axes:
    """Share of runs beyond every score: value, low and high [T] per group."""
    for number, (label, (value, low, high)) in enumerate(groups.items()):
        ax.step(thresholds_T, value, where="post", label=label, **look(number))
        ax.fill_between(thresholds_T, low, high, step="post", alpha=0.15, lw=0,
                        color=look(number)["color"])  # fmt: skip
    ax.set_xlabel(xlabel)
    ax.set_ylabel("share of runs with a higher score")
    ax.set_ylim(-0.02, 1.02)
    legend(ax)
    return ax


def improvement(ax: Axes, pairs: Mapping[tuple[str, str], Estimate]) -> Axes:
    """P(X better than Y) per pair with its interval; the line at one half is "no difference"."""
    for row, found in enumerate(pairs.values()):
        _point(ax, found, row, look(0)["color"])
    ax.axvline(0.5, color="0.5", lw=1, ls="--")
    ax.set_yticks(range(len(pairs)), [f"{first} > {second}" for first, second in pairs])
    set_height(ax, len(pairs))
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("probability that a run of the first scores higher, 95 % interval")
    return ax


def reached(
    ax: Axes, groups: Mapping[str, Sequence[float]], *, threshold: float, axis: str = "steps"
) -> Axes:
    """Share of runs that had reached a return by each point; NaN counts as never."""
    ends = [value for values in groups.values() for value in values if not np.isnan(value)]
    right = 1.05 * max(ends) if ends else 1.0
    for number, (label, values) in enumerate(groups.items()):
        known = np.sort([value for value in values if not np.isnan(value)])
        share = np.arange(1, len(known) + 1) / len(values)
        x = np.concatenate([[0.0], known, [right]])
        y = np.concatenate([[0.0], share, [share[-1] if len(share) else 0.0]])
        words = f"{label} ({len(known)} of {len(values)} runs)"
        ax.step(x, y, where="post", label=words, **look(number))
    ax.set_xlabel(AXES[axis])
    ax.set_ylabel(f"share of runs that reached {threshold:g}")
    ax.set_ylim(-0.02, 1.05)
    in_thousands(ax)
    legend(ax)
    return ax
