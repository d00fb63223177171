"""Finding and opening checkpoints."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.errors import RequestError

CLASS_FILE = "class_and_ctor_args.pkl"
STATE_FILE = "algorithm_state.pkl"
MODULE_FOLDER = Path("learner_group/learner/rl_module/default_policy")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint folder says of the policy in it.

    Attributes:
        folder: the checkpoint itself, not the trial around it.
        algorithm: "A2C", "A3C" or "PPO".
        config: the configuration it was trained with.
        filter_state: moments of the observation filter; None without one.
    """

    folder: Path
    algorithm: str
    config: Any
    filter_state: dict[str, Any] | None


def find_checkpoint(path: Path) -> Path:
    """The checkpoint at ``path``: itself, a trial's newest, or that of an experiment's only trial.

    Raises:
        RequestError: nothing there, or several trials to choose from.
    """
    if (path / CLASS_FILE).exists():
        return path
    inside = sorted(path.glob(f"checkpoint_*/{CLASS_FILE}"))
    if inside:
        return inside[-1].parent
    trials = sorted({found.parents[1] for found in path.glob(f"*/checkpoint_*/{CLASS_FILE}")})
    if len(trials) == 1:
        return find_checkpoint(trials[0])
    if trials:
        raise RequestError(
            problem=f"{path} holds {len(trials)} trials with checkpoints; name one, for example "
            f"{trials[0]}"
        )
    reason = "holds no checkpoint" if path.exists() else "does not exist"
    raise RequestError(problem=f"{path} {reason}")


def open_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint's configuration.

    Raises:
        RequestError: it is damaged, or of an algorithm that is not ours.
    """
    folder = find_checkpoint(path)
    try:
        with (folder / CLASS_FILE).open("rb") as file:
            stored = pickle.load(file)
        with (folder / STATE_FILE).open("rb") as file:
            state = pickle.load(file)
        algorithm = stored["class"].__name__
        config = (
            stored["class"].get_default_config().from_state(stored["ctor_args_and_kwargs"][0][0])
        )
        filter_state = state.get("on_policy", {}).get("filter")
    except Exception as error:  # unpickling a damaged or foreign file can raise anything
        raise RequestError(
            problem=f"checkpoint {folder} cannot be read: {type(error).__name__}: {error}"
        ) from error
    return Checkpoint(folder, algorithm, config, filter_state)


def require_checkpoint_of(path: Path, algorithm: str) -> Path:
    """The checkpoint at ``path``, provided it is of that algorithm.

    Raises:
        RequestError: it is of another one.
    """
    checkpoint = open_checkpoint(path)
    if checkpoint.algorithm != algorithm:
        raise RequestError(
            problem=f"checkpoint {checkpoint.folder} is of {checkpoint.algorithm}, not {algorithm}"
        )
    return checkpoint.folder
