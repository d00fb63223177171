"""Exported agents: ``agent.json`` and ``weights.safetensors``; no other file of the folder is read.

Neither is a pickle, so reading them runs no code. ``agent.json`` is validated like a config file, and
trusted like one: the environment and network it names are imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any

import numpy as np

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError, first_line, nearest
from rllib_zoo.experiments.evaluation.weights import require_valid_weights
from rllib_zoo.experiments.provenance.manifest import read_json_object
from rllib_zoo.experiments.validation.keys import check_config

AGENT_FILE, WEIGHTS_FILE = "agent.json", "weights.safetensors"
FORMAT_VERSION = 1
# Field → type of its value.
FIELDS: dict[str, type | UnionType] = {
    "format_version": int, "algorithm": str, "env": str, "env_config": dict, "model": dict,
    "settings": dict, "observation_filter": dict | None, "weights": dict, "source": dict,
    "exported": dict, "evaluation": dict | None,
}  # fmt: skip
FILTER_FIELDS = ("count", "mean", "squared_deviations")
# Configuration besides environment and network that affects an agent's actions. So do threads: they
# divide the batch of environments, and sums over other batches round differently.
ACTING_KEYS = (
    "observation_filter", "normalize_actions", "clip_actions", "autocast", "float32_matmul_precision",
    "torch_num_threads", "num_cpus_for_main_process", "gym_env_vectorize_mode",
)  # fmt: skip


@dataclass(frozen=True)
class Agent:
    """An exported agent: the content of ``agent.json`` and the configuration object built from it."""

    folder: Path
    description: Mapping[str, Any]
    config: Any

    @property
    def algorithm(self) -> str:
        """Name of the algorithm that trained it."""
        return str(self.description["algorithm"])

    @property
    def filter_state(self) -> dict[str, Any] | None:
        """Moments of the observation filter; None without one."""
        moments = self.description["observation_filter"]
        if moments is None:
            return None
        arrays = {key: np.array(moments[key], dtype=np.float64) for key in FILTER_FIELDS[1:]}
        return {"count": float(moments["count"]), **arrays}

    def load_weights(self, module: Any) -> None:
        """Load the weights into a network built from ``config``.

        Raises:
            RequestError: the file is damaged, names, shapes or dtypes do not match, or a number is not
                finite.
        """
        file = self.folder / WEIGHTS_FILE
        weights, expected = _tensors(file), module.state_dict()
        for name in sorted({*weights, *expected}):
            if name not in weights or name not in expected:
                place = "the network" if name in weights else "the file"
                raise RequestError(f"tensor {name} is not in {place}", file=file)
            shape, required = list(weights[name].shape), list(expected[name].shape)
            if shape != required:
                problem = f"tensor {name} has shape {shape}, the network requires {required}"
                raise RequestError(problem, file=file)
        require_valid_weights(weights, expected, file)
        module.load_state_dict(weights)


def open_agent(folder: Path) -> Agent:
    """Read and validate an agent's description, and check that its weights are complete.

    Raises:
        RequestError: a file is missing or damaged, or the description is invalid.
    """
    file = folder / AGENT_FILE
    description, weights = read_description(file), folder / WEIGHTS_FILE
    if not weights.is_file():
        raise RequestError("is missing", file=weights)
    if digest(weights) != description["weights"].get("sha256"):
        problem = f"is damaged or was replaced: its SHA-256 differs from the one in {AGENT_FILE}"
        raise RequestError(problem, file=weights)
    try:
        return Agent(folder, description, _config(description))
    except RequestError as error:
        raise error.located(file) from None


def read_description(file: Path) -> dict[str, Any]:
    """The content of ``agent.json``, its fields checked by name and type.

    Raises:
        RequestError: not JSON, another format version, or a missing, unknown or invalid field.
    """
    description = read_json_object(file)
    version = description.get("format_version")
    if version != FORMAT_VERSION:
        problem = f"is {version!r}; this release reads {FORMAT_VERSION}"
        raise RequestError(problem, file=file, key="format_version")
    for key in description:
        if key not in FIELDS:
            raise RequestError("is unknown", file=file, key=key, hint=nearest(key, FIELDS))
    for key, kind in FIELDS.items():
        if key not in description:
            raise RequestError("is missing", file=file, key=key)
        if not isinstance(description[key], kind):
            raise RequestError(f"has an invalid value: {description[key]!r}", file=file, key=key)
    if (moments := description["observation_filter"]) is not None:
        _check_filter(moments, file)
    return description


def digest(file: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _check_filter(moments: Mapping[str, Any], file: Path) -> None:
    if set(moments) != set(FILTER_FIELDS):
        fields = ", ".join(FILTER_FIELDS)
        raise RequestError(f"must contain {fields}", file=file, key="observation_filter")
    for key in FILTER_FIELDS:
        try:
            finite = bool(np.isfinite(np.array(moments[key], dtype=np.float64)).all())
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise RequestError("must be finite numbers", file=file, key=f"observation_filter.{key}")


def _config(description: Mapping[str, Any]) -> Any:
    name, settings = algorithms.canonical(description["algorithm"]), description["settings"]
    names = algorithms.names()
    if name not in names:
        hint = nearest(name, names) or f"use one of {', '.join(names)}"
        raise RequestError(f"{name!r} is unknown", key="algorithm", hint=hint)
    others = {key: description[key] for key in ("env_config", "model") if description[key]}
    check_config(name, others, "agent")
    check_config(name, settings, "settings")
    config = algorithms.default_config(name)
    config.environment(description["env"])
    try:
        config.update_from_dict({**others, **settings})
    except (ValueError, TypeError, AttributeError) as error:
        raise RequestError(first_line(error), key="settings") from None
    return config


def _tensors(file: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise RequestError(f"cannot be read: {error}", file=file) from None
