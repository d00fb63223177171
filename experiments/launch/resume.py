"""Where an experiment's results go, and whether something there can go on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rllib_zoo.analysis.files.trials import read_object
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.manifest import MANIFEST_NAME, read_manifest
from rllib_zoo.experiments.provenance.trust import require_trusted
from rllib_zoo.experiments.spec.experiment import Experiment, require_name

DEFAULT_STORAGE = "~/ray_results"
TUNER = "tuner.pkl"  # Tune writes it before the first trial
ANEW = "--force moves the folder aside and starts anew"


def folder_of(experiment: Experiment) -> Path:
    """The folder of an experiment's results.

    Raises:
        RequestError: the storage path is a URI or unprintable, or the name is not that of a folder.
    """
    require_name(experiment.name, file=experiment.source, key="experiment name")
    storage = experiment.storage_path or DEFAULT_STORAGE
    if "://" in storage:
        raise RequestError(
            f"{storage!r} is a URI; results go to a folder",
            key="storage_path",
            file=experiment.source,
        )
    if not storage.isprintable():
        raise RequestError(
            f"{storage!r} holds a character that cannot be printed",
            key="storage_path",
            file=experiment.source,
        )
    return Path(os.path.expanduser(storage)).absolute() / experiment.name


def begun_before(experiments: Sequence[Experiment], options: LaunchOptions) -> list[bool]:
    """Of each experiment, whether it goes on; all False without ``--resume``.

    One of which Tune had saved nothing before a kill has nothing to go on from: it starts.

    Raises:
        RequestError: something is there that cannot go on, or is not the user's own.
    """
    if not options.resume:
        return [False] * len(experiments)
    trusted = options.trust_checkpoint
    return [_begun(folder_of(experiment), trusted) for experiment in experiments]


def _begun(folder: Path, trusted: bool) -> bool:
    """Whether there is something in a folder to go on from.

    Raises:
        RequestError: as :func:`begun_before`.
    """
    states = sorted(folder.glob("experiment_state-*.json"), reverse=True)
    if (folder / TUNER).exists() and states:
        if not read_manifest(folder):
            raise RequestError(
                "is missing or damaged: nothing says what is to be continued",
                file=folder / MANIFEST_NAME,
                key="--resume",
                hint=ANEW,
            )
        # Tune keeps its own state and the trials' pickled.
        require_trusted(folder, trusted, option="--resume")
        return _trials_in(states) > 0
    ours = read_manifest(folder) or not any(
        file for file in folder.glob("*") if not file.name.startswith(".")
    )
    if not ours:
        raise RequestError(
            f"--resume: there is no experiment to continue in {folder}",
            hint=ANEW,
        )
    return False


def _trials_in(states: Sequence[Path]) -> int:
    """How many trials Tune's newest state knows.

    Raises:
        RequestError: with the file's name, and what there is to go on from.
    """
    if (trials := read_object(states[0]).get("trial_data")) is not None:
        return len(trials)
    older = any(read_object(state).get("trial_data") is not None for state in states[1:])
    raise RequestError(
        "is cut off or damaged",
        file=states[0],
        key="--resume",
        hint="without it --resume goes on from the state before" if older else ANEW,
    )
