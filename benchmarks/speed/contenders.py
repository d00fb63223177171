"""What a contender and a pair are; who runs on CartPole, and who is compared with whom there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

AS_SHIPPED = "as shipped"
EQUAL = "equal network, epochs and batch"
SB3 = "stable_baselines3"


@dataclass(frozen=True)
class Contender:
    """One row of the table: a worker process, or our command, with fixed settings.

    Attributes:
        name: short unique name, accepted by `--only`.
        about: what the row runs, in the words of the table.
        module: worker module under `rllib_zoo.benchmarks.peers`.
        variant: the worker's only positional argument.
        requires: package without which the row reads "not installed"; None when always there.
        file: the tuned file it runs, seen from the repository; without the file the row reads
            "missing". Our real command is timed on it in threshold and memory mode.
        threshold: whether the row takes part in threshold mode.
        times: measures so many times `--steps`: more for what would be over in a blink, less for
            what would take most of a round.
    """

    name: str
    about: str
    module: str
    variant: str
    requires: str | None = None
    file: str | None = None
    threshold: bool = True
    times: float = 1


@dataclass(frozen=True)
class Pair:
    """A ratio to print: `ours` over `peer`, in the table called `table`.

    `asked`: the ratio that was asked for; None where none was.
    """

    table: str
    ours: str
    peer: str
    asked: float | None = None


def tuned(task: str, algorithm: str, more: str = "", variant: str | None = None) -> Contender:
    """Ours with the tuned file of a task.

    Args:
        task, algorithm: as in the file's name.
        more: to add to the words of the table.
        variant: of the worker, where it is not called like the file.
    """
    name = f"{task}-{algorithm}"
    about = f"ours {algorithm.upper()}, tuned file{more}"
    file = f"tuned_configs/{name}.yaml"
    return Contender(f"ours-{algorithm}", about, "ours", variant or name, file=file)


CONTENDERS: tuple[Contender, ...] = (
    Contender("sb3-ppo", "stable-baselines3 PPO, RL Zoo settings", "sb3", "ppo", SB3),
    Contender("sb3-a2c", "stable-baselines3 A2C, RL Zoo settings", "sb3", "a2c", SB3),
    Contender(
        "rllib-new",
        "stock RLlib PPO, new stack, its CartPole example, no runner, 8 envs",
        "stock_rllib",
        "new",
    ),
    Contender(
        "rllib-old",
        "stock RLlib PPO, old stack, its CartPole example, no runner, 8 envs",
        "stock_rllib",
        "old",
    ),
    *(tuned("cartpole", algorithm, variant=algorithm) for algorithm in ("ppo", "a2c", "a3c")),
    Contender(
        "ours-ppo-as-sb3",
        "ours PPO at 64-64 tanh, 8 x 32, 20 epochs, batch 256",
        "ours",
        "ppo-as-sb3",
        threshold=False,
    ),
    Contender(
        "ours-a2c-as-sb3",
        "ours A2C at 64-64 tanh, 8 x 5",
        "ours",
        "a2c-as-sb3",
        threshold=False,
    ),
    Contender(
        "ours-ppo-as-rllib",
        "ours PPO at 32 linear shared, batch 4,000, 6 epochs of 128",
        "ours",
        "ppo-as-rllib",
        threshold=False,
    ),
    Contender(
        "rllib-new-256",
        "stock RLlib PPO, new stack, its default network 256-256 tanh",
        "stock_rllib",
        "new-256",
        threshold=False,
    ),
    Contender(
        "rllib-old-256",
        "stock RLlib PPO, old stack, its default network 256-256 tanh",
        "stock_rllib",
        "old-256",
        threshold=False,
    ),
    Contender(
        "ours-ppo-256",
        "ours PPO at 256-256 tanh, batch 4,000, 6 epochs of 128",
        "ours",
        "ppo-256",
        threshold=False,
    ),
)

PAIRS: tuple[Pair, ...] = (
    Pair(AS_SHIPPED, "ours-ppo", "sb3-ppo"),
    Pair(AS_SHIPPED, "ours-ppo", "rllib-new"),
    Pair(AS_SHIPPED, "ours-ppo", "rllib-old"),
    Pair(AS_SHIPPED, "ours-a2c", "sb3-a2c"),
    # No peer ships A3C for CartPole; its synchronous sibling is the nearest relative.
    Pair(AS_SHIPPED, "ours-a3c", "sb3-a2c"),
    Pair(EQUAL, "ours-ppo-as-sb3", "sb3-ppo"),
    Pair(EQUAL, "ours-a2c-as-sb3", "sb3-a2c"),
    Pair(EQUAL, "ours-ppo-as-rllib", "rllib-new"),
    Pair(EQUAL, "ours-ppo-as-rllib", "rllib-old"),
    Pair(EQUAL, "ours-ppo-256", "rllib-new-256"),
    Pair(EQUAL, "ours-ppo-256", "rllib-old-256"),
)


def select(contenders: Iterable[Contender], names: Iterable[str] | None) -> list[Contender]:
    """The contenders called `names`, in table order; all of them for None or no names.

    Raises:
        ValueError: a name that no contender has.
    """
    found, wanted = list(contenders), set(names or [])
    known = [contender.name for contender in found]
    if unknown := sorted(wanted.difference(known)):
        raise ValueError(f"unknown contender {', '.join(unknown)}: choose from {', '.join(known)}")
    return [contender for contender in found if not wanted or contender.name in wanted]
