"""A line per running trial in a terminal of any width: name, bar, return, steps/s and time left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

MIN_NAME, MIN_BAR, MAX_BAR = 16, 10, 40
# Columns between two cells.
GAP = 2
# Lines of the terminal that stay free for the summary and the cursor.
FREE_LINES = 4
# Cells after the bar, the most important first, and their widths; a narrow terminal has only the first ones.
CELLS = {"return": 14, "left": 13, "rate": 15, "steps": 17, "episodes": 14}
ORDER = ("return", "rate", "left", "steps", "episodes")


@dataclass
class Bar:
    """What is known about a running trial.

    Attributes:
        name: the trial's.
        share: reached fraction of the stop criterion, in [0, 1].
        cells: texts by name in :data:`CELLS`.
        ends: estimated time of the end (monotonic seconds).
        message: what it waits for, instead of cells.
        warning: such as lost runners, after the cells.
    """

    name: str
    share: float = 0.0
    cells: dict[str, str] = field(default_factory=dict)
    ends: float | None = None
    message: str = ""
    warning: str = ""


class Bars:
    """All running trials, drawn by Rich as wide as the terminal is, with a line below them."""

    def __init__(self) -> None:
        self.bars: dict[str, Bar] = {}
        self.footer = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # The console prints texts as they are; only here lines have to fit.
        options = options.update(no_wrap=False, overflow="fold")
        bars = list(self.bars.values())[: max(console.height - FREE_LINES, 1)]
        warning = max((GAP + len(bar.warning) for bar in bars if bar.warning), default=0)
        names, width, shown = _layout(options.max_width - warning, [bar.name for bar in bars])
        for bar in bars:
            yield from console.render(_line(bar, names, width, shown), options)
        if self.footer:
            yield from console.render(Text(self.footer), options)


def _layout(width: int, names: list[str]) -> tuple[int, int, list[str]]:
    """Width of names and of bars, and the cells for which there is room."""
    room, shown = width - MIN_NAME - GAP - MIN_BAR, set()
    for name, cell in CELLS.items():
        room -= GAP + cell
        if room < 0:
            break
        shown.add(name)
    rest = width - GAP - sum(GAP + CELLS[name] for name in shown)
    longest = max(map(cell_len, names), default=0)
    of_name = min(longest, max(rest - MIN_BAR, MIN_NAME))
    bar = max(min(rest - of_name, MAX_BAR), 1)
    return of_name, bar, [name for name in ORDER if name in shown]


def _line(bar: Bar, of_name: int, of_bar: int, shown: list[str]) -> RenderableType:
    grid = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    grid.add_column(width=of_name, no_wrap=True)
    cells: list[RenderableType] = [Text(shortened(bar.name, of_name))]
    if bar.message:
        grid.add_column()
        return _row(grid, [*cells, Text(bar.message)])
    grid.add_column(width=of_bar)
    cells.append(ProgressBar(total=1.0, completed=bar.share, width=of_bar))
    left = "" if bar.ends is None else f"{clock(max(bar.ends - time.monotonic(), 0.0))} left"
    texts = {**bar.cells, "left": left}
    for name in shown:
        grid.add_column(width=CELLS[name], justify="right", no_wrap=True)
        cells.append(Text(texts.get(name, "")))
    if bar.warning:
        grid.add_column(no_wrap=True)
        cells.append(Text(bar.warning))
    return _row(grid, cells)


def _row(grid: Table, cells: list[Any]) -> Table:
    grid.add_row(*cells)
    return grid


def shortened(name: str, width: int) -> str:
    """A name in at most ``width`` columns, without its middle: the seed at its end stays."""
    if cell_len(name) <= width:
        return name
    end = (width - 1) // 2
    tail = name[-end:] if end else ""
    return f"{set_cell_size(name, width - 1 - cell_len(tail))}…{tail}"


def clock(seconds: float) -> str:
    """A duration as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
