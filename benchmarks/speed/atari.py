"""Pong or Assault: steps/s and memory, ours, other libraries' and the emulator's alone.

`python -m rllib_zoo.benchmarks.speed.atari --rounds 2 --out results/atari`. Every run is a process
of its own; a round runs every contender once, so that a drift of the machine affects all. Steps
are agent steps (four frames), learning included.
"""

from __future__ import annotations

import sys

from rllib_zoo.benchmarks.settings.atari import GAMES, NUMBERS, PASSES, THREADS
from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row, Spread
from rllib_zoo.benchmarks.speed.contenders import (
    AS_SHIPPED,
    EQUAL,
    SB3,
    Benchmark,
    Contender,
    Pair,
    tuned,
)
from rllib_zoo.benchmarks.speed.report import good, spread_of, spread_text, table
from rllib_zoo.benchmarks.speed.rounds import parser_of, run
from rllib_zoo.experiments.paths import RESULTS

EMULATOR = "emulator-84"
EMULATOR_SMALL = "emulator-42"
COMMAND = "command-ppo"
ALGORITHMS = ("ppo", "a2c")
THREAD_COUNTS = {"one": "one thread", "all": "a thread per core"}
STACKS = {
    "new": "new stack, its own network for 42x42",
    "new-valid": "new stack, the old stack's network for 42x42",
    "old": "old stack, its own network for 42x42",
}
# The emulator and the bare network are too fast to be timed over `--steps`, RLlib's own network on
# the new stack too slow (see RLLIB_OLD_FILTERS): two of its batches of 4,096 are enough.
STEPS_FACTORS: dict[str, float] = {"emulator": 4, "forward": 4, "training": 2, "new": 0.4}
# A peer that can run in several ways is compared at its fastest of the same rounds.
ALTERNATIVES = {
    "sb3-ppo": ("sb3-ppo-one", "sb3-ppo-all"),
    "sb3-a2c": ("sb3-a2c-one", "sb3-a2c-all"),
    "rllib": ("rllib-new-valid", "rllib-old"),
}
PAIRS = (
    Pair(AS_SHIPPED, "ours-ppo", "sb3-ppo", 5.0),
    Pair(AS_SHIPPED, "ours-ppo", "rllib-new"),
    Pair(AS_SHIPPED, "ours-ppo", "rllib-old"),
    Pair(AS_SHIPPED, "ours-a2c", "sb3-a2c", 4.0),
    Pair(AS_SHIPPED, "ours-a2c", EMULATOR_SMALL, 0.5),
    Pair(AS_SHIPPED, "ours-a3c", "ours-a2c", 0.8),
    Pair(EQUAL, "ours-ppo-as-rllib", "rllib", 2.0),
    Pair(EQUAL, "ours-ppo-as-rllib", "rllib-new-valid", 4.5),
    Pair(EQUAL, "ours-ppo-as-sb3", "sb3-ppo", 3.0),
    Pair(EQUAL, "ours-a2c-as-sb3", "sb3-a2c", 3.0),
)
# For a run of the whole command, Ray and Tune included, in MiB (PSS).
MEMORY_GOAL = 1.2 * 1024
CEILINGS = (
    "Ceilings: steps/s if only the emulator, inference and the passes over a batch took time, from "
    "the rates above (the faster number format and thread count). The remaining time is spent on "
    "gathering minibatches, the optimizer, threads that wait for each other, Ray and Python:"
)


def contenders(game: str) -> tuple[Contender, ...]:
    """All contenders for `pong` or `assault`, in the order they take turns."""
    as_sb3 = "at stable-baselines3's settings: Nature network, 84x84"
    as_rllib = "ours PPO at stock RLlib's settings: its old stack's network, 42x42, 3 epochs"
    return (
        *(_emulator(game, size) for size in (84, 42)),
        *_networks(game),
        *(
            Contender(
                f"sb3-{algorithm}-{threads}",
                f"stable-baselines3 {algorithm.upper()}, {THREAD_COUNTS[threads]}",
                "sb3",
                f"{game}-{algorithm}-{threads}",
                SB3,
            )
            for algorithm in ALGORITHMS
            for threads in THREADS
        ),
        *(
            Contender(
                f"rllib-{stack}",
                f"stock RLlib PPO, {description}",
                "stock_rllib",
                f"{game}-{stack}",
                steps_factor=STEPS_FACTORS.get(stack, 1),
            )
            for stack, description in STACKS.items()
        ),
        tuned(game, "ppo"),
        tuned(game, "a2c"),
        tuned(game, "a3c", details=", two runners"),
        Contender("ours-ppo-as-sb3", f"ours PPO {as_sb3}", "ours", f"{game}-ppo-as-sb3"),
        Contender("ours-a2c-as-sb3", f"ours A2C {as_sb3}", "ours", f"{game}-a2c-as-sb3"),
        Contender("ours-ppo-as-rllib", as_rllib, "ours", f"{game}-ppo-as-rllib"),
        Contender(
            COMMAND,
            "ours PPO, tuned file, the whole command under Tune",
            "ours",
            f"{game}-ppo",
            file=f"tuned_configs/{game}-ppo.yaml",
            modes=("memory",),
        ),
    )


