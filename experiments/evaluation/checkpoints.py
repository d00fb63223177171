"""Finding and reading checkpoints of RLlib."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.checkpoints import CHECKSUMS, METADATA
from rllib_zoo.experiments.console import note
from rllib_zoo.experiments.errors import RequestError, first_line
from rllib_zoo.experiments.evaluation.weights import require_valid_weights
from rllib_zoo.experiments.provenance.manifest import read_manifest
from rllib_zoo.experiments.provenance.trust import require_trusted
from rllib_zoo.experiments.sweeps.ranking import best_row
from rllib_zoo.experiments.tune.checkpoint_checks import require_complete

CLASS_FILE = "class_and_ctor_args.pkl"
STATE_FILE = "algorithm_state.pkl"
MODULE_FOLDER = Path("learner_group/learner/rl_module/default_policy")


@dataclass(frozen=True)
class Checkpoint:
    """A trained policy's checkpoint.

    Attributes:
        folder: the checkpoint itself, not the trial around it.
        filter_state: moments of the observation filter; None without one.
        iteration: training iterations before it was made; None if not recorded.
    """

    folder: Path
    algorithm: str
    config: Any
    filter_state: dict[str, Any] | None
    iteration: int | None = None

    def load_weights(self, module: Any) -> None:
        """Load the weights into a network built from ``config``.

        Raises:
            RequestError: their file is damaged (of a checkpoint without checksums), or a tensor is not
                floating or not finite.
        """
        folder = (self.folder / MODULE_FOLDER).absolute()
        file = folder / f"{module.STATE_FILE_NAME}.pkl"
        try:
            with file.open("rb") as stored:
                require_valid_weights(pickle.load(stored), module.state_dict(), file)
            module.restore_from_path(str(folder))
        except (EOFError, pickle.UnpicklingError, FileNotFoundError) as error:
            raise RequestError(f"cannot be read: {first_line(error)}", file=folder) from error


def final_checkpoints(path: Path) -> list[Path]:
    """The checkpoint at ``path``, a trial's newest, or the newest of every trial of an experiment."""
    if any((path / name).exists() for name in (CLASS_FILE, METADATA, CHECKSUMS)):
        return [path]
    # Including incomplete ones, which are reported instead of silently using an older one.
    folders = sorted(folder for folder in path.glob("checkpoint_*") if folder.is_dir())
    if folders:
        return [folders[-1]]
    trials = sorted({folder.parent for folder in path.glob("*/checkpoint_*") if folder.is_dir()})
    return [checkpoint for trial in trials for checkpoint in final_checkpoints(trial)]


def best_checkpoints(path: Path) -> list[Path]:
    """The checkpoints that the summary of an experiment ranks: of its best configuration, the best first.

    Empty where the manifest names none, as that of an experiment that has not ended.
    """
    manifest = read_manifest(path)
    rows, ranks = manifest.get("trials") or [], manifest.get("ranking") or []
    best = best_row(rows, ranks, manifest.get("request") or {})
    group = [row for row in rows if not ranks or row["trial"] in ranks[0]["trials"]]
    group.sort(key=lambda row: row is not best)
    # The folder may have been moved since.
    places = [Path(row["checkpoint"]) for row in group if row["checkpoint"]]
    checkpoints = [path / place.parent.name / place.name for place in places]
    return [checkpoint for checkpoint in checkpoints if checkpoint.is_dir()]


def find_checkpoint(path: Path) -> Path:
    """The checkpoint at ``path``: itself, a trial's newest, or the best one of an experiment's trials.

    Which of several trials it is of is printed.

    Raises:
        RequestError: no checkpoint, or several trials of an experiment that has not ended.
    """
    checkpoints = final_checkpoints(path)
    if len(checkpoints) == 1:
        return checkpoints[0]
    if checkpoints:
        if best := best_checkpoints(path):
            note(f"{best[0]} is the best checkpoint of {len(checkpoints)} trials")
            return best[0]
        problem = f"{path} contains {len(checkpoints)} trials with checkpoints"
        raise RequestError(problem, hint=f"choose one, for example {checkpoints[0].parent}")
    raise RequestError("contains no checkpoint" if path.exists() else "does not exist", file=path)


def candidates(path: Path) -> list[Path]:
    """The checkpoints at ``path`` to choose an agent from; of a sweep, those of the best configuration.

    Raises:
        RequestError: no checkpoint.
    """
    final = final_checkpoints(path)
    best = best_checkpoints(path) if len(final) > 1 else []
    if 0 < len(best) < len(final):
        note(f"{path}: the best configuration has {len(best)} of {len(final)} trials")
    return best or final or [find_checkpoint(path)]


def open_checkpoint(path: Path, *, trusted: bool) -> Checkpoint:
    """Read the configuration of a checkpoint, or of the one in a trial or experiment.

    Raises:
        RequestError: incomplete, damaged, of an unknown algorithm, or neither ``trusted`` nor the user's own
            (:mod:`rllib_zoo.experiments.provenance.trust`).
    """
    folder = find_checkpoint(path)
    require_trusted(folder, trusted)
    require_complete(folder)
    try:
        with (folder / CLASS_FILE).open("rb") as file:
            stored = pickle.load(file)
        with (folder / STATE_FILE).open("rb") as file:
            state = pickle.load(file)
        algorithm_class, arguments = stored["class"], stored["ctor_args_and_kwargs"][0]
        config = algorithm_class.get_default_config().from_state(arguments[0])
        filter_state = state.get("on_policy", {}).get("filter")
    except Exception as error:  # unpickling a damaged or foreign file can raise anything
        problem = f"checkpoint {folder} cannot be read: {type(error).__name__}: {error}"
        raise RequestError(problem) from error
    iteration = state.get("training_iteration")
    name = algorithms.add_class(algorithm_class, config)
    return Checkpoint(folder, name, config, filter_state, iteration)


def require_checkpoint_of(path: Path, algorithm: str, *, trusted: bool) -> Path:
    """The folder of the checkpoint at ``path``, which must be of that algorithm.

    Raises:
        RequestError: it is of another one, or as :func:`open_checkpoint`.
    """
    checkpoint = open_checkpoint(path, trusted=trusted)
    require_algorithm(checkpoint, algorithm)
    return checkpoint.folder


def require_algorithm(trained: Any, algorithm: str, key: str | None = None) -> None:
    """Check that a checkpoint or agent is of the algorithm that an option requests."""
    if trained.algorithm != algorithm:
        problem = f"checkpoint {trained.folder} is of {trained.algorithm}, not {algorithm}"
        raise RequestError(problem, key=key)
