"""Read experiments from files. Only their structure is checked here, their keys in validation."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rllib_zoo.algorithms.base.other_names import other_name_hint
from rllib_zoo.algorithms.base.schema import COMMON, own_keys
from rllib_zoo.experiments.config.files import require_file
from rllib_zoo.experiments.config.overrides import merge_into_legacy
from rllib_zoo.experiments.config.yaml_loader import MAX_CHARACTERS, parse_yaml
from rllib_zoo.experiments.errors import Collected, RequestError, RequestErrors, nearest
from rllib_zoo.experiments.legacy.mlagents import entries_of, is_mlagents, old_mlagents_key
from rllib_zoo.experiments.legacy.renamed_keys import RENAMED
from rllib_zoo.experiments.legacy.translate import is_legacy, translate, with_canonical_algorithm
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
_ENTRY_FIELDS = (*FIELDS, "checkpoint_config")
_CONFIG_KEYS = {*COMMON, *RENAMED, *(key for keys in own_keys().values() for key in keys)}
# Of the option and of RLlib's configurations.
_NAMES_OF_RUN = ("algo", "algorithm")
# Keys that an experiment has below its name; the file has them at its top if the name is missing.
_ENTRY_KEYS = {*_ENTRY_FIELDS, *_CONFIG_KEYS, *_NAMES_OF_RUN, "alg"}
CHECKPOINT_FIELDS = {
    **{key: key for key in ("checkpoint_frequency", "checkpoint_at_end", "num_to_keep")},
    "checkpoint_score_attribute": "score_attribute",
    "checkpoint_score_order": "score_order",
}


def read_experiments(file: Path, assignments: Sequence[str] = ()) -> list[Experiment]:
    """Read the experiments of a YAML or Python file.

    Args: as :func:`read_with_errors`.

    Raises:
        RequestError: names the file, the key and the problem; every mistake of the file's structure.
    """
    experiments = read_with_errors(file, assignments)
    with Collected() as check:
        for experiment in experiments:
            with check():
                if experiment.errors:
                    raise experiment.located(RequestErrors(experiment.errors))
    return experiments


def read_with_errors(file: Path, assignments: Sequence[str] = ()) -> list[Experiment]:
    """As :func:`read_experiments`, with wrong keys as ``errors`` of the experiments.

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
    entries = dict(document)
    changes: dict[Any, Any] = {}
    if is_mlagents(document):
        try:
            behaviors = entries_of(document)
        except RequestError as error:
            raise error.located(file) from None
        entries = {name: entry for name, (entry, _) in behaviors.items()}
        changes = {name: {"changes": tuple(made)} for name, (_, made) in behaviors.items()}
        assignments = ()
    experiments = []
    with Collected() as check:
        for name, entry in entries.items():
            with check():
                experiment = read_entry(name, entry, file, text, assignments)
                key = name if len(entries) > 1 else None
                experiments.append(replace(experiment, key=key, **changes.get(name, {})))
    return experiments


def _require_names(document: Mapping[Any, Any], file: Path) -> None:
    """Check that a document maps names to experiments, instead of being one itself.

    Raises:
        RequestError: it has an experiment's keys at the top, or is of an old ML-Agents release.
    """
    own = [key for key, value in document.items() if key in _ENTRY_KEYS and not _has_run(value)]
    plain = any(not isinstance(document[key], Mapping) for key in own)
    if own and (plain or len(own) == len(document)):
        problem = f"has no experiment name: {own[0]} and the other keys must be below one"
        hint = "indent them below a first line such as my-experiment:"
        raise RequestError(problem, file=file, hint=hint)
    if (old := old_mlagents_key(document)) is not None:
        problem = "is a key of ML-Agents before its release 4 (0.18), whose files are not supported"
        hint = "python -m mlagents.trainers.upgrade_config of those releases writes 'behaviors:'"
        raise RequestError(problem, file=file, key=old, hint=hint)


