"""The speed benchmarks' report, one for all: medians, ratios within a round, failures, settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import atomic_write, write_json
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between
from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row, Spread
from rllib_zoo.benchmarks.speed.contenders import Benchmark
from rllib_zoo.experiments.provenance.manifest import machine, package_versions

EMPTY = "–"


def report(benchmark: Benchmark, rows: list[Row]) -> str:
    """The report in Markdown; columns without a value are left out.

    Args:
        rows: the runs so far, as :func:`rllib_zoo.benchmarks.speed.measure.run_contender` returns
            them.
    """
    return "\n\n".join(
        [
            _contender_table(benchmark, rows),
            *_ratio_tables(benchmark, rows),
            *benchmark.sections(rows),
            *problem_lines(rows),
            *_versions_and_settings(benchmark, rows),
        ]
    )


def _contender_table(benchmark: Benchmark, rows: list[Row]) -> str:
    target = benchmark.target
    measures = [
        ("steps/s", "speed", "steps_per_s", 1.0, ",.0f"),
        (f"seconds to {target:g}", "threshold", arithmetic.SECONDS, 1.0, ".1f"),
        (f"steps to {target:g}", "threshold", "steps_to_threshold", 1.0, ",.0f"),
        (f"return after {target:,.0f} steps", "return", "return_mean", 1.0, ",.0f"),
        ("minutes of training", "return", "seconds", 1 / 60, ".1f"),
    ]
    lines = []
    for contender in benchmark.contenders:
        own = [row for row in rows if row["name"] == contender.name]
        if not own or not contender.listed:
            continue
        spreads = [
            spread_text(spread_of(rows, contender.name, mode, key, scale), style)
            for _, mode, key, scale, style in measures
        ]
        peaks = [row["peak_pss_mib"] for row in own if good(row) and "peak_pss_mib" in row]
        peak = f"{max(peaks):,.0f}" if peaks else EMPTY
        lines.append([contender.name, contender.description, *spreads, peak, _run_counts(own)])
    titles = [f"{title}: median (min–max)" for title, *_ in measures]
    memory = "peak MiB (PSS, process tree)"
    return table(["contender", "description", *titles, memory, "successful runs"], lines)


def _ratio_tables(benchmark: Benchmark, rows: list[Row]) -> list[str]:
    """A title and a table for each kind of pair that was measured."""
    columns = ["contender", "peer", "ratio of steps/s: median (min–max)"]
    columns += [f"ratio of seconds to {benchmark.target:g}: median (min–max)", "goal", "result"]
    parts = []
    for title in dict.fromkeys(pair.table for pair in benchmark.pairs):
        lines = []
        for pair in benchmark.pairs:
            peer = fastest(benchmark, rows, pair.peer)
            speed = arithmetic.speed_ratio(rows, pair.ours, peer)
            seconds = arithmetic.time_ratio(rows, pair.ours, peer)
            if pair.table != title or not (speed or seconds):
                continue
            goal = EMPTY if pair.goal is None else f"≥ {pair.goal:g}"
            result = verdict(speed.median, pair.goal) if speed else EMPTY
            ratios = [spread_text(ratio, ".2f") for ratio in (speed, seconds)]
            lines.append([pair.ours, peer, *ratios, goal, result])
        if lines:
            heading = f"Ratios within a round, {title} (above 1 the contender is faster):"
            parts += [heading, table(columns, lines)]
    return parts


def fastest(benchmark: Benchmark, rows: list[Row], name: str) -> str:
    """The fastest measured of the alternatives of `name`; `name` if none was measured."""
    names = benchmark.alternatives.get(name, (name,))
    rates = {other: spread_of(rows, other, "speed", "steps_per_s") for other in names}
    medians = {other: rate.median for other, rate in rates.items() if rate is not None}
    return max(medians, key=medians.__getitem__, default=name)


def _versions_and_settings(benchmark: Benchmark, rows: list[Row]) -> list[str]:
    """Versions of all workers, and the settings of each listed contender."""
    versions: dict[str, str] = {}
    settings: dict[str, Any] = {}
    listed = {contender.name for contender in benchmark.contenders if contender.listed}
    for row in rows:
        versions |= row.get("versions", {})
        if "settings" in row and row["name"] in listed:
            settings.setdefault(row["name"], row["settings"])
    if not versions:
        return []
    packages = ", ".join(f"{package} {version}" for package, version in sorted(versions.items()))
    lines = [f"- {name}: `{json.dumps(value, default=str)}`" for name, value in settings.items()]
    return [f"Versions: {packages}.", "Settings:", "\n".join(lines)]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table without the columns that have no value in any row."""
    kept = [i for i, _ in enumerate(columns) if any(row[i] != EMPTY for row in rows)]
    return tables.markdown([columns[i] for i in kept], [[r[i] for i in kept] for r in rows]).strip()


