"""Trained agents as they are shipped: ``agent.json`` and ``weights.safetensors``, nothing else is read.

Neither file can run code when it is read: no pickle. ``agent.json`` is checked like a config file, and
trusted like one: it names the environment and the network, which are imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.validation.keys import check_config

AGENT_FILE, WEIGHTS_FILE = "agent.json", "weights.safetensors"
FORMAT_VERSION = 1
# Field → what its value must be.
FIELDS: dict[str, type | tuple[type, ...]] = {
    "format_version": int,
    "algorithm": str,
    "env": str,
    "env_config": dict,
    "model": dict,
    "settings": dict,
    "observation_filter": (dict, type(None)),
    "weights": dict,
    "source": dict,
    "exported": dict,
    "evaluation": (dict, type(None)),
}
FILTER_FIELDS = ("count", "mean", "squared_deviations")
# Configuration beside environment and network that decides what an agent does with an observation.
# Threads belong to it: they share the environments out, and a sum over another batch rounds differently.
ACTING_KEYS = (
    "observation_filter",
    "normalize_actions",
    "clip_actions",
    "autocast",
    "float32_matmul_precision",
    "torch_num_threads",
    "num_cpus_for_main_process",
    "gym_env_vectorize_mode",
)


@dataclass(frozen=True)
class Agent:
    """An exported agent, opened.

    Attributes:
        folder: where it is.
        described: the content of ``agent.json``.
        config: configuration object that builds its environment and network.
    """

    folder: Path
    described: Mapping[str, Any]
    config: Any

    @property
    def algorithm(self) -> str:
        """Name of the algorithm that trained it."""
        return str(self.described["algorithm"])

    @property
    def filter_state(self) -> dict[str, Any] | None:
        """Moments of the observation filter, None without one."""
        moments = self.described["observation_filter"]
        if moments is None:
            return None
        arrays = {key: np.array(moments[key], dtype=np.float64) for key in FILTER_FIELDS[1:]}
        return {"count": float(moments["count"]), **arrays}

    def load_weights(self, module: Any) -> None:
        """Put the weights into a network built from ``config``.

        Raises:
            RequestError: the file is damaged, or names and shapes do not fit.
        """
        import torch

        file = self.folder / WEIGHTS_FILE
        weights, expected = _tensors(file), module.state_dict()
        for name in sorted({*weights, *expected}):
            if name not in weights or name not in expected:
                where = "the network" if name in weights else "the file"
                raise RequestError(f"tensor {name} is not in {where}", file=file)
            shape, wanted = weights[name].shape, tuple(expected[name].shape)
            if shape != wanted:
                raise RequestError(
                    f"tensor {name} has shape {list(shape)}, the network needs {list(wanted)}",
                    file=file,
                )
        module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})


def open_agent(folder: Path) -> Agent:
    """Read and check an agent's description, and that its weights are whole.

    Raises:
        RequestError: a file is missing or damaged, or says something unknown.
    """
    file = folder / AGENT_FILE
    described = read_description(file)
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise RequestError("is missing", file=weights)
    if digest(weights) != described["weights"].get("sha256"):
        raise RequestError(
            f"is damaged or was replaced: its SHA-256 is not the one in {AGENT_FILE}", file=weights
        )
    try:
        return Agent(folder, described, _config(described))
    except RequestError as error:
        raise error.located(file) from None


def read_description(file: Path) -> dict[str, Any]:
    """The content of ``agent.json``, its fields checked by name and kind.

    Raises:
        RequestError: not JSON, of another format, or a field is missing, unknown or of a wrong kind.
    """
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"cannot be read: {error}", file=file) from None
    if not isinstance(described, dict):
        raise RequestError("must be a mapping", file=file)
    version = described.get("format_version")
    if version != FORMAT_VERSION:
        problem = f"is {version!r}; this release reads {FORMAT_VERSION}"
        raise RequestError(problem, file=file, key="format_version")
    for key in described:
        if key not in FIELDS:
            raise RequestError("is unknown", file=file, key=key, hint=nearest(key, FIELDS))
    for key, kind in FIELDS.items():
        if key not in described:
            raise RequestError("is missing", file=file, key=key)
        if not isinstance(described[key], kind):
            raise RequestError(f"has a wrong value: {described[key]!r}", file=file, key=key)
    if (moments := described["observation_filter"]) is not None:
        _check_filter(moments, file)
    return described


def digest(file: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _check_filter(moments: Mapping[str, Any], file: Path) -> None:
    if set(moments) != set(FILTER_FIELDS):
        problem = f"must hold {', '.join(FILTER_FIELDS)}"
        raise RequestError(problem, file=file, key="observation_filter")
    for key in FILTER_FIELDS:
        try:
            finite = bool(np.isfinite(np.array(moments[key], dtype=np.float64)).all())
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise RequestError("must be numbers", file=file, key=f"observation_filter.{key}")


def _config(described: Mapping[str, Any]) -> Any:
    name = described["algorithm"]
    if name not in algorithms.names():
        hint = nearest(name, algorithms.names()) or f"there are {', '.join(algorithms.names())}"
        raise RequestError(f"{name!r} is unknown", key="algorithm", hint=hint)
    given = {key: described[key] for key in ("env_config", "model") if described[key]}
    check_config(name, given, "agent")
    check_config(name, described["settings"], "settings")
    config = algorithms.config_class(name)()
    config.environment(described["env"])
    try:
        config.update_from_dict({**given, **described["settings"]})
    except (ValueError, TypeError, AttributeError) as error:
        raise RequestError(str(error).splitlines()[0], key="settings") from None
    return config


def _tensors(file: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(file)
    except (OSError, SafetensorError, ValueError) as error:
        raise RequestError(f"cannot be read: {error}", file=file) from None
