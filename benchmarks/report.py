"""What the benchmarks' reports share: figures in words, failed runs, and the files they leave."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import arithmetic
from benchmarks.arithmetic import Row, Spread
from experiments.manifest import machine, package_versions


def spread_of(rows: list[Row], name: str, mode: str, key: str) -> Spread | None:
    """Spread of `key` over the good runs of `name` in `mode`; None when there are none."""
    return arithmetic.spread(arithmetic.good_values(rows, name, mode, key).values())


def words(value: Spread | None, style: str) -> str:
    """`median (min–max)` with each number in the format `style`; a dash for nothing measured."""
    if value is None:
        return "–"
    return f"{value.median:{style}} ({value.minimum:{style}}–{value.maximum:{style}})"


def problem_lines(rows: list[Row]) -> list[str]:
    """A sentence for each run that did not end well."""
    return [
        f"{row['name']} ({row['mode']}, round {row['round'] + 1}): {row['status']}: "
        f"{row.get('error', '')}"
        for row in arithmetic.problems(rows)
    ]


def save(folder: Path, stem: str, rows: list[Row], text: str) -> None:
    """Write `stem.json` (machine, packages, every row) and `stem.md` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"machine": machine(), "packages": package_versions(), "rows": rows}
    (folder / f"{stem}.json").write_text(json.dumps(record, indent=1) + "\n")
    (folder / f"{stem}.md").write_text(text + "\n")
