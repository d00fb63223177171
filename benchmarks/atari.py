"""Atari speed and memory: us, the peers and the emulator alone in turn, in one go.

`python -m benchmarks.atari --rounds 2 --out results/atari`. Every run is a process of its own; a
round runs every contender once, so that a drift of the machine meets all of them. Steps are agent
steps (four frames), learning included.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from benchmarks import arithmetic
from benchmarks.arithmetic import Row, Spread
from benchmarks.atari_contenders import (
    CLAIMS,
    COMMAND,
    EMULATOR_SMALL,
    MEMORY_ASKED,
    contenders,
)
from benchmarks.contenders import AS_SHIPPED, EQUAL, Contender
from benchmarks.measure import ROOT, run_command_for_memory, run_contender
from experiments.manifest import machine, package_versions
from experiments.progress import clock

RATE = "steps_per_s"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a run failed."""
    options = _parse(argv)
    chosen = [c for c in contenders(options.game) if not options.only or c.name in options.only]
    plan = [(c, number) for number in range(options.rounds) for c in chosen]
    rows: list[Row] = []
    for index, (contender, number) in enumerate(plan):
        left = arithmetic.remaining_seconds(rows, [(c.name, "speed") for c, _ in plan[index:]])
        eta = f", about {clock(left)} left" if left else ""
        where = f"[{index + 1}/{len(plan)}] {contender.name}, round {number + 1}{eta}"
        print(where, file=sys.stderr, flush=True)
        rows.append(run_contender(contender, "speed", number, options.steps, threshold=0.0))
    if not options.only or COMMAND in options.only:
        file = f"tuned_configs/{options.game}-ppo.yaml"
        row = run_command_for_memory(file, steps=options.steps)
        rows.append({"name": COMMAND, "mode": "memory", "round": 0, **row})
    text = report(rows, contenders(options.game), epochs_of(options.game))
    print(text)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        record = {"machine": machine(), "packages": package_versions(), "rows": rows}
        stem = options.out / f"{options.game}-benchmark"
        stem.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
        stem.with_suffix(".md").write_text(text + "\n")
    return 1 if arithmetic.problems(rows) else 0


def epochs_of(game: str) -> int:
    """Passes over a batch in the tuned PPO file."""
    document = yaml.safe_load((ROOT / "tuned_configs" / f"{game}-ppo.yaml").read_text())
    return int(document[f"{game}-ppo"]["config"]["num_epochs"])


def report(rows: list[Row], of: list[Contender], epochs: int) -> str:
    """Rates and memory, ratios with what was asked, ceilings, and runs that failed."""
    parts = [_rates(rows, of)]
    for title in (AS_SHIPPED, EQUAL):
        parts.append(f"Ratios of steps/s, {title}:")
        parts.append(_ratios(rows, title))
    parts += [*_ceilings(rows, epochs), *_memory(rows)]
    for row in arithmetic.problems(rows):
        parts.append(f"{row['name']} (round {row['round'] + 1}): {row['status']}: {row['error']}")
    return "\n\n".join(parts)


def _rates(rows: list[Row], of: list[Contender]) -> str:
    lines = [
        "| contender | steps/s: median (min–max) | peak MiB (PSS, process tree) | runs |",
        "|---|---|---|---|",
    ]
    for contender in of:
        own = [row for row in rows if row["name"] == contender.name]
        if own:
            memory = arithmetic.spread(row.get("peak_pss_mib", 0.0) for row in own)
            good = sum(row["status"] == "ok" for row in own)
            lines.append(
                f"| {contender.about} | {_words(_rate(rows, contender.name), ',.0f')} "
                f"| {memory.maximum if memory else 0:,.0f} | {good} of {len(own)} |"
            )
    return "\n".join(lines)


def _ratios(rows: list[Row], title: str) -> str:
    lines = ["| ours | against | ratio: median (min–max) | asked | |", "|---|---|---|---|---|"]
    for claim in CLAIMS:
        ratio = arithmetic.speed_ratio(rows, claim.ours, claim.peer)
        if claim.table == title and ratio is not None:
            asked = "–" if claim.asked is None else f"{claim.asked:g}"
            lines.append(
                f"| {claim.ours} | {claim.peer} | {_words(ratio, '.2f')} | {asked} "
                f"| {verdict(ratio.median, claim.asked)} |"
            )
    return "\n".join(lines)


def verdict(value: float, asked: float | None) -> str:
    """Whether a figure is at least what was asked; empty where nothing was."""
    return "" if asked is None else "met" if value >= asked else "missed"


def _ceilings(rows: list[Row], epochs: int) -> list[str]:
    emulator, forward, training = (
        _rate(rows, name) for name in (EMULATOR_SMALL, "network-forward", "network-training")
    )
    if emulator is None or forward is None or training is None:
        return []
    parts = []
    for name, passes in (("ours-ppo", epochs), ("ours-a2c", 1)):
        ceiling = arithmetic.ceiling(emulator.median, forward.median, training.median, passes)
        reached = _rate(rows, name)
        if reached is not None:
            parts.append(
                f"Ceiling of {name} from emulator, inference and {passes} training passes alone: "
                f"{ceiling:,.0f} steps/s; reached {reached.median:,.0f} "
                f"({reached.median / ceiling:.0%}). The rest goes to gathering minibatches, the "
                "optimizer, threads waiting for each other at the end of a fragment or minibatch, "
                "and Python."
            )
    return parts


def _memory(rows: list[Row]) -> list[str]:
    peaks = [row["peak_pss_mib"] for row in rows if row["name"] == COMMAND]
    if not peaks:
        return []
    said = "met" if max(peaks) <= MEMORY_ASKED else "missed"
    return [
        f"Peak memory of the whole command under Tune: {max(peaks):,.0f} MiB (PSS of the process "
        f"tree), asked at most {MEMORY_ASKED:,.0f}: {said}."
    ]


def _rate(rows: list[Row], name: str) -> Spread | None:
    return arithmetic.spread(arithmetic.good_values(rows, name, "speed", RATE).values())


def _words(value: Spread | None, style: str) -> str:
    if value is None:
        return "–"
    return f"{value.median:{style}} ({value.minimum:{style}}–{value.maximum:{style}})"


def _parse(argv: list[str] | None) -> Any:
    names = [*(contender.name for contender in contenders("pong")), COMMAND]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--game", choices=("pong", "assault"), default="pong")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=16_000, help="measured agent steps per run")
    parser.add_argument("--only", nargs="+", choices=names, help="these contenders only")
    parser.add_argument("--out", type=Path, help="folder for the table and the raw rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
