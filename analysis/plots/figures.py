"""The figures of a report: which ones a set of results gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw, statistics
from rllib_zoo.analysis.align import Curves, align_groups
from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.plots import interactive
from rllib_zoo.analysis.plots.bands import CURVE_RESAMPLES, Band, bands, profile_lines
from rllib_zoo.analysis.plots.figure_file import FigureImage, Spot, draw_figure, file_name
from rllib_zoo.analysis.plots.rungs import rung_figures
from rllib_zoo.analysis.plots.sweep_figures import ablation_figure, rate_of, sweep_figures
from rllib_zoo.analysis.results import Results
from rllib_zoo.analysis.scoring.groups import by_group, group_numbers
from rllib_zoo.analysis.scoring.overall import ALL
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES, ReferenceScores
from rllib_zoo.analysis.scoring.scores import time_to
from rllib_zoo.analysis.scoring.verdict import Verdict
from rllib_zoo.analysis.summary import Summary

DIAGNOSTICS = (
    "policy_loss", "vf_loss", "entropy", "kl", "explained_variance", "clip_fraction",
    "gradient_norm", "gradient_variance", "staleness_mean", "steps_per_second",
)  # fmt: skip
# Of more groups the best are drawn, as the titles state: as lines, as lines of diagnostics, as rows.
MAX_LINES, MAX_DIAGNOSTIC_LINES, MAX_ROWS = 14, 7, 40
IQM = "interquartile mean"


def figures(
    results: Results,
    summary: Summary,
    baseline: str | None = None,
    *,
    seed: int = 0,
    resamples: int = CURVE_RESAMPLES,
) -> Iterator[FigureImage]:
    """Every figure that has data: over all environments, then per environment.

    Args:
        results: what was loaded.
        summary: of the results.
        baseline: group of ``Summary.differences``.
        seed: of the intervals of curves, profiles and throughput; ``resamples``: their number.
    """
    drawn = partial(
        _Figures,
        numbers=group_numbers(results.runs),
        lines=partial(bands, seed=seed, resamples=resamples),
        bootstrap={"seed": seed, "resamples": resamples},
    )
    for verdict in summary.verdicts:
        env = drawn(verdict.place, verdict)
        if verdict.place == ALL:
            yield env.bars("all-environments", f"{IQM} of normalised scores")
            continue
        part = summary.scores[summary.scores["environment"] == verdict.place]
        drawn_T = results.curves["run"].isin(part["run"][part["steps"] > 0])
        # Of a single environment without a copy of everything.
        curves = results.curves if drawn_T.all() else results.curves[drawn_T]
        yield from env.all(curves, part, summary, baseline)


@dataclass(frozen=True)
class _Figures:
    """The figures of one environment.

    Attributes:
        env: its label; ``verdict``: its ranking.
        numbers: group → number of its style.
        lines: see ``bands``; ``bootstrap``: seed and resamples of other intervals.
    """

    env: str
    verdict: Verdict
    numbers: Mapping[str, int]
    lines: Callable[..., dict[str, Band]]
    bootstrap: Mapping[str, int]

    def all(
        self, curves: pd.DataFrame, scores: pd.DataFrame, summary: Summary, baseline: str | None
    ) -> Iterator[FigureImage]:
        """Every figure that has data."""
        env_id = str(scores["env"].iloc[0])
        shown, suffix = self.best(curves, MAX_LINES)
        yield from self.learning(shown, suffix, REFERENCE_SCORES.get(env_id))
        yield self.bars("scores", f"{IQM} of scores ({summary.measure})")
        yield from self.comparisons(scores, summary, suffix, set(shown["group"]))
        if (threshold := summary.thresholds.get(env_id)) is not None:
            for axis in ("steps", "seconds"):
                yield self.reached(shown, threshold, suffix, axis)
        if baseline is not None and summary.differences.get(self.env):
            yield ablation_figure(self.env, summary.differences[self.env], baseline)
        yield from sweep_figures(curves, summary, self.env, **self.bootstrap)
        yield from rung_figures([r for r in summary.rungs if r.environment == self.env])
        shown, suffix = self.best(curves, MAX_DIAGNOSTIC_LINES)
        for column in DIAGNOSTICS:
            if groups := self.ranked(align_groups(shown, column)):
                title = f"{draw.COLUMN_LABELS.get(column, column)}{suffix}"
                yield self.curves(
                    groups, column.replace("_", "-"), title, "diagnostics", tails=False
                )
        yield self.throughput(shown, suffix)

    def figure(
        self,
        name: str,
        title: str,
        paint: Callable[[Axes], Axes],
        plot: Mapping[str, Any],
        **spot: str,
    ) -> FigureImage:
        """A figure of this environment."""
        place = Spot(plot, self.env, **spot)
        return draw_figure(f"{file_name(self.env)}-{name}", f"{self.env}: {title}", paint, place)

    def best(self, curves: pd.DataFrame, limit: int) -> tuple[pd.DataFrame, str]:
        """The curves of at most so many groups, and a suffix of titles if there are more."""
        groups = sorted(set(curves["group"]))
        if len(groups) <= limit:
            return curves, ""
        best = [*self.verdict.estimates, *(set(groups) - set(self.verdict.estimates))][:limit]
        return curves[curves["group"].isin(best)], f" (best {limit} of {len(groups)} groups)"

    def ranked(self, groups: Mapping[str, Curves]) -> dict[str, Curves]:
        """The groups with the best first."""
        order = [*self.verdict.estimates, *groups]
        return dict(sorted(groups.items(), key=lambda item: order.index(item[0])))

    def learning(
        self, curves: pd.DataFrame, suffix: str, reference: ReferenceScores | None
    ) -> Iterator[FigureImage]:
        """Returns over steps, over time, and over frames if these differ from steps."""
        for axis in ("steps", "frames", "seconds"):
            if axis == "frames" and _same(curves["frames"], curves["steps"]):
                continue
            if groups := self.ranked(align_groups(curves, axis=axis)):
                name, title = f"return-over-{axis}", f"learning curves{suffix}"
                yield self.curves(groups, name, title, "curves", view=axis, reference=reference)

    def curves(
        self,
        groups: Mapping[str, Any],
        name: str,
        title: str,
        part: str,
        view: str = "",
        **options: Any,
    ) -> FigureImage:
        """A line per group with its interval."""
        lines = self.lines(groups)
        paint = partial(draw.band_lines, lines=lines, numbers=self.numbers, **options)
        plot = interactive.curves(lines, self.numbers, **options)
        return self.figure(name, title, paint, plot, part=part, view=view)

    def bars(self, name: str, xlabel: str) -> FigureImage:
        """The estimates of the verdict, best first."""
        groups = self.verdict.estimates
        shown = dict(list(groups.items())[:MAX_ROWS])
        left_out = f" (best {MAX_ROWS} of {len(groups)} groups)" if len(shown) < len(groups) else ""
        paint = partial(draw.bars, estimates=shown, xlabel=xlabel, numbers=self.numbers)
        plot = interactive.intervals(
            shown, self.numbers, note=f"{xlabel}, 95 % interval", xlabel="score"
        )
        if self.env == ALL:
            return draw_figure(name, f"{ALL}{left_out}", paint, Spot(plot, ALL))
        return self.figure(name, f"scores{left_out}", paint, plot)

    def comparisons(
        self, scores: pd.DataFrame, summary: Summary, suffix: str, shown: set[str]
    ) -> Iterator[FigureImage]:
        """Performance profiles and comparisons of the ``shown`` groups, if they have several runs."""
        part = scores.dropna(subset=[summary.measure])
        samples = {
            group: [members[summary.measure].to_numpy()]
            for group, members in by_group(part)
            if group in shown
        }
        if samples and min(len(sample[0]) for sample in samples.values()) > 1:
            yield self.profiles(samples, suffix)
        pairs = {
            pair: value
            for pair, value in summary.improvements.get(self.env, {}).items()
            if shown.issuperset(pair)
        }
        if pairs:
            paint = partial(draw.improvement, pairs=pairs)
            # All pairs would fill the page: the winner against every other.
            winner = self.verdict.winner
            rivals = {
                rival: better for rival in shown if (better := self.verdict.against(rival, pairs))
            }
            plot = interactive.intervals(
                dict(sorted(rivals.items(), key=lambda item: item[1].value)),
                self.numbers,
                note=f"probability that a run of {winner} scores higher than one of each, 95 % interval",
                xlabel="probability",
                line=0.5,
                limits=(-0.02, 1.02),
            )
            yield self.figure("improvement", f"probability of improvement{suffix}", paint, plot)

    def profiles(self, samples: Mapping[str, list[np.ndarray]], suffix: str) -> FigureImage:
        """Share of runs above every score."""
        thresholds_T, lines = profile_lines(samples, **self.bootstrap)
        paint = partial(
            draw.profiles,
            thresholds_T=thresholds_T,
            groups=lines,
            xlabel="score",
            numbers=self.numbers,
        )
        plot = interactive.profiles(
            thresholds_T,
            lines,
            self.numbers,
            note="share of runs with a higher score",
            xlabel="score",
        )
        return self.figure("profiles", f"performance profiles{suffix}", paint, plot)

    def reached(
        self, curves: pd.DataFrame, threshold: float, suffix: str, axis: str
    ) -> FigureImage:
        """Share of runs that had reached a return, over time."""
        groups = {
            group: [time_to(curve, threshold, axis) for _, curve in part.groupby("run", sort=True)]
            for group, part in by_group(curves)
        }
        title = f"{axis} to {threshold:g}"
        paint = partial(
            draw.reached, groups=groups, threshold=threshold, axis=axis, numbers=self.numbers
        )
        note = f"share of runs that reached {threshold:g}"
        plot = interactive.reached(groups, self.numbers, note=note, axis=axis)
        name = title.replace(" ", "-")
        return self.figure(name, f"{title}{suffix}", paint, plot, part="times", view=AXES[axis])

    def throughput(self, curves: pd.DataFrame, suffix: str) -> FigureImage:
        """Agent steps per second over whole runs, per group."""
        rates = {
            group: np.array([rate_of(curve) for _, curve in part.groupby("run")])
            for group, part in by_group(curves[["group", "run", "steps", "seconds"]])
        }
        measured = {group: values[~np.isnan(values)] for group, values in rates.items()}
        estimates = {
            group: statistics.estimate(statistics.iqm, [values], **self.bootstrap)
            for group, values in measured.items()
            if len(values)
        }
        xlabel = f"agent steps per second of training, {IQM}"
        paint = partial(draw.bars, estimates=estimates, xlabel=xlabel, numbers=self.numbers)
        plot = interactive.intervals(
            estimates, self.numbers, note=f"{xlabel}, 95 % interval", xlabel="steps per second"
        )
        return self.figure("throughput", f"throughput{suffix}", paint, plot, part="diagnostics")


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(
        one.isna().all() or np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    )
