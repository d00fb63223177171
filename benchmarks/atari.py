"""Atari speed and memory: us, the peers and the emulator alone in turn, in one go.

`python -m benchmarks.atari --rounds 2 --out results/atari`. Every run is a process of its own; a
round runs every contender once, so that a drift of the machine meets all of them. Steps are agent
steps (four frames), learning included.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import arithmetic
from benchmarks.arithmetic import Row
from benchmarks.atari_contenders import COMMAND, contenders
from benchmarks.atari_report import report
from benchmarks.atari_settings import GAMES
from benchmarks.contenders import select
from benchmarks.measure import ROOT
from benchmarks.report import save
from benchmarks.rounds import Turn, take_turns
from experiments.reading import read_experiments


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a run failed."""
    options = _parse(argv)
    everybody, passes = contenders(options.game), passes_of(options.game)

    def keep(rows: list[Row]) -> None:
        if options.out is not None:
            save(options.out, f"{options.game}-benchmark", rows, report(rows, everybody, passes))

    rows = take_turns(plan(options.game, options.rounds, options.only), options.steps, 0.0, keep)
    print(report(rows, everybody, passes))
    return 1 if arithmetic.problems(rows) else 0


def plan(game: str, rounds: int, only: list[str] | None) -> list[Turn]:
    """Every contender once a round; the command is watched for its memory, the others timed."""
    return [
        (contender, "memory" if contender.name == COMMAND else "speed", number)
        for number in range(rounds)
        for contender in select(contenders(game), only)
    ]


def passes_of(game: str) -> dict[str, int]:
    """How often each tuned file learns from a step; a file that is not there is left out.

    Raises:
        RequestError: a file is malformed.
    """
    files = {name: ROOT / "tuned_configs" / f"{game}-{name}.yaml" for name in ("ppo", "a2c")}
    return {
        name: int(read_experiments(file)[0].config.get("num_epochs", 1))
        for name, file in files.items()
        if file.is_file()
    }


def _parse(argv: list[str] | None) -> argparse.Namespace:
    names = [contender.name for contender in contenders(GAMES[0])]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--game", choices=GAMES, default=GAMES[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20_000, help="measured agent steps per run")
    parser.add_argument("--only", nargs="+", choices=names, help="these contenders only")
    parser.add_argument("--out", type=Path, help="folder for the table and the raw rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
