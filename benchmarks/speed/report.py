"""What the benchmarks' reports share: figures in words, rows of tables, and the files they leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json, written_aside
from rllib_zoo.analysis.report.generated_sections import between
from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row, Spread
from rllib_zoo.benchmarks.speed.contenders import AS_SHIPPED, EQUAL, Pair
from rllib_zoo.experiments.provenance.manifest import machine, package_versions


def spread_of(rows: list[Row], name: str, mode: str, key: str) -> Spread | None:
    """Spread of `key` over the good runs of `name` in `mode`; None when there are none."""
    return arithmetic.spread(arithmetic.good_values(rows, name, mode, key).values())


def words(value: Spread | None, style: str) -> str:
    """`median (min–max)` with each number in the format `style`; a dash for nothing measured."""
    if value is None:
        return "–"
    return f"{value.median:{style}} ({value.minimum:{style}}–{value.maximum:{style}})"


def good_of(rows: list[Row]) -> str:
    """`2 of 3`: how many runs ended well."""
    return f"{sum(row['status'] == 'ok' for row in rows)} of {len(rows)}"


def verdict(value: float, asked: float | None) -> str:
    """Whether a figure is at least what was asked; empty where nothing was."""
    return "" if asked is None else "met" if value >= asked else "missed"


def ratio_parts(
    rows: list[Row],
    pairs: Sequence[Pair],
    columns: tuple[str, str],
    peer_of: Callable[[str], str] = str,
) -> list[str]:
    """Ratios of steps/s with what was asked: a title and a table for each kind that was measured.

    Args:
        rows: the runs so far.
        pairs: of all tables, in their order.
        columns: names of the columns of a pair's `ours` and `peer`.
        peer_of: the contender that a pair's `peer` stands for.
    """
    head = [
        f"| {columns[0]} | {columns[1]} | ratio: median (min–max) | asked | |",
        "|---" * 5 + "|",
    ]
    parts = []
    for title in (AS_SHIPPED, EQUAL):
        lines = []
        for pair in pairs:
            peer = peer_of(pair.peer)
            ratio = arithmetic.speed_ratio(rows, pair.ours, peer)
            if pair.table == title and ratio is not None:
                lines.append(_ratio_line(pair, peer, ratio))
        if lines:
            parts += [f"Ratios of steps/s within a round, {title}:", "\n".join([*head, *lines])]
    return parts


def _ratio_line(pair: Pair, peer: str, ratio: Spread) -> str:
    asked = "–" if pair.asked is None else f"≥ {pair.asked:g}"
    said = verdict(ratio.median, pair.asked)
    return f"| {pair.ours} | {peer} | {words(ratio, '.2f')} | {asked} | {said} |"


def problem_lines(rows: list[Row]) -> list[str]:
    """A sentence for each run that did not end well."""
    return [
        f"{row['name']} ({row['mode']}, round {row['round'] + 1}): {row['status']}: "
        f"{row.get('error', '')}"
        for row in arithmetic.problems(rows)
    ]


def on_machine(told: Mapping[str, Any]) -> str:
    """The machine of a record, as :func:`rllib_zoo.experiments.provenance.manifest.machine` told
    it, in words."""
    return f"Machine: {told['cpu']}, {told['cores']} cores"


def save(folder: Path, stem: str, rows: list[Row], text: str) -> None:
    """Write `stem.json` (machine, packages, every row) and `stem.md` into the folder."""
    record = {"machine": machine(), "packages": package_versions(), "rows": rows}
    write_json(folder / f"{stem}.json", record)
    (folder / f"{stem}.md").write_text(text + "\n")


def rewrite(page: Path, change: Callable[[str], str]) -> None:
    """Write a page anew, whole or not at all."""
    text = change(page.read_text())
    with written_aside(page) as draft:
        draft.write_text(text)


def fill(page: Path, section: str, body: str) -> None:
    """Put a text between the marks of a page's section."""
    rewrite(page, partial(between, section=section, body=body))