def spread_of(rows: list[Row], name: str, mode: str, key: str, scale: float = 1.0) -> Spread | None:
    """Spread of `scale` times `key` over the successful runs of `name`; None when there are none."""
    values = arithmetic.good_values(rows, name, mode, key).values()
    return arithmetic.spread(scale * value for value in values)


def spread_text(value: Spread | None, style: str) -> str:
    """`median (min–max)` with each number in the format `style`; a dash for None."""
    if value is None:
        return EMPTY
    return f"{value.median:{style}} ({value.minimum:{style}}–{value.maximum:{style}})"


def good(row: Row) -> bool:
    """Whether the run ended with status "ok"."""
    return bool(row["status"] == "ok")


def _run_counts(rows: list[Row]) -> str:
    """`2 of 3, failed`: how many runs succeeded, and the statuses of the others."""
    others = sorted({row["status"] for row in rows} - {"ok"})
    return ", ".join([f"{sum(map(good, rows))} of {len(rows)}", *others])


def verdict(value: float, goal: float | None) -> str:
    """Whether a figure reaches its goal; a dash without a goal."""
    return EMPTY if goal is None else "met" if value >= goal else "missed"


def problem_lines(rows: list[Row]) -> list[str]:
    """A line for each run that did not succeed."""
    return [
        f"{row['name']} ({row['mode']}, round {row['round'] + 1}): {row['status']}: "
        f"{row.get('error', '')}"
        for row in arithmetic.problems(rows)
    ]


def on_machine(record: Mapping[str, Any]) -> str:
    """One line from :func:`rllib_zoo.experiments.provenance.manifest.machine`'s record."""
    return f"Machine: {record['cpu']}, {record['cores']} cores"


def save(benchmark: Benchmark, folder: Path, rows: list[Row]) -> None:
    """Write the rows, with machine and packages, and their report into the folder."""
    record = {"machine": machine(), "packages": package_versions(), "rows": rows}
    write_json(folder / f"{benchmark.stem}.json", record)
    save_report(benchmark, folder, rows)


def save_report(benchmark: Benchmark, folder: Path, rows: list[Row]) -> None:
    """Write the report of some rows into the folder."""
    with atomic_write(folder / f"{benchmark.stem}.md") as draft:
        draft.write_text(report(benchmark, rows) + "\n")


def page_section(benchmark: Benchmark, record: Mapping[str, Any]) -> str:
    """What a documentation page shows of saved rows: the report up to the settings."""
    rows = record["rows"]
    rounds = len({row["round"] for row in rows})
    steps = max((row.get("steps", 0) for row in rows), default=0)
    text = report(benchmark, rows).partition("\n\nSettings:")[0]
    run = f"Rounds: {rounds}, of at most {steps:,} measured steps a run."
    return f"{text}\n\n{run} {on_machine(record['machine'])}."


def rewrite(page: Path, change: Callable[[str], str]) -> None:
    """Replace a page's text, atomically."""
    text = change(page.read_text())
    with atomic_write(page) as draft:
        draft.write_text(text)


def fill(page: Path, section: str, body: str) -> None:
    """Put a text between the marks of a page's section."""
    rewrite(page, partial(between, section=section, body=body))
