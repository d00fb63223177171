"""CartPole-v1: steps/s and time to a mean return of 475, ours and other libraries'.

`python -m rllib_zoo.benchmarks.speed.cartpole --rounds 3 --out results/cartpole`. Every run is a
process of its own; a round runs every contender once, so that a drift of the machine affects all.
"""

from __future__ import annotations

import sys

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

BOTH = ("speed", "threshold")

CONTENDERS = (
    Contender("sb3-ppo", "stable-baselines3 PPO, RL Zoo settings", "sb3", "ppo", SB3, modes=BOTH),
    Contender("sb3-a2c", "stable-baselines3 A2C, RL Zoo settings", "sb3", "a2c", SB3, modes=BOTH),
    *(
        Contender(
            f"rllib-{stack}",
            f"stock RLlib PPO, {stack} stack, its CartPole example, no runner, 8 envs",
            "stock_rllib",
            stack,
            modes=BOTH,
        )
        for stack in ("new", "old")
    ),
    *(tuned("cartpole", name, modes=BOTH) for name in ("ppo", "a2c", "a3c")),
    Contender(
        "ours-ppo-as-sb3",
        "ours PPO at 64-64 tanh, 8 x 32, 20 epochs, batch 256",
        "ours",
        "ppo-as-sb3",
    ),
    Contender("ours-a2c-as-sb3", "ours A2C at 64-64 tanh, 8 x 5", "ours", "a2c-as-sb3"),
    Contender(
        "ours-ppo-as-rllib",
        "ours PPO at 32 linear shared, batch 4,000, 6 epochs of 128",
        "ours",
        "ppo-as-rllib",
    ),
    *(
        Contender(
            f"rllib-{stack}-256",
            f"stock RLlib PPO, {stack} stack, its default network 256-256 tanh",
            "stock_rllib",
            f"{stack}-256",
        )
        for stack in ("new", "old")
    ),
    Contender(
        "ours-ppo-256", "ours PPO at 256-256 tanh, batch 4,000, 6 epochs of 128", "ours", "ppo-256"
    ),
)
PAIRS = (
    Pair(AS_SHIPPED, "ours-ppo", "sb3-ppo"),
    Pair(AS_SHIPPED, "ours-ppo", "rllib-new"),
    Pair(AS_SHIPPED, "ours-ppo", "rllib-old"),
    Pair(AS_SHIPPED, "ours-a2c", "sb3-a2c"),
    # No peer ships A3C for CartPole; A2C is its synchronous form.
    Pair(AS_SHIPPED, "ours-a3c", "sb3-a2c"),
    Pair(EQUAL, "ours-ppo-as-sb3", "sb3-ppo"),
    Pair(EQUAL, "ours-a2c-as-sb3", "sb3-a2c"),
    Pair(EQUAL, "ours-ppo-as-rllib", "rllib-new"),
    Pair(EQUAL, "ours-ppo-as-rllib", "rllib-old"),
    Pair(EQUAL, "ours-ppo-256", "rllib-new-256"),
    Pair(EQUAL, "ours-ppo-256", "rllib-old-256"),
)
BENCHMARK = Benchmark(
    stem="cartpole-benchmark",
    folder=RESULTS / "cartpole",
    contenders=CONTENDERS,
    pairs=PAIRS,
    rounds=3,
    steps=80_000,
    target=475,
)

if __name__ == "__main__":
    sys.exit(main(__doc__, BENCHMARK))
