"""Contenders, pairs and benchmarks as data: nothing here runs anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rllib_zoo.benchmarks.speed.arithmetic import Row

AS_SHIPPED = "as shipped"
EQUAL = "equal network, epochs and batch"
SB3 = "stable_baselines3"


@dataclass(frozen=True)
class Contender:
    """One row of the table: a worker process, or the `rllib` command, with fixed settings.

    Attributes:
        name: short unique name, accepted by `--only`.
        description: what runs, as the table shows it.
        module: worker module under `rllib_zoo.benchmarks.peers`.
        variant: the worker's only positional argument.
        requires: package without which the row's status is "not installed".
        file: tuned file, relative to the checkout, without which the status is "missing". In
            threshold and memory mode `rllib train file` runs it instead of the worker.
        modes: what is measured: `speed`, `threshold`, `return` or `memory`.
        steps_factor: multiplies `--steps`; above 1 for contenders that are too fast to be timed.
        listed: whether the table of all contenders shows it.
    """

    name: str
    description: str
    module: str
    variant: str
    requires: str | None = None
    file: str | None = None
    modes: tuple[str, ...] = ("speed",)
    steps_factor: float = 1
    listed: bool = True


@dataclass(frozen=True)
class Pair:
    """A ratio to report: `ours` over `peer`, in the table called `table`; at least `goal`."""

    table: str
    ours: str
    peer: str
    goal: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """Who runs, who is compared with whom, and where the results are kept.

    Attributes:
        stem: file name of the rows (`.json`) and of the report (`.md`).
        folder: of the committed results.
        contenders: in the order they take turns.
        pairs: in the order of the tables.
        rounds: default of `--rounds`.
        steps: default of `--steps`.
        target: mean return that threshold mode waits for, or steps after which return mode ends.
        alternatives: a pair's peer -> contenders; it is compared at the fastest of them.
        sections: further paragraphs of the report.
        page: documentation page whose section `speed` shows the report.
    """

    stem: str
    folder: Path
    contenders: tuple[Contender, ...]
    pairs: tuple[Pair, ...]
    rounds: int
    steps: int
    target: float = 0
    alternatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sections: Callable[[list[Row]], list[str]] = lambda rows: []
    page: Path | None = None

    @property
    def modes(self) -> set[str]:
        """All modes in which a contender is measured."""
        return {mode for contender in self.contenders for mode in contender.modes}


def tuned(
    task: str, algorithm: str, details: str = "", modes: tuple[str, ...] = ("speed",)
) -> Contender:
    """Ours with the tuned file `task-algorithm.yaml`; `details` end the description."""
    name = f"{task}-{algorithm}"
    description = f"ours {algorithm.upper()}, tuned file{details}"
    file = f"tuned_configs/{name}.yaml"
    return Contender(f"ours-{algorithm}", description, "ours", name, file=file, modes=modes)


def select(contenders: Iterable[Contender], names: Iterable[str] | None) -> list[Contender]:
    """The contenders called `names`, in table order; all of them for None or no names.

    Raises:
        ValueError: no contender has that name.
    """
    candidates, selected = list(contenders), set(names or [])
    valid = [contender.name for contender in candidates]
    if unknown := sorted(selected.difference(valid)):
        raise ValueError(f"unknown contender {', '.join(unknown)}: choose from {', '.join(valid)}")
    return [contender for contender in candidates if not selected or contender.name in selected]
