"""HalfCheetah-v5: steps/s and returns, ours, stable-baselines3's and the physics' alone.

`python -m rllib_zoo.benchmarks.speed.mujoco --rounds 3 --out results/mujoco` measures steps/s,
learning included; `--returns` also trains for 1,000,000 steps once a round. Every run is a process
of its own; a round runs every contender once, so that a drift of the machine affects all.
"""

from __future__ import annotations

import sys

from rllib_zoo.benchmarks.settings.atari import THREADS
from rllib_zoo.benchmarks.speed.contenders import (
    AS_SHIPPED,
    EQUAL,
    SB3,
    Benchmark,
    Contender,
    Pair,
    tuned,
)
from rllib_zoo.benchmarks.speed.rounds import main
from rllib_zoo.experiments.paths import RESULTS

LIMIT = "random-all"
THREAD_COUNTS = {"one": "one thread", "all": "a thread a core"}
LEARNING = ("speed", "return")


def _random(variant: str, copies: str) -> Contender:
    name = f"random-{variant.removeprefix('native-')}"
    return Contender(name, f"{copies}, random actions", "random_actions", f"halfcheetah-{variant}")


BENCHMARK = Benchmark(
    stem="halfcheetah-benchmark",
    folder=RESULTS / "mujoco",
    contenders=(
        _random("sync", "gymnasium's copies in turn"),
        *(_random(f"native-{t}", f"our copies, {THREAD_COUNTS[t]}") for t in THREADS),
        *(
            Contender(
                f"sb3-ppo-{threads}",
                f"stable-baselines3 PPO, RL Zoo settings, {THREAD_COUNTS[threads]}",
                "sb3",
                f"halfcheetah-ppo-{threads}",
                SB3,
                modes=LEARNING if threads == "one" else ("speed",),
            )
            for threads in THREADS
        ),
        tuned("halfcheetah", "ppo", modes=LEARNING),
        Contender(
            "ours-ppo-as-sb3",
            "ours PPO at stable-baselines3's settings: one environment, 256-256 ReLU, "
            "20 epochs of 64",
            "ours",
            "halfcheetah-ppo-as-sb3",
            modes=LEARNING,
        ),
    ),
    pairs=(
        Pair(AS_SHIPPED, "ours-ppo", "sb3-ppo-one", 3.0),
        Pair(AS_SHIPPED, "ours-ppo", "sb3-ppo-all", 3.0),
        Pair(AS_SHIPPED, "ours-ppo", LIMIT),
        Pair(AS_SHIPPED, "ours-ppo", "random-one"),
        Pair(AS_SHIPPED, "random-one", "random-sync"),
        Pair(EQUAL, "ours-ppo-as-sb3", "sb3-ppo-one"),
        Pair(EQUAL, "ours-ppo-as-sb3", "sb3-ppo-all"),
    ),
    rounds=3,
    steps=20_000,
    target=1_000_000,
)

if __name__ == "__main__":
    sys.exit(main(__doc__, BENCHMARK))
