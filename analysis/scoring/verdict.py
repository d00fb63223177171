"""Who scores highest, and how sure that is, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from rllib_zoo.analysis.statistics import FEW_RUNS, Estimate, caveat
from rllib_zoo.analysis.style import count_text, plain

# Why scores name no winner.
CUT_OFF = "runs stop when they reach a score, so scores only show where they stopped"
# Pair of groups → probability that the first is better.
Improvements = Mapping[tuple[str, str], Estimate]


@dataclass(frozen=True)
class Verdict:
    """The ranking of one environment, or over all.

    Attributes:
        place: the environment.
        estimates: group → interquartile mean of its scores, best first.
        better: group → the next in the ranking that it can be compared with, and the probability that a run
            of the group beats one of the other, with its interval; none for groups of a single run.
        fastest: why the scores name no winner, and who was fastest instead; empty where they do.
    """

    place: str
    estimates: Mapping[str, Estimate]
    better: Mapping[str, tuple[str, Estimate]]
    fastest: str = ""

    @classmethod
    def of(
        cls,
        place: str,
        estimates: Mapping[str, Estimate],
        improvements: Improvements,
        times: pd.DataFrame | None = None,
    ) -> Verdict:
        """The ranking of groups.

        Args:
            place: the environment.
            estimates: group → interquartile mean.
            improvements: pair of groups → probability that the first is better.
            times: rows of ``Summary.table`` where a stop rule cut scores off; they rank the groups if they
                have the steps to a threshold.
        """
        order = sorted(estimates, key=lambda group: -estimates[group].value)
        fastest = ""
        if times is not None:
            fastest = CUT_OFF
            if "steps_to" in times:
                steps = times.set_index("group")["steps_to"]
                order = sorted(order, key=lambda group: steps[group])
                fastest += f"; {_fastest(times.set_index('group').loc[order[0]])}"
        better: dict[str, tuple[str, Estimate]] = {}
        # From the last rival to the next, so that the next one remains.
        for group, rival in reversed(list(combinations(order, 2))):
            if probability := _probability(improvements, group, rival):
                better[group] = rival, probability
        return cls(place, {group: estimates[group] for group in order}, better, fastest)

    @property
    def winner(self) -> str:
        """The first of the ranking."""
        return next(iter(self.estimates))

    @property
    def headline(self) -> str:
        """The winner, "No winner" where the next scores the same."""
        return "No winner" if self.confidence == "tied" else self.winner

    @property
    def confidence(self) -> str:
        """One or two words: ``clear``, ``few runs``, ``undecided``, or why there is no comparison."""
        values = [estimate.value for estimate in self.estimates.values()]
        if self.fastest:
            return "by speed"
        if len(values) == 1:
            return "no rival"
        if values[0] == values[1]:
            return "tied"
        if self.winner not in self.better:
            return "single runs"
        better = self.better[self.winner][1]
        if better.runs < FEW_RUNS:
            return "few runs"
        return "clear" if better.low > 0.5 else "undecided"

    def against(self, rival: str, improvements: Improvements) -> Estimate | None:
        """The probability that a run of the winner beats one of another group; None if unknown."""
        return _probability(improvements, self.winner, rival)

    @property
    def sentence(self) -> str:
        """``PPO: 19.2 [18.5, 20.2], P(better than A2C) 0.98 [0.9, 1], 5 runs``, with what limits it."""
        if self.fastest:
            return self.fastest
        best = self.estimates[self.winner]
        rival, better = self.better.get(self.winner, ("", None))
        parts = [f"{self.winner}: {estimate_text(best)}"]
        if better is not None:
            parts.append(f"P(better than {rival}) {estimate_text(better)}")
        runs = min(best.runs, better.runs if better else best.runs)
        parts.append(count_text(runs))
        return ", ".join(parts) + self._limits(runs, better)

    def _limits(self, runs: int, better: Estimate | None) -> str:
        few = caveat(runs).partition(": ")[2]
        alone = better is None and runs > 1 and len(self.estimates) > 1
        return "".join([
            f": {few}" if few else "",
            "; no other group has several" if alone else "",
            "; either may be better" if better is not None and better.low <= 0.5 else "",
        ])  # fmt: skip


def estimate_text(estimate: Estimate) -> str:
    """``19.2 [18.5, 20.2]``; the value alone without an interval, or where resamples of a few runs agree."""
    if np.isnan(estimate.low) or (estimate.runs < FEW_RUNS and estimate.low == estimate.high):
        return plain(estimate.value)
    return f"{plain(estimate.value)} [{plain(estimate.low)}, {plain(estimate.high)}]"


def _probability(improvements: Improvements, first: str, second: str) -> Estimate | None:
    if (first, second) in improvements:
        return improvements[first, second]
    if (second, first) in improvements:
        p = improvements[second, first]
        return Estimate(1 - p.value, 1 - p.high, 1 - p.low, p.runs)
    return None


def _fastest(row: pd.Series) -> str:
    """The first group by the median of its steps to the threshold."""
    reached = f"{row['reached']:.0f} of {row['runs']:.0f} runs reached it"
    if not np.isfinite(row["steps_to"]):
        return f"no group reaches {plain(row['threshold'])} in most of its runs"
    return (
        f"{row.name} reaches {plain(row['threshold'])} soonest, after {row['steps_to']:,.0f} steps "
        f"(median; {reached})"
    )