def _emulator(game: str, size: int) -> Contender:
    return Contender(
        f"emulator-{size}",
        f"the emulator alone, {size}x{size}",
        "random_actions",
        f"{game}-{size}",
        steps_factor=STEPS_FACTORS["emulator"],
    )


def _networks(game: str) -> list[Contender]:
    """The tuned files' bare networks: forward and training, each number format and threads."""
    return [
        Contender(
            network_name(algorithm, pass_, number, threads),
            f"network of {game}-{algorithm}.yaml alone, {pass_}, {number}, {threads}",
            "network",
            f"{game}-{algorithm}-{pass_}-{number}-{threads}",
            file=f"tuned_configs/{game}-{algorithm}.yaml",
            steps_factor=STEPS_FACTORS[pass_],
            listed=False,
        )
        for algorithm in ALGORITHMS
        for pass_ in PASSES
        for number in NUMBERS
        for threads in THREADS
    ]


def network_name(algorithm: str, pass_: str, number: str, threads: str) -> str:
    """Name of the contender that times a bare network."""
    return f"network-{algorithm}-{pass_}-{number}-{threads}"


def sections(rows: list[Row]) -> list[str]:
    """Bare networks, ceilings and the whole command's memory, those that were measured."""
    parts = []
    if networks := _network_table(rows):
        parts += ["Bare networks of the tuned files, images/s:", networks]
    if ceilings := _ceiling_table(rows):
        parts += [CEILINGS, ceilings]
    peaks = [row["peak_pss_mib"] for row in rows if row["name"] == COMMAND and good(row)]
    if peaks:
        result = "met" if max(peaks) <= MEMORY_GOAL else "missed"
        parts.append(
            f"Peak memory of the whole command under Tune: {max(peaks):,.0f} MiB (PSS of the "
            f"process tree), goal at most {MEMORY_GOAL:,.0f}: {result}."
        )
    return parts


def _network_table(rows: list[Row]) -> str:
    columns = [(number, threads) for number in NUMBERS for threads in THREADS]
    lines = []
    for algorithm in ALGORITHMS:
        for pass_ in PASSES:
            names = [network_name(algorithm, pass_, *column) for column in columns]
            images = [row["settings"]["rows"] for row in rows if row["name"] in names and good(row)]
            if images:
                cells = [spread_text(_rate(rows, name), ",.0f") for name in names]
                lines.append([f"{algorithm}, {pass_}", f"{images[0]}", *cells])
    titles = [f"{number}, {THREAD_COUNTS[threads]}" for number, threads in columns]
    return table(["network", "images at once", *titles], lines) if lines else ""


def _ceiling_table(rows: list[Row]) -> str:
    """The ceiling of each tuned file and what it reached; empty when a part was not measured."""
    lines = []
    for algorithm in ALGORITHMS:
        name = f"ours-{algorithm}"
        emulator, reached = _rate(rows, EMULATOR_SMALL), _rate(rows, name)
        forward, training = (_best_network(rows, algorithm, pass_) for pass_ in PASSES)
        if emulator is None or forward is None or training is None or reached is None:
            continue
        settings = next(row["settings"] for row in rows if row["name"] == name and good(row))
        passes = settings.get("num_epochs", 1)
        ceiling = arithmetic.ceiling(emulator.median, forward, training, passes)
        speeds = [f"{rate:,.0f}" for rate in (emulator.median, forward)]
        elsewhere = f"{1 - reached.median / ceiling:.0%}"
        speeds += [f"{passes} x 1 / {training:,.0f}", f"{ceiling:,.0f}", f"{reached.median:,.0f}"]
        lines.append([name, *speeds, elsewhere])
    columns = ["contender", "emulator", "inference", "passes", "ceiling", "reached"]
    return table([*columns, "share of time elsewhere"], lines) if lines else ""


def _best_network(rows: list[Row], algorithm: str, pass_: str) -> float | None:
    names = [network_name(algorithm, pass_, number, t) for number in NUMBERS for t in THREADS]
    rates = [rate.median for name in names if (rate := _rate(rows, name)) is not None]
    return max(rates, default=None)


def _rate(rows: list[Row], name: str) -> Spread | None:
    return spread_of(rows, name, "speed", "steps_per_s")


def benchmark(game: str) -> Benchmark:
    """The benchmark of `pong` or `assault`."""
    return Benchmark(
        stem=f"{game}-benchmark",
        folder=RESULTS / "atari",
        contenders=contenders(game),
        pairs=PAIRS,
        rounds=2,
        steps=20_000,
        alternatives=ALTERNATIVES,
        sections=sections,
    )


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a run failed."""
    parser = parser_of(__doc__, benchmark(GAMES[0]))
    parser.add_argument("--game", choices=GAMES, default=GAMES[0], help=f"[{GAMES[0]}]")
    options = parser.parse_args(argv)
    return run(benchmark(options.game), options)


if __name__ == "__main__":
    sys.exit(main())
