"""Atari speed and memory: us, the peers and the emulator alone in turn, in one go.

`python -m rllib_zoo.benchmarks.speed.atari --rounds 2 --out results/atari`. Every run is a process
of its own; a round runs every contender once, so that a drift of the machine meets all of them.
Steps are agent steps (four frames), learning included.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from rllib_zoo.benchmarks.settings.atari import GAMES
from rllib_zoo.benchmarks.speed.atari_contenders import COMMAND, contenders
from rllib_zoo.benchmarks.speed.atari_report import report
from rllib_zoo.benchmarks.speed.contenders import select
from rllib_zoo.benchmarks.speed.rounds import Turn, measured, parser_of
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.paths import ROOT


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a run failed."""
    options = _parse(argv)
    return measured(
        plan(options.game, options.rounds, options.only),
        options.steps,
        partial(report, of=contenders(options.game), passes=passes_of(options.game)),
        stem=f"{options.game}-benchmark",
        out=options.out,
    )


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
    parser = parser_of(__doc__, contenders(GAMES[0]), rounds=2, steps=20_000)
    parser.add_argument("--game", choices=GAMES, default=GAMES[0])
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
