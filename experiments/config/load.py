"""From a file to experiments. Reading knows shapes; what keys mean is checked afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rllib_zoo.experiments.config.files import require_file
from rllib_zoo.experiments.config.overrides import into_retired
from rllib_zoo.experiments.config.yaml_loader import MAX_CHARACTERS, parse_yaml
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.legacy.mlagents import entries_of, is_mlagents
from rllib_zoo.experiments.legacy.translate import is_retired, translated
from rllib_zoo.experiments.spec.changes import Change, Edits
from rllib_zoo.experiments.spec.experiment import Experiment, require_name

# Key of an experiment in a file → field of Experiment; the retired spellings stand behind.
FIELDS = {
    "run": "algorithm",
    "env": "env",
    "config": "config",
    "stop": "stop",
    "num_samples": "num_samples",
    "storage_path": "storage_path",
    "max_failures": "max_failures",
    "time_budget_s": "time_budget_s",
    "seeds": "seeds",
    "metric": "metric",
    "mode": "mode",
    "search": "search",
    "scheduler": "scheduler",
    "max_concurrent": "max_concurrent",
    "checkpoint_freq": "checkpoint_frequency",
    "checkpoint_at_end": "checkpoint_at_end",
    "keep_checkpoints_num": "num_to_keep",
    "checkpoint_score_attr": "score_attribute",
    "local_dir": "storage_path",
}
CHECKPOINT_FIELDS = {
    "checkpoint_frequency": "checkpoint_frequency",
    "checkpoint_at_end": "checkpoint_at_end",
    "num_to_keep": "num_to_keep",
    "checkpoint_score_attribute": "score_attribute",
    "checkpoint_score_order": "score_order",
}


def read_experiments(file: Path, assignments: Sequence[str] = ()) -> list[Experiment]:
    """The experiments a YAML or Python file describes, unchecked but well-formed.

    Args:
        file: the file.
        assignments: those of ``--set``; a retired file is translated with them in it. The
            others are left to :func:`rllib_zoo.experiments.config.overrides.apply_overrides`.

    Raises:
        RequestError: names the file, the key and what is wrong.
    """
    require_file(file)
    if file.suffix == ".py":
        from rllib_zoo.experiments.config.python_loader import read_python

        return read_python(file, assignments)
    try:
        # A few bytes more than the reader takes: it refuses them by name.
        with file.open(encoding="utf-8") as handle:
            text = handle.read(MAX_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot be read: {error}", file=file) from None
    document = parse_yaml(text, file=file)
    if not isinstance(document, Mapping) or not document:
        kind = "is empty" if not document else f"holds a {type(document).__name__}"
        raise RequestError(kind, file=file, hint="it must map experiment names to experiments")
    if is_mlagents(document):
        return _of_mlagents(document, file, text)
    return [_experiment(name, entry, file, text, assignments) for name, entry in document.items()]


def _of_mlagents(document: Mapping[Any, Any], file: Path, text: str) -> list[Experiment]:
    """The behaviours of a trainer file of ML-Agents."""
    try:
        found = entries_of(document)
    except RequestError as error:
        raise error.located(file) from None
    return [
        replace(_experiment(name, entry, file, text), changes=tuple(changes))
        for name, (entry, changes) in found.items()
    ]


def _experiment(
    name: Any, entry: Any, file: Path, text: str, assignments: Sequence[str] = ()
) -> Experiment:
    """One named entry.

    Raises:
        RequestError: as :func:`read_experiments`.
    """
    # What cannot be printed is not put into the line that says so.
    require_name(name, file=file, key=str(name) if str(name).isprintable() else None)
    if not isinstance(entry, Mapping):
        raise RequestError(
            f"must map keys such as run, env and config, got {entry!r}", file=file, key=name
        )
    _require_mappings(name, entry, file)
    assigned: tuple[str, ...] = ()
    if assignments and is_retired(Edits(entry)):
        entry, assigned = into_retired(entry, assignments)
    entry, changes = _translated(name, entry, file)
    values: dict[str, Any] = {"changes": tuple(changes), "assigned": assigned}
    for key, value in entry.items():
        if key == "checkpoint_config":
            where = f"{name}.{key}"
            _fill(values, _mapping(value, file, where), CHECKPOINT_FIELDS, file, where)
        else:
            _fill(values, {key: value}, FIELDS, file, name, also=("checkpoint_config",))
    for key in ("config", "stop"):
        values[key] = dict(_mapping(values.get(key, {}), file, f"{name}.{key}"))
    inner_env = values["config"].pop("env", None)
    if inner_env is not None and values.get("env", inner_env) != inner_env:
        raise RequestError("contradicts the experiment's env", file=file, key=f"{name}.config.env")
    values["env"] = values.get("env", inner_env)
    if values.get("algorithm") is None:
        raise RequestError("says not what to run", file=file, key=f"{name}.run", hint="run: PPO")
    if values["env"] is None:
        raise RequestError("is missing", file=file, key=f"{name}.env", hint="env: CartPole-v1")
    attribute = values.get("score_attribute")
    if isinstance(attribute, str) and attribute.startswith("min-"):
        values |= {"score_attribute": attribute.removeprefix("min-"), "score_order": "min"}
    return Experiment(name=name, source=file, text=text, **values)


def _require_mappings(name: str, entry: Mapping[str, Any], file: Path) -> None:
    for key in ("config", "stop"):
        if key in entry:
            _mapping(entry[key], file, f"{name}.{key}")


def _translated(
    name: str, entry: Mapping[str, Any], file: Path
) -> tuple[dict[str, Any], list[Change]]:
    try:
        return translated(entry)
    except RequestError as error:
        key = f"{name}.{error.key}" if error.key else name
        raise RequestError(error.problem, file=file, key=key, hint=error.hint) from None


def _fill(
    values: dict[str, Any],
    given: Mapping[Any, Any],
    names: Mapping[str, str],
    file: Path,
    where: str,
    also: tuple[str, ...] = (),
) -> None:
    """Put known keys into ``values``; the same field twice under two spellings is refused."""
    for key, value in given.items():
        if key not in names:
            raise RequestError(
                "is unknown", file=file, key=f"{where}.{key}", hint=nearest(key, [*names, *also])
            )
        if names[key] in values:
            raise RequestError("is set twice, under two spellings", file=file, key=f"{where}.{key}")
        values[names[key]] = value


def _mapping(value: Any, file: Path, where: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise RequestError(f"must map keys to values, got {value!r}", file=file, key=where)
    return value