def _has_run(value: Any) -> bool:
    """Whether a value is an experiment, whatever its name."""
    return isinstance(value, Mapping) and any(key in value for key in ("run", *_NAMES_OF_RUN))


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
    check = Collected()
    for key in ("config", "stop"):
        with check():
            _require_mapping(entry.get(key, {}), key)
    wrong = [error.key for error in check.errors]
    entry = with_canonical_algorithm({k: v for k, v in entry.items() if k not in wrong})
    assigned: tuple[str, ...] = ()
    original = entry
    if assignments and is_legacy(Edits(entry)):
        entry, assigned = merge_into_legacy(entry, assignments)
    try:
        entry, changes = translate(entry, original=original)
    except RequestError as error:
        raise error.below(name).located(file) from None
    values = _fields_of(entry, check)
    attribute = values.get("score_attribute")
    if isinstance(attribute, str) and attribute.startswith("min-"):
        values |= {"score_attribute": attribute.removeprefix("min-"), "score_order": "min"}
    return Experiment(
        name=name,
        source=file,
        text=text,
        changes=tuple(changes),
        assigned=assigned,
        errors=tuple(check.errors),
        **values,
    )


def _fields_of(entry: Mapping[str, Any], check: Collected) -> dict[str, Any]:
    """Field of Experiment → value; unknown, repeated and missing keys are errors of ``check``."""
    values: dict[str, Any] = {"config": {}, "stop": {}}
    known = {key: value for key, value in entry.items() if key in _ENTRY_FIELDS}
    for key, value in known.items():
        with check():
            if key in ("config", "stop"):
                values[key] = dict(_require_mapping(value, key))
            elif key == "checkpoint_config":
                for inner, setting in _require_mapping(value, key).items():
                    with check():
                        _fill(values, inner, setting, CHECKPOINT_FIELDS, f"{key}.{inner}")
            else:
                _fill(values, key, value, FIELDS, str(key))
    for key in entry.keys() - known.keys():
        meant = "run" if key in _NAMES_OF_RUN else key
        place = _place_in_config(key, entry.get("run"))
        hint = place or nearest(meant, _ENTRY_FIELDS)
        check.errors.append(RequestError("is unknown", key=str(key), hint=hint))
        if place is None:
            _take_as_meant(values, meant, entry[key])
    inner_env = values["config"].pop("env", None)
    if inner_env is not None and values.get("env", inner_env) != inner_env:
        problem = "contradicts the experiment's env"
        check.errors.append(RequestError(problem, key="config.env"))
    values["env"] = values.get("env", inner_env)
    for key, field, example in (("run", "algorithm", "PPO"), ("env", "env", "CartPole-v1")):
        if values.setdefault(field, None) is None:
            hint = f"for example {key}: {example}"
            check.errors.append(RequestError("is missing", key=key, hint=hint))
    return values


def _take_as_meant(values: dict[str, Any], key: Any, value: Any) -> None:
    """Take the value of a misspelt key as that of the nearest one, for the checks of other keys."""
    meant = difflib.get_close_matches(str(key), FIELDS, n=1)
    field = FIELDS[meant[0]] if meant else None
    if field is not None and not values.get(field):
        is_section = field in ("config", "stop")
        values[field] = dict(value) if is_section and isinstance(value, Mapping) else value


def _fill(
    values: dict[str, Any], key: Any, value: Any, fields: Mapping[str, str], where: str
) -> None:
    """Raises: RequestError: an unknown key, or another key of the same field."""
    if key not in fields:
        raise RequestError("is unknown", key=where, hint=nearest(key, fields))
    if fields[key] in values:
        raise RequestError("is set twice, by two keys of the same meaning", key=where)
    values[fields[key]] = value


def _place_in_config(key: Any, algorithm: Any) -> str | None:
    """A hint for a key of ``config``, or another library's name of one, beside it."""
    own = own_keys()
    owners = [algorithm] if algorithm in own else own
    supported = {*COMMON, *(name for owner in owners for name in own[owner])}
    below = f"it belongs below config: config.{key}" if key in _CONFIG_KEYS else None
    return other_name_hint(key, supported, "config") or below


def _require_mapping(value: Any, key: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise RequestError(f"must map keys to values, got {value!r}", key=key)
    return value
