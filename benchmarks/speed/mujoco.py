"""HalfCheetah: us, stable-baselines3 and the physics alone in turn, in one go.

`python -m rllib_zoo.benchmarks.speed.mujoco --rounds 3 --out results/mujoco` measures steps/s,
learning included; `--returns` also trains the peer, us and us at its settings for 1,000,000 steps
once a round. Every run is a process of its own; a round runs everybody once, so that a drift of the
machine meets all.
"""

from __future__ import annotations

import argparse
import sys

from rllib_zoo.benchmarks.speed.arithmetic import Row
from rllib_zoo.benchmarks.speed.contenders import (
    AS_SHIPPED,
    EQUAL,
    SB3,
    Contender,
    Pair,
    select,
    tuned,
)
from rllib_zoo.benchmarks.speed.report import good_of, problem_lines, ratio_parts, spread_of, words
from rllib_zoo.benchmarks.speed.rounds import Turn, measured, parser_of

STEM = "halfcheetah-benchmark"
RETURN_AT = 1_000_000

CONTENDERS = (
    Contender("random-sync", "gymnasium's copies in turn, random actions", "random_mujoco", "sync"),
    Contender(
        "random-one", "our copies, one thread, random actions", "random_mujoco", "native-one"
    ),
    Contender(
        "random-all", "our copies, a thread a core, random actions", "random_mujoco", "native-all"
    ),
    Contender(
        "sb3-ppo-one",
        "stable-baselines3 PPO, RL Zoo settings, one thread",
        "sb3_mujoco",
        "one",
        SB3,
    ),
    Contender(
        "sb3-ppo-all",
        "stable-baselines3 PPO, RL Zoo settings, a thread a core",
        "sb3_mujoco",
        "all",
        SB3,
    ),
    tuned("halfcheetah", "ppo"),
    Contender(
        "ours-ppo-as-sb3",
        "ours PPO at stable-baselines3's settings: one environment, 256-256 ReLU, 20 epochs of 64",
        "ours",
        "halfcheetah-ppo-as-sb3",
    ),
)
LEARNERS = ("sb3-ppo-one", "ours-ppo", "ours-ppo-as-sb3")
LIMIT = "random-all"
PAIRS = (
    Pair(AS_SHIPPED, "ours-ppo", "sb3-ppo-one", 3.0),
    Pair(AS_SHIPPED, "ours-ppo", "sb3-ppo-all", 3.0),
    Pair(AS_SHIPPED, "ours-ppo", LIMIT),
    Pair(AS_SHIPPED, "ours-ppo", "random-one"),
    Pair(AS_SHIPPED, "random-one", "random-sync"),
    Pair(EQUAL, "ours-ppo-as-sb3", "sb3-ppo-one"),
    Pair(EQUAL, "ours-ppo-as-sb3", "sb3-ppo-all"),
)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a run failed."""
    options = _parse(argv)
    turns = plan(options.rounds, options.only, returns=options.returns)
    return measured(turns, options.steps, report, stem=STEM, out=options.out, target=RETURN_AT)


def plan(rounds: int, only: list[str] | None, *, returns: bool) -> list[Turn]:
    """Everybody's speed once a round; with ``returns`` the return of all that learn behind it."""
    chosen = select(CONTENDERS, only)
    turns: list[Turn] = []
    for number in range(rounds):
        turns += [(contender, "speed", number) for contender in chosen]
        if returns:
            turns += [(c, "return", number) for c in chosen if c.name in LEARNERS]
    return turns


def report(rows: list[Row]) -> str:
    """Rates, ratios with what was asked, returns, failed runs."""
    parts = [_rates(rows), *ratio_parts(rows, PAIRS, ("of", "over"))]
    if lines := _returns(rows):
        parts += [
            f"Mean return of the last 100 episodes after {RETURN_AT:,} steps:",
            "\n".join(lines),
        ]
    return "\n\n".join([*parts, *problem_lines(rows)])


def _rates(rows: list[Row]) -> str:
    lines = ["| contender | | steps/s: median (min–max) | runs |", "|---|---|---|---|"]
    for contender in CONTENDERS:
        own = [r for r in rows if r["name"] == contender.name and r["mode"] == "speed"]
        if own:
            rate = words(spread_of(rows, contender.name, "speed", "steps_per_s"), ",.0f")
            lines.append(f"| {contender.name} | {contender.about} | {rate} | {good_of(own)} |")
    return "\n".join(lines)


def _returns(rows: list[Row]) -> list[str]:
    lines = []
    for name in LEARNERS:
        found = spread_of(rows, name, "return", "return_mean")
        minutes = spread_of(
            [r | {"minutes": r.get("seconds", 0) / 60} for r in rows], name, "return", "minutes"
        )
        if found is not None:
            lines.append(
                f"| {name} | {words(found, ',.0f')} | {words(minutes, '.1f')} | {found.n} |"
            )
    head = [
        "| contender | return: median (min–max) | minutes of training | runs |",
        "|---|---|---|---|",
    ]
    return head + lines if lines else []


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__, CONTENDERS, rounds=3, steps=20_000)
    parser.add_argument("--returns", action="store_true", help="also train for 1,000,000 steps")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
