"""The Atari benchmark's report: pure text from rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from rllib_zoo.benchmarks.settings.atari import NUMBERS, PASSES, THREADS
from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row, Spread
from rllib_zoo.benchmarks.speed.atari_contenders import (
    COMMAND,
    EMULATOR_SMALL,
    FASTEST_OF,
    MEMORY_ASKED,
    PAIRS,
    network_name,
)
from rllib_zoo.benchmarks.speed.contenders import Contender
from rllib_zoo.benchmarks.speed.report import good_of, problem_lines, ratio_parts, spread_of, words


def report(rows: list[Row], of: Iterable[Contender], passes: Mapping[str, int]) -> str:
    """Rates and memory, ratios with what was asked, ceilings, failed runs, settings.

    Args:
        rows: the runs so far.
        of: the contenders, in the order of the table.
        passes: how often the tuned file of `ppo` and `a2c` learns from a step.
    """
    parts = [_rates(rows, of)]
    parts += ratio_parts(rows, PAIRS, ("ours", "against"), partial(fastest, rows))
    parts += _part("Bare networks of the tuned files, images/s:", _network_lines(rows))
    parts += _part(CEILINGS, _ceiling_lines(rows, passes))
    return "\n\n".join([*parts, *_memory(rows), *problem_lines(rows), *_settings(rows)])


CEILINGS = (
    "Ceilings: steps/s if only the emulator, inference and the passes over a batch took time, from "
    "the rates of this go (the faster number format and thread count). The rest of the time goes to "
    "gathering minibatches, the optimizer, threads that wait for each other, Ray and Python:"
)


def fastest(rows: list[Row], name: str) -> str:
    """The contender that `name` stands for: of several ways to run a peer, the fastest measured."""
    rates = {other: _rate(rows, other) for other in FASTEST_OF.get(name, (name,))}
    measured = {other: rate.median for other, rate in rates.items() if rate is not None}
    return max(measured, key=measured.__getitem__, default=name)


def _ceiling_lines(rows: list[Row], passes: Mapping[str, int]) -> list[str]:
    """The ceiling of each tuned file beside what it reached; empty when a part is missing."""
    lines = []
    for algorithm, times in passes.items():
        emulator, reached = _rate(rows, EMULATOR_SMALL), _rate(rows, f"ours-{algorithm}")
        forward, training = (_best_network(rows, algorithm, pass_) for pass_ in PASSES)
        if emulator is None or forward is None or training is None or reached is None:
            continue
        ceiling = arithmetic.ceiling(emulator.median, forward, training, times)
        lines.append(
            f"| ours-{algorithm} | {emulator.median:,.0f} | {forward:,.0f} "
            f"| {times} x 1 / {training:,.0f} | {ceiling:,.0f} | {reached.median:,.0f} "
            f"| {1 - reached.median / ceiling:.0%} |"
        )
    head = [
        "| | emulator | inference | passes | ceiling | reached | share of time elsewhere |",
        "|---|---|---|---|---|---|---|",
    ]
    return head + lines if lines else []


def _rates(rows: list[Row], of: Iterable[Contender]) -> str:
    lines = [
        "| contender | | steps/s: median (min–max) | peak MiB (PSS, process tree) | runs |",
        "|---|---|---|---|---|",
    ]
    for contender in of:
        own = [row for row in rows if row["name"] == contender.name]
        if not own or contender.module == "network":
            continue
        peaks = [row["peak_pss_mib"] for row in own if row["status"] == "ok"]
        memory = f"{max(peaks):,.0f}" if peaks else "–"
        lines.append(
            f"| {contender.name} | {contender.about} | {words(_rate(rows, contender.name), ',.0f')} "
            f"| {memory} | {_ended(own)} |"
        )
    return "\n".join(lines)


def _ended(own: list[Row]) -> str:
    """`2 of 2`, and what became of the others."""
    others = sorted({row["status"] for row in own} - {"ok"})
    return ", ".join([good_of(own), *others])


def _network_lines(rows: list[Row]) -> list[str]:
    columns = [(number, threads) for number in NUMBERS for threads in THREADS]
    lines = []
    for algorithm in ("ppo", "a2c"):
        for pass_ in PASSES:
            names = [network_name(algorithm, pass_, *column) for column in columns]
            images = [row["settings"]["rows"] for row in rows if row["name"] in names and _ok(row)]
            if images:
                cells = " | ".join(words(_rate(rows, name), ",.0f") for name in names)
                lines.append(f"| {algorithm}, {pass_} | {images[0]} | {cells} |")
    titles = " | ".join(f"{number}, {threads} threads" for number, threads in columns)
    titles = titles.replace("one threads", "one thread")
    return [f"| | images at once | {titles} |", "|---" * 6 + "|", *lines] if lines else []


def _best_network(rows: list[Row], algorithm: str, pass_: str) -> float | None:
    names = [network_name(algorithm, pass_, number, t) for number in NUMBERS for t in THREADS]
    rates = [rate.median for name in names if (rate := _rate(rows, name)) is not None]
    return max(rates, default=None)


def _memory(rows: list[Row]) -> list[str]:
    peaks = [row["peak_pss_mib"] for row in rows if row["name"] == COMMAND and _ok(row)]
    if not peaks:
        return []
    said = "met" if max(peaks) <= MEMORY_ASKED else "missed"
    return [
        f"Peak memory of the whole command under Tune: {max(peaks):,.0f} MiB (PSS of the process "
        f"tree), asked at most {MEMORY_ASKED:,.0f}: {said}."
    ]


def _settings(rows: list[Row]) -> list[str]:
    """Versions of all workers, and what each contender ran with."""
    versions: dict[str, str] = {}
    settings: dict[str, Any] = {}
    for row in rows:
        versions |= row.get("versions", {})
        # The bare networks' own table says how each was timed.
        if "settings" in row and not row["name"].startswith("network-"):
            settings.setdefault(row["name"], row["settings"])
    if not versions:
        return []
    said = ", ".join(f"{package} {version}" for package, version in sorted(versions.items()))
    lines = [f"- {name}: `{json.dumps(given, default=str)}`" for name, given in settings.items()]
    return [f"Versions: {said}.", "Settings:", "\n".join(lines)]


def _part(title: str, lines: list[str]) -> list[str]:
    return [title, "\n".join(lines)] if lines else []


def _rate(rows: list[Row], name: str) -> Spread | None:
    return spread_of(rows, name, "speed", "steps_per_s")


def _ok(row: Row) -> bool:
    return bool(row["status"] == "ok")
