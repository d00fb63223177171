"""Finding and opening checkpoints."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_zoo.algorithms.base.checkpoints import METADATA, SEAL
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.provenance.trust import require_trusted
from rllib_zoo.experiments.tune.checkpoint_checks import require_complete

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
        iteration: training iterations before it was made; None where it does not say.
    """

    folder: Path
    algorithm: str
    config: Any
    filter_state: dict[str, Any] | None
    iteration: int | None = None

    def load_weights(self, module: Any) -> None:
        """Put the weights into a network built from ``config``.

        Raises:
            RequestError: their file is damaged, which only a seal would have told before.
        """
        folder = (self.folder / MODULE_FOLDER).absolute()
        try:
            module.restore_from_path(str(folder))
        except (EOFError, pickle.UnpicklingError, FileNotFoundError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RequestError(f"cannot be read: {reason}", file=folder) from error


def final_checkpoints(path: Path) -> list[Path]:
    """The checkpoint at ``path``, a trial's newest, or the newest of every trial of an experiment."""
    if any((path / name).exists() for name in (CLASS_FILE, METADATA, SEAL)):
        return [path]
    # Also one that was begun and never finished: an older one is not the newest.
    inside = sorted(folder for folder in path.glob("checkpoint_*") if folder.is_dir())
    if inside:
        return [inside[-1]]
    trials = sorted({found.parent for found in path.glob("*/checkpoint_*") if found.is_dir()})
    return [checkpoint for trial in trials for checkpoint in final_checkpoints(trial)]


def find_checkpoint(path: Path) -> Path:
    """The checkpoint at ``path``: itself, a trial's newest, or that of an experiment's only trial.

    Raises:
        RequestError: nothing there, or several trials to choose from.
    """
    found = final_checkpoints(path)
    if len(found) == 1:
        return found[0]
    if found:
        raise RequestError(
            problem=f"{path} holds {len(found)} trials with checkpoints; name one, for example "
            f"{found[0].parent}"
        )
    reason = "holds no checkpoint" if path.exists() else "does not exist"
    raise RequestError(problem=f"{path} {reason}")


def open_checkpoint(path: Path, *, trusted: bool) -> Checkpoint:
    """Read a checkpoint's configuration.

    Args:
        path: itself, or what it is found below.
        trusted: open it whoever made it, see :mod:`rllib_zoo.experiments.provenance.trust`.

    Raises:
        RequestError: it is not the user's own, not whole, damaged, or of an algorithm that is not ours.
    """
    folder = find_checkpoint(path)
    require_trusted(folder, trusted)
    require_complete(folder)
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
    return Checkpoint(folder, algorithm, config, filter_state, state.get("training_iteration"))


def require_checkpoint_of(path: Path, algorithm: str, *, trusted: bool) -> Path:
    """The checkpoint at ``path``, provided it is of that algorithm.

    Raises:
        RequestError: it is of another one, or as :func:`open_checkpoint`.
    """
    checkpoint = open_checkpoint(path, trusted=trusted)
    if checkpoint.algorithm != algorithm:
        raise RequestError(
            problem=f"checkpoint {checkpoint.folder} is of {checkpoint.algorithm}, not {algorithm}"
        )
    return checkpoint.folder
