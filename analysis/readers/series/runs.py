"""The curve of a run by its series, and what its settings, its names and ``about_runs.yaml`` tell of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.record import Curve
from rllib_zoo.analysis.readers.series.facts import KEYS_OF_CONFIG, facts_of, labels_of_options
from rllib_zoo.analysis.readers.series.scalars import Scalars, curve_of_scalars, layout_of

# Folders that libraries name by themselves, and what they tell.
FOLDERS = {
    "CleanRL": re.compile(r"(?P<env>.+)__(?P<algorithm>.+)__(?P<seed>\d+)__\d{9,}"),
    "SB3": re.compile(r"(?P<algorithm>[A-Z][A-Z0-9]+)_\d+"),
    "skrl": re.compile(r"[\d-]+_[\d-]+_(?P<algorithm>[A-Z0-9]+)"),
    "": re.compile(r"(?P<algorithm>[A-Za-z0-9]+)_(?P<env>.+-v\d+)_\w+_\d{5}.*"),
}
# Settings that name, place or watch a run and change nothing in it.
BOOKKEEPING = {
    "exp_name", "track", "wandb_project_name", "wandb_entity", "capture_video", "save_model", "upload_model",
    "hf_entity", "cuda", "torch_deterministic", "run_name", "train_dir", "experiment", "device", "git_hash",
    "git_repo_name", "command_line", "cli_args", "restart_behavior", "log_folder", "tensorboard_log", "uuid",
    "verbose", "progress", "save_freq", "save_replay_buffer", "conf_file", "env_kwargs_str",
    "logger", "logger_kwargs", "env_fn",
    *(name for names in KEYS_OF_CONFIG.values() for name in names),
}  # fmt: skip


def curve_of_run(path: Path, scalars: Scalars, max_rows: int | None = None) -> Curve:
    """As ``curve_of_scalars``, with facts, algorithm and settings.

    Raises:
        UnreadableError: no series is known to be a return, or ``about_runs.yaml`` is wrong.
    """
    library = layout_of(scalars).library
    config = {**named_by(library, path.name), **scalars.config}
    if library == "PufferLib":
        config = _of_sections(config)
    facts, notes = facts_of(path, config)
    curve = curve_of_scalars(scalars, facts, max_rows)
    return with_facts(curve, facts, notes, config)


def with_facts(
    curve: Curve, facts: Mapping[str, Any], notes: list[str], config: Mapping[str, Any]
) -> Curve:
    """A curve with what is known of its run; ``curve.algorithm`` is the library's name."""
    settings = {key: value for key, value in config.items() if key not in BOOKKEEPING}
    known = {key: facts[key] for key in ("env", "seed", "copies", "frame_skip") if key in facts}
    labels = [*curve.labels, *labels_of_options(config), *facts.get("labels", ())]
    return replace(
        curve,
        labels=tuple(dict.fromkeys(labels)),
        algorithm=f"{curve.algorithm} {facts['algorithm']}".strip(),
        config={**settings, **known},
        notes=(*curve.notes, *notes),
    )


def _of_sections(config: Mapping[str, Any]) -> dict[str, Any]:
    """PufferLib's settings with the seed among its sections, without the space of a sweep."""
    train = dict(section) if isinstance(section := config.get("train"), Mapping) else {}
    seed = {"seed": train.pop("seed")} if "seed" in train else {}
    rest = {key: value for key, value in config.items() if key not in ("train", "sweep")}
    return {**seed, **rest, **({"train": train} if train else {})}


def named_by(library: str, name: str) -> dict[str, Any]:
    """What a library tells by the name of a run's folder."""
    match = FOLDERS[library].fullmatch(name) if library in FOLDERS else None
    told: dict[str, Any] = match.groupdict() if match else {}
    # A number that a library gives to its folders is no seed.
    return {**told, "seed": int(told["seed"]) if "seed" in told else None} if told else {}
