"""How retired files evaluated while they trained."""

from __future__ import annotations

from collections.abc import Callable

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Edits, each, mapped


def evaluation_interval(edits: Edits, path: str) -> None:
    """0 meant never."""
    value = edits.get(path)
    if value == 0:
        edits.leave_out(path, "0: there is no evaluation in training")
    elif any(interval == 0 for interval in each(value)):
        new = mapped(lambda interval: None if interval == 0 else interval, value)
        edits.change(path, path, new, "0: there is no evaluation in training")


def evaluation_duration(edits: Edits, path: str) -> None:
    """As long as the training beside it took: evaluation comes between two iterations here."""
    if edits.get(path) == "auto":
        edits.leave_out(path, "auto went with evaluation beside training; 10 episodes are played")


def evaluation_duration_unit(edits: Edits, path: str) -> None:
    """Episodes are counted."""
    if edits.get(path) == "timesteps":
        duration = path.removesuffix("_unit")
        if edits.has(duration):
            edits.leave_out(duration, "it counted steps; 10 episodes are played")
        edits.leave_out(path, "episodes are counted")


def env_of_evaluation(edits: Edits, path: str) -> None:
    """Evaluation plays what training plays."""
    if "evaluation_config" in path:
        if edits.get(path) != edits.get("env"):
            raise RequestError("evaluation plays the training's environment", key=path)
        edits.leave_out(path, "it is the training's")


# Today's keys: only some of their values are retired.
EVALUATION_VALUES: dict[str, Callable[[Edits, str], None]] = {
    "evaluation_interval": evaluation_interval,
    "evaluation_duration": evaluation_duration,
    "evaluation_duration_unit": evaluation_duration_unit,
    "env": env_of_evaluation,
}
