"""Studies as plain data: what `rllib study run` trains and what tables and figures show.

Nothing here imports Ray, torch or pandas, so that reading a study costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

# Budget of `--smoke`: one or two results per cell, too short to mean anything.
SMOKE_STEPS = 3_000
SMOKE_SECONDS = 6.0

EVALUATED = "evaluation/env_runners/episode_return_mean"


class UnknownCellError(ValueError):
    """The study has no cell or seed of that name."""


@dataclass(frozen=True)
class Budget:
    """When a run of a cell ends: at the first limit it reaches.

    Attributes:
        steps: agent steps.
        seconds: of training, without restarts and waiting; None: no limit.
        score: mean return of the last 100 episodes; None: runs use their whole budget.
        evaluated: the score is that of the evaluation during training instead.
    """

    steps: int
    seconds: float | None = None
    score: float | None = None
    evaluated: bool = False

    @property
    def stop(self) -> dict[str, float]:
        """The budget as a stop rule of a config file."""
        rule: dict[str, float] = {"timesteps_total": self.steps}
        if self.seconds is not None:
            rule["time_total_s"] = self.seconds
        if self.score is not None:
            rule[EVALUATED if self.evaluated else "episode_reward_mean"] = self.score
        return rule

    def __str__(self) -> str:
        limits = [f"{self.steps:,} steps"]
        if self.seconds is not None:
            minutes = self.seconds / 60
            limits.append(f"{minutes:g} min" if minutes >= 1 else f"{self.seconds:g} s")
        if self.score is not None:
            where = " in evaluation" if self.evaluated else ""
            limits.append(f"a mean return of {self.score:g}{where}")
        return " or ".join(limits)


@dataclass(frozen=True)
class Cell:
    """One configuration of a study, trained once per seed.

    Attributes:
        name: its folder below ``results/<study>/``; a run is ``<storage>/<name>-seed<N>``.
        file: the config file, relative to the checkout.
        algorithm: of that file; likewise ``env``.
        seeds: those the study needs; more may be trained.
        budget: replaces the file's stop rule.
        changes: what the study varies: keys of ``--set`` and their values.
        value: position on the study's axis; None without an axis.
        label: of its line in figures; cells with one label are the points of one line.
        every: agent steps between two rows of a kept curve.
        solved: mean return of the last 100 episodes whose steps are compared, instead of final scores; runs
            continue until the end of their budget.
        greedy_episodes: number of episodes of greedy play with the last checkpoint after training; 0: none.
        quiet: whether it measures speed, so that other programs on the machine would distort it.
    """

    name: str
    file: str
    algorithm: str
    env: str
    seeds: tuple[int, ...]
    budget: Budget
    changes: Mapping[str, Any] | None = None
    value: float | None = None
    label: str = ""
    every: int = 10_000
    solved: float | None = None
    greedy_episodes: int = 0
    quiet: bool = False

    @property
    def target(self) -> float | None:
        """The mean return that counts as solved or ends runs; None without either."""
        return self.budget.score if self.solved is None else self.solved

    @property
    def line(self) -> str:
        """The label, or without one the algorithm."""
        return self.label or self.algorithm


@dataclass(frozen=True)
class Threshold:
    """A requirement on the results of a cell.

    Attributes:
        cell: its name.
        measure: ``final`` (mean return of the last 100 episodes at the end), ``reached`` (that such a
            mean reached ``at_least`` within the budget), ``greedy`` (mean return of the cell's greedy
            episodes), ``worst_quarter`` (mean final score of the lowest quarter of the seeds) or
            ``efficiency`` (steps/s over those of one runner times the runners, median over seeds).
        at_least: the lowest value that passes.
        seeds: how many of the cell's seeds have to pass; for ``worst_quarter`` and ``efficiency``, how
            many have to be measured.
        of: among so many seeds, all of which have to be done; 0: no seed may fail.
        within: agent steps, for ``reached``; None: the cell's budget.
    """

    cell: str
    measure: str
    at_least: float
    seeds: int
    of: int = 0
    within: int | None = None


@dataclass(frozen=True)
class Study:
    """A question, the runs that answer it, and how the answer is shown.

    Attributes:
        name: of the module, of ``results/<name>/`` and of the command's argument.
        question: one sentence.
        cells: in the order of training and of the tables.
        figures: kinds of :data:`rllib_zoo.experiments.studies.figures.KINDS`.
        thresholds: checked by `rllib study report --check`.
        axis: name and unit of ``Cell.value``; "" without an axis.
        note: explains the table.
        published: label → published average normalised score, compared with ours
            (:mod:`rllib_zoo.experiments.studies.published_scores`); None without any.
    """

    name: str
    question: str
    cells: tuple[Cell, ...]
    figures: tuple[str, ...]
    thresholds: tuple[Threshold, ...] = ()
    axis: str = ""
    note: str = ""
    published: Mapping[str, float] | None = None

    def cell(self, name: str) -> Cell:
        """The cell of that name.

        Raises:
            UnknownCellError: no cell has that name.
        """
        for cell in self.cells:
            if cell.name == name:
                return cell
        raise UnknownCellError(f"{self.name} has no cell {name!r}")

    @property
    def runs(self) -> list[tuple[Cell, int]]:
        """Every cell with each of its seeds."""
        return [(cell, seed) for cell in self.cells for seed in cell.seeds]

    @property
    def envs(self) -> tuple[str, ...]:
        """The environments without repetition, in order."""
        return tuple(dict.fromkeys(cell.env for cell in self.cells))

    def smoke(self) -> Study:
        """The same cells with one seed and budgets of seconds, to check that they run."""
        cells = tuple(
            replace(
                cell,
                seeds=cell.seeds[:1],
                budget=Budget(steps=SMOKE_STEPS, seconds=SMOKE_SECONDS),
                every=max(cell.every // 100, 1),
                greedy_episodes=min(cell.greedy_episodes, 2),
            )
            for cell in self.cells
        )
        return replace(self, cells=cells)
