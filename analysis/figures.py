"""Which figures a set of results deserves, and drawing them into files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import draw
from analysis.align import Aligned, align
from analysis.load import Results
from analysis.reference_scores import REFERENCE_SCORES
from analysis.scores import time_to
from analysis.statistics import drawn, percentiles, performance_profile
from analysis.style import house_style
from analysis.summary import Summary

DIAGNOSTICS = (
    "entropy",
    "explained_variance",
    "kl",
    "clip_fraction",
    "gradient_norm",
    "vf_loss",
    "staleness_mean",
)
THRESHOLDS = 101


@dataclass(frozen=True)
class Drawn:
    """A figure: its file name, title and image."""

    name: str
    title: str
    svg: str
    png: bytes


def figures(results: Results, summary: Summary, thresholds: dict[str, float]) -> Iterator[Drawn]:
    """Every figure there is something to show in, world by world."""
    for world, part in summary.scores.groupby("world", sort=True):
        runs = part[part["steps"] > 0]
        if runs.empty:
            continue
        curves = results.curves[results.curves["run"].isin(runs["run"])]
        env, name = str(runs["env"].iloc[0]), _file_name(str(world))
        reference = REFERENCE_SCORES.get(env)
        for axis in ("steps", "frames", "seconds"):
            if axis == "frames" and _same(curves["frames"], curves["steps"]):
                continue
            groups = _aligned(curves, "return_mean", axis)
            if groups:
                yield _figure(
                    f"{name}-return-over-{axis}",
                    f"{world}: learning curves",
                    partial(draw.learning_curves, groups=groups, reference=reference),
                )
        yield from _of_scores(str(world), name, summary)
        if env in thresholds:
            yield _reached(str(world), name, curves, thresholds[env])
        for column in DIAGNOSTICS:
            groups = _aligned(curves, column, "steps")
            if groups:
                yield _figure(
                    f"{name}-{column.replace('_', '-')}",
                    f"{world}: {draw.WORDS.get(column, column)}",
                    partial(draw.learning_curves, groups=groups),
                )


def _of_scores(world: str, name: str, summary: Summary) -> Iterator[Drawn]:
    """Bars, profiles and comparisons of the final scores."""
    estimates = summary.iqms.get(world, {})
    if not estimates:
        return
    words = "interquartile mean of final scores"
    yield _figure(
        f"{name}-scores",
        f"{world}: scores",
        lambda ax: draw.bars(ax, estimates, xlabel=words),
    )
    part = summary.scores[summary.scores["world"] == world].dropna(subset=["final"])
    samples = {str(g): [m["final"].to_numpy()] for g, m in part.groupby("group", sort=True)}
    if min(len(sample[0]) for sample in samples.values()) > 1:
        low, high = part["final"].min(), part["final"].max()
        pad = 0.05 * ((high - low) or 1.0)
        thresholds_T = np.linspace(low - pad, high + pad, THRESHOLDS)
        lines = {group: _profile(sample, thresholds_T) for group, sample in samples.items()}
        yield _figure(
            f"{name}-profiles",
            f"{world}: performance profiles",
            lambda ax: draw.profiles(ax, thresholds_T, lines, xlabel="final score"),
        )
    pairs = summary.improvements.get(world, {})
    if pairs:
        yield _figure(
            f"{name}-improvement",
            f"{world}: probability of improvement",
            lambda ax: draw.improvement(ax, pairs),
        )


def _profile(
    sample: list[np.ndarray], thresholds_T: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    def statistic(scores: list[np.ndarray]) -> np.ndarray:
        return performance_profile(scores, thresholds_T)

    draws = drawn(statistic, [sample], seed=0, resamples=2_000)
    low, high = percentiles(draws, 0.95)
    return statistic(sample), low, high


def _reached(world: str, name: str, curves: pd.DataFrame, threshold: float) -> Drawn:
    groups = {
        str(group): [time_to(curve, threshold) for _, curve in part.groupby("run", sort=True)]
        for group, part in curves.groupby("group", sort=True)
    }
    return _figure(
        f"{name}-steps-to-{threshold:g}",
        f"{world}: steps to {threshold:g}",
        lambda ax: draw.reached(ax, groups, threshold=threshold),
    )


def _aligned(curves: pd.DataFrame, column: str, axis: str) -> dict[str, Aligned]:
    """Groups that have the column, each on its own grid."""
    found = {}
    for group, part in curves.groupby("group", sort=True):
        if part[[axis, column]].dropna().empty:
            continue
        aligned = align(part, column, axis=axis)
        if len(aligned.common().grid_G) > 1:
            found[str(group)] = aligned
    return found


def _figure(name: str, title: str, paint: Callable[[Axes], Axes]) -> Drawn:
    with house_style():
        figure, ax = plt.subplots()
        paint(ax)
        ax.set_title(title)
        found = Drawn(name, title, _svg(figure), _png(figure))
        plt.close(figure)
    return found


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def write_figures(folder: Path, found: list[Drawn]) -> None:
    """Both formats of every figure."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in found:
        (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
        (folder / f"{figure.name}.png").write_bytes(figure.png)


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(
        one.isna().all() or np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    )


def _file_name(world: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in world).strip("-").lower()
