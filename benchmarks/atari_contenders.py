"""Who runs in the Atari benchmark, who is compared with whom, and what was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.contenders import AS_SHIPPED, EQUAL, Contender

EMULATOR = "emulator-84"
EMULATOR_SMALL = "emulator-42"
COMMAND = "command-ppo"


@dataclass(frozen=True)
class Claim:
    """A ratio of two contenders' rates in the same round.

    Attributes:
        table: as shipped, or equal settings.
        ours, peer: names of contenders.
        asked: the ratio that was asked for; None where none was.
    """

    table: str
    ours: str
    peer: str
    asked: float | None = None


def contenders(game: str) -> list[Contender]:
    """All contenders for one game, in the order they take turns."""
    sb3 = "stable_baselines3"
    found = [
        Contender(EMULATOR, "the emulator alone, 84x84", "emulator", f"{game}-84"),
        Contender(EMULATOR_SMALL, "the emulator alone, 42x42", "emulator", f"{game}-42"),
        Contender(
            "network-forward", "our network alone, forward", "network", f"{game}-ppo-forward"
        ),
        Contender(
            "network-training",
            "our network alone, forward and backward",
            "network",
            f"{game}-ppo-training",
        ),
        Contender("sb3-ppo", "stable-baselines3 PPO", "sb3_atari", f"{game}-ppo", sb3),
        Contender("sb3-a2c", "stable-baselines3 A2C", "sb3_atari", f"{game}-a2c", sb3),
        Contender("rllib-new", "stock RLlib PPO, new stack, 42x42", "rllib_atari", f"{game}-new"),
        Contender("rllib-old", "stock RLlib PPO, old stack, 42x42", "rllib_atari", f"{game}-old"),
        Contender("ours-ppo", "ours PPO, tuned file", "ours", f"{game}-ppo"),
        Contender("ours-a2c", "ours A2C, tuned file", "ours", f"{game}-a2c"),
        Contender("ours-a3c", "ours A3C, tuned file, two runners", "ours", f"{game}-a3c"),
    ]
    if game == "pong":
        found += [
            Contender(
                "ours-ppo-as-sb3", "ours PPO at Nature 84, 4 epochs", "ours", "pong-ppo-as-sb3"
            ),
            Contender("ours-a2c-as-sb3", "ours A2C at Nature 84", "ours", "pong-a2c-as-sb3"),
            Contender(
                "ours-ppo-as-rllib",
                "ours PPO with RLlib's network at 42, 3 epochs",
                "ours",
                "pong-ppo-as-rllib",
            ),
        ]
    return found


CLAIMS = (
    Claim(AS_SHIPPED, "ours-ppo", "sb3-ppo", 5.0),
    Claim(AS_SHIPPED, "ours-ppo", "rllib-new"),
    Claim(AS_SHIPPED, "ours-ppo", "rllib-old"),
    Claim(AS_SHIPPED, "ours-a2c", "sb3-a2c", 4.0),
    Claim(AS_SHIPPED, "ours-a2c", EMULATOR_SMALL, 0.5),
    Claim(AS_SHIPPED, "ours-a3c", "ours-a2c", 0.8),
    Claim(EQUAL, "ours-ppo-as-rllib", "rllib-old", 2.0),
    Claim(EQUAL, "ours-ppo-as-rllib", "rllib-new", 4.5),
    Claim(EQUAL, "ours-ppo-as-sb3", "sb3-ppo", 3.0),
    Claim(EQUAL, "ours-a2c-as-sb3", "sb3-a2c", 3.0),
)
# Of a Pong run through the whole command, Ray and Tune included, in MiB (PSS).
MEMORY_ASKED = 1.2 * 1024
