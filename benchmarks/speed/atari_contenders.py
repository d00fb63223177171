"""Who runs in the Atari benchmark, who is compared with whom, and what was asked for."""

from __future__ import annotations

from rllib_zoo.benchmarks.settings.atari import NUMBERS, PASSES, THREADS
from rllib_zoo.benchmarks.speed.contenders import AS_SHIPPED, EQUAL, SB3, Contender, Pair, tuned

EMULATOR = "emulator-84"
EMULATOR_SMALL = "emulator-42"
COMMAND = "command-ppo"
# The emulator and the bare network are too fast to be timed over `--steps`, RLlib's own network on
# the new stack too slow (see RLLIB_OLD_FILTERS): two of its batches of 4,096 do.
TIMES: dict[str, float] = {"emulator": 4, "forward": 4, "training": 2, "new": 0.4}
_THREADS_IN_WORDS = {"one": "one thread", "all": "a thread per core"}


def contenders(game: str) -> list[Contender]:
    """All contenders for one game, in the order they take turns.

    Args:
        game: `pong` or `assault`, as in the names of the tuned files.
    """
    found = [
        _emulator(game, EMULATOR, 84),
        _emulator(game, EMULATOR_SMALL, 42),
        *_networks(game),
    ]
    for algorithm in ("ppo", "a2c"):
        for threads in THREADS:
            name, variant = f"sb3-{algorithm}-{threads}", f"{game}-{algorithm}-{threads}"
            about = f"stable-baselines3 {algorithm.upper()}, {_THREADS_IN_WORDS[threads]}"
            found.append(Contender(name, about, "sb3_atari", variant, SB3))
    for stack, about in (
        ("new", "stock RLlib PPO, new stack, its own network for 42x42"),
        ("new-valid", "stock RLlib PPO, new stack, the old stack's network for 42x42"),
        ("old", "stock RLlib PPO, old stack, its own network for 42x42"),
    ):
        variant, times = f"{game}-{stack}", TIMES.get(stack, 1)
        found.append(Contender(f"rllib-{stack}", about, "rllib_atari", variant, times=times))
    return found + _ours(game)


def _emulator(game: str, name: str, size: int) -> Contender:
    about = f"the emulator alone, {size}x{size}"
    return Contender(name, about, "emulator", f"{game}-{size}", times=TIMES["emulator"])


def _networks(game: str) -> list[Contender]:
    """The tuned files' bare networks: forward and training, each number format and threads."""
    return [
        Contender(
            network_name(algorithm, pass_, number, threads),
            f"network of {game}-{algorithm}.yaml alone, {pass_}, {number}, {threads}",
            "network",
            f"{game}-{algorithm}-{pass_}-{number}-{threads}",
            file=f"tuned_configs/{game}-{algorithm}.yaml",
            times=TIMES[pass_],
        )
        for algorithm in ("ppo", "a2c")
        for pass_ in PASSES
        for number in NUMBERS
        for threads in THREADS
    ]


def network_name(algorithm: str, pass_: str, number: str, threads: str) -> str:
    """Name of the contender that times a bare network."""
    return f"network-{algorithm}-{pass_}-{number}-{threads}"


def _ours(game: str) -> list[Contender]:
    as_sb3 = "at stable-baselines3's settings: Nature network, 84x84"
    as_rllib = "ours PPO at stock RLlib's settings: its old stack's network, 42x42, 3 epochs"
    return [
        tuned(game, "ppo"),
        tuned(game, "a2c"),
        tuned(game, "a3c", more=", two runners"),
        Contender("ours-ppo-as-sb3", f"ours PPO {as_sb3}", "ours", f"{game}-ppo-as-sb3"),
        Contender("ours-a2c-as-sb3", f"ours A2C {as_sb3}", "ours", f"{game}-a2c-as-sb3"),
        Contender("ours-ppo-as-rllib", as_rllib, "ours", f"{game}-ppo-as-rllib"),
        Contender(
            COMMAND,
            "ours PPO, tuned file, the whole command under Tune",
            "ours",
            f"{game}-ppo",
            file=f"tuned_configs/{game}-ppo.yaml",
        ),
    ]


# A peer that can run in several ways is compared at its fastest in the same go.
FASTEST_OF = {
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
# Of a run through the whole command, Ray and Tune included, in MiB (PSS).
MEMORY_ASKED = 1.2 * 1024
