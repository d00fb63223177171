"""Pendulum-v1: DDPG's steps/s, ours and stable-baselines3's at equal settings.

`python -m rllib_zoo.benchmarks.speed.ddpg --rounds 3 --out results/ddpg` also writes the table of
`docs/ddpg.md`. Every run is a process of its own; a round runs every contender once.
"""

from __future__ import annotations

import sys

from rllib_zoo.benchmarks.settings.ddpg import BATCHES
from rllib_zoo.benchmarks.speed.contenders import SB3, Benchmark, Contender, Pair
from rllib_zoo.benchmarks.speed.rounds import main
from rllib_zoo.experiments.paths import RESULTS, ROOT

EQUAL = "equal networks, batch, updates per step, one thread"


def _contenders(batch: int) -> tuple[Contender, Contender]:
    sb3 = f"stable-baselines3 DDPG, batches of {batch}"
    ours = f"ours DDPG, batches of {batch}"
    return (
        Contender(f"sb3-{batch}", sb3, "sb3", f"ddpg-{batch}", SB3),
        Contender(f"ours-{batch}", ours, "ours", f"ddpg-{batch}-as-sb3"),
    )


BENCHMARK = Benchmark(
    stem="ddpg-benchmark",
    folder=RESULTS / "ddpg",
    contenders=tuple(contender for batch in BATCHES for contender in _contenders(batch)),
    pairs=tuple(Pair(EQUAL, f"ours-{batch}", f"sb3-{batch}") for batch in BATCHES),
    rounds=3,
    steps=4_000,
    page=ROOT / "docs" / "ddpg.md",
)

if __name__ == "__main__":
    sys.exit(main(__doc__, BENCHMARK))
