"""Read experiments from files. Only their structure is checked here, their keys in validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rllib_zoo.algorithms.base.other_names import other_name_hint
from rllib_zoo.algorithms.base.schema import COMMON, own_keys
from rllib_zoo.experiments.config.files import require_file
from rllib_zoo.experiments.config.overrides import merge_into_legacy
from rllib_zoo.experiments.config.yaml_loader import MAX_CHARACTERS, parse_yaml
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.legacy.mlagents import entries_of, is_mlagents, old_mlagents_key
from rllib_zoo.experiments.legacy.renamed_keys import RENAMED
from rllib_zoo.experiments.legacy.translate import is_legacy, translate
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.experiment import Experiment, require_name

# Key of an experiment in a file → field of Experiment.
_SAME = (
    "env", "config", "stop", "num_samples", "storage_path", "max_failures", "time_budget_s",
    "seeds", "metric", "mode", "seed_score", "search", "scheduler", "max_concurrent",
)  # fmt: skip
FIELDS = {
    "run": "algorithm",
    **{key: key for key in _SAME},
    "checkpoint_freq": "checkpoint_frequency",
    "checkpoint_at_end": "checkpoint_at_end",
    "keep_checkpoints_num": "num_to_keep",
    "checkpoint_score_attr": "score_attribute",
    "local_dir": "storage_path",
}
_CONFIG_KEYS = {*COMMON, *RENAMED, *(key for keys in own_keys().values() for key in keys)}
# Keys that an experiment has below its name; the file has them at its top if the name is missing.
_ENTRY_KEYS = {*FIELDS, *_CONFIG_KEYS, "algorithm", "algo", "alg", "checkpoint_config"}
CHECKPOINT_FIELDS = {
    **{key: key for key in ("checkpoint_frequency", "checkpoint_at_end", "num_to_keep")},
    "checkpoint_score_attribute": "score_attribute",
    "checkpoint_score_order": "score_order",
}


def read_experiments(file: Path, assignments: Sequence[str] = ()) -> list[Experiment]:
    """Read the experiments of a YAML or Python file.

    Args:
        file: the file.
        assignments: those of ``--set``; legacy files are translated with them. The others are
            left to :func:`rllib_zoo.experiments.config.overrides.apply_overrides`.

    Raises:
        RequestError: names the file, the key and the problem.
    """
    require_file(file)
    if file.suffix == ".py":
        from rllib_zoo.experiments.config.python_loader import read_python

        return read_python(file, assignments)
    try:
        with file.open(encoding="utf-8") as handle:
            text = handle.read(MAX_CHARACTERS + 1)  # parse_yaml refuses longer texts
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot be read: {error}", file=file) from None
    document = parse_yaml(text, file=file)
    if not isinstance(document, Mapping) or not document:
        problem = f"contains a {type(document).__name__}" if document else "is empty"
        raise RequestError(problem, file=file, hint="it must map names to experiments")
    _require_names(document, file)
    if not is_mlagents(document):
        return [
            read_entry(name, entry, file, text, assignments) for name, entry in document.items()
        ]
    try:
        behaviors = entries_of(document)
    except RequestError as error:
        raise error.located(file) from None
    return [
        replace(read_entry(name, entry, file, text), changes=tuple(changes))
        for name, (entry, changes) in behaviors.items()
    ]


def _require_names(document: Mapping[Any, Any], file: Path) -> None:
    """Check that a document maps names to experiments, instead of being one itself.

    Raises:
        RequestError: it has an experiment's keys at the top, or is of an old ML-Agents release.
    """
    own = [key for key in document if key in _ENTRY_KEYS]
    plain = any(not isinstance(document[key], Mapping) for key in own)
    if own and (plain or len(own) == len(document)):
        problem = f"has no experiment name: {own[0]} and the other keys must be below one"
        hint = "indent them below a first line such as my-experiment:"
        raise RequestError(problem, file=file, hint=hint)
    if (old := old_mlagents_key(document)) is not None:
        problem = "is a key of ML-Agents before its release 4 (0.18), whose files are not supported"
        hint = "python -m mlagents.trainers.upgrade_config of those releases writes 'behaviors:'"
        raise RequestError(problem, file=file, key=old, hint=hint)


def read_entry(
    name: Any, entry: Any, file: Path, text: str, assignments: Sequence[str] = ()
) -> Experiment:
    """One named entry.

    Raises:
        RequestError: as :func:`read_experiments`.
    """
    require_name(name, file=file, key=str(name) if str(name).isprintable() else None)
    if not isinstance(entry, Mapping):
        problem = f"must map keys such as run, env and config, got {entry!r}"
        raise RequestError(problem, file=file, key=name)
    for key in ("config", "stop"):
        _require_mapping(entry.get(key, {}), file, f"{name}.{key}")
    assigned: tuple[str, ...] = ()
    original = entry
    if assignments and is_legacy(Edits(entry)):
        entry, assigned = merge_into_legacy(entry, assignments)
    try:
        entry, changes = translate(entry, original=original)
    except RequestError as error:
        key = f"{name}.{error.key}" if error.key else name
        raise RequestError(error.problem, file=file, key=key, hint=error.hint) from None
    values = _fields_of(entry, file, name)
    attribute = values.get("score_attribute")
    if isinstance(attribute, str) and attribute.startswith("min-"):
        values |= {"score_attribute": attribute.removeprefix("min-"), "score_order": "min"}
    return Experiment(
        name=name, source=file, text=text, changes=tuple(changes), assigned=assigned, **values
    )


def _fields_of(entry: Mapping[str, Any], file: Path, name: str) -> dict[str, Any]:
    """Field of Experiment → value. Raises: RequestError: an unknown, repeated or missing key."""
    values: dict[str, Any] = {"config": {}, "stop": {}}
    for key, value in entry.items():
        if key in ("config", "stop"):
            values[key] = dict(_require_mapping(value, file, f"{name}.{key}"))
        elif key == "checkpoint_config":
            where = f"{name}.{key}"
            _fill(values, _require_mapping(value, file, where), CHECKPOINT_FIELDS, file, where)
        else:
            _fill(values, {key: value}, FIELDS, file, name)
    inner_env = values["config"].pop("env", None)
    if inner_env is not None and values.get("env", inner_env) != inner_env:
        raise RequestError("contradicts the experiment's env", file=file, key=f"{name}.config.env")
    values["env"] = values.get("env", inner_env)
    for key, field, example in (("run", "algorithm", "PPO"), ("env", "env", "CartPole-v1")):
        if values.get(field) is None:
            hint = f"for example {key}: {example}"
            raise RequestError(f"missing key {key!r}", file=file, key=name, hint=hint)
    return values


def _fill(
    values: dict[str, Any],
    entry: Mapping[Any, Any],
    fields: Mapping[str, str],
    file: Path,
    where: str,
) -> None:
    """Raises: RequestError: an unknown key, or two keys of the same field."""
    for key, value in entry.items():
        if key not in fields:
            hint = nearest(key, [*fields, "checkpoint_config"] if fields is FIELDS else fields)
            if fields is FIELDS and (elsewhere := _place_in_config(key)):
                hint = elsewhere
            raise RequestError("is unknown", file=file, key=f"{where}.{key}", hint=hint)
        if fields[key] in values:
            problem = "is set twice, by two keys of the same meaning"
            raise RequestError(problem, file=file, key=f"{where}.{key}")
        values[fields[key]] = value


def _place_in_config(key: Any) -> str | None:
    """A hint for a key of ``config``, or another library's name of one, beside it."""
    if key in _CONFIG_KEYS:
        return f"it belongs below config: config.{key}"
    return other_name_hint(key, COMMON, "config")


def _require_mapping(value: Any, file: Path, where: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise RequestError(f"must map keys to values, got {value!r}", file=file, key=where)
    return value
