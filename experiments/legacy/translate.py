"""Translate experiments written for older RLlib releases (Ray 0.4 to 2.40).

Only experiments with a legacy key, result name or environment id are changed; of others only the
environment id is translated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy import ddpg, defaults, dqn, envs, models, numbers
from rllib_zoo.experiments.legacy import removed_keys as removed
from rllib_zoo.experiments.legacy import renamed_keys as renamed
from rllib_zoo.experiments.legacy.releases import NOW, keys_of_rllib, release_of
from rllib_zoo.experiments.legacy.values import SPECIAL, SPECIAL_VALUES
from rllib_zoo.experiments.spec.changes import Change, Edits
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.grid import GRID, grid_values, map_grid

_LEGACY_MODEL_KEYS = (
    removed.MODEL_REMOVED.keys() | renamed.MODEL_RENAMED.keys() | models.MODEL_SPECIAL.keys()
)
_LEGACY_KEYS = renamed.RENAMED.keys() | renamed.MOVED.keys() | removed.EARLY.keys() | SPECIAL.keys()
_LEGACY_KEYS |= {"preprocessing", "model_config_dict"} | ddpg.LEGACY_KEYS


def is_legacy(edits: Edits) -> bool:
    """Whether an entry has a key, result name or environment id of older releases only."""
    if has_legacy_keys(edits):
        return True
    if renamed.CURRENT_ONLY & set(edits.keys("config")) or edits.has("checkpoint_config"):
        return False
    names = [*grid_values(edits.get("env")), *grid_values(edits.get("config.env"))]
    return bool(
        renamed.EXPERIMENT_SIGNS & set(edits.keys(""))
        or any(key.startswith(renamed.LEGACY_RESULTS) for key in edits.keys("stop"))
        or any(envs.is_legacy_id(name) for name in names)
    )


def has_legacy_keys(edits: Edits) -> bool:
    """Whether an entry's ``config`` has a key of older releases only."""
    models = grid_values(edits.get("config.model"))
    keys = keys_of_rllib(edits.keys("config"), str(edits.get("run")))
    return bool(_LEGACY_KEYS & keys) or any(
        model.keys() & _LEGACY_MODEL_KEYS for model in models if isinstance(model, Mapping)
    )


def with_canonical_algorithm(entry: Mapping[Any, Any]) -> dict[Any, Any]:
    """An entry whose algorithm, under any of its keys, is named as in ``algorithms.names()``."""
    keys = {"run", *(old for old, new in renamed.EXPERIMENT_RENAMED.items() if new == "run")}
    return {
        key: algorithms.canonical(value) if key in keys and isinstance(value, str) else value
        for key, value in entry.items()
    }


def translate(
    entry: Mapping[str, Any],
    *,
    legacy: bool | None = None,
    release: str | None = None,
    original: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], list[Change]]:
    """Translate an experiment's entry to current keys and values.

    Args:
        entry: as in a file: ``run``, ``env``, ``config``, ``stop`` and more.
        legacy: whether it was written for an older release; None: detected by its keys, as is whether
            only some names of it are older.
        release: the release if its keys do not identify one, where something else does.
        original: the entry before options were merged into it; only the file's own keys date it.

    Returns:
        The new entry and every change.

    Raises:
        RequestError: it needs a feature that is not supported; names the key.
    """
    edits = Edits(entry)
    if legacy is None:
        legacy = is_legacy(edits)
    elif release is None:
        release = "2"
    _translate_experiment_keys(edits)
    if edits.has("config.env") and None in (edits.get("env"), edits.get("config.env")):
        inner_env = edits.pop("config.env")
        edits.set("env", edits.get("env") if inner_env is None else inner_env)
    algorithm = str(edits.get("run"))
    if algorithm not in algorithms.names():  # refused later
        return edits.tree, edits.changes
    if not legacy:
        envs.translate_env(edits)
        return edits.tree, edits.changes
    if path := _grid_of_mappings(edits):
        alternatives = []
        for value in grid_values(edits.get(path)):
            alternative = Edits(entry)
            alternative.set(path, value)
            alternatives.append(
                translate(alternative.tree, legacy=True, release=release, original=original)
            )
        return _merge_alternatives(path, alternatives)
    keys = set(Edits(original if original is not None else entry).keys("config"))
    _translate_legacy(edits, algorithm, release_of(keys, algorithm, release))
    return edits.tree, edits.changes


def _translate_legacy(edits: Edits, algorithm: str, release: str) -> None:
    """The order matters: numbers first, then keys, then the release's defaults, then batches."""
    models.merge_into_model(edits)
    numbers.convert_experiment(edits)
    numbers.convert_config(edits)
    _require_mappings(edits)
    preference = defaults.preprocessing(edits, algorithm, release)
    envs.translate_env(edits, preference)
    models.channels_last(edits)
    envs.horizon(edits)
    envs.atari_preprocessing(edits, preference)
    if algorithm == "DQN":
        dqn.translate_dqn(edits)
    if algorithm == "DDPG":
        ddpg.translate_ddpg(edits)
    _translate_config_keys(edits, "config")
    if edits.get("config.evaluation_config") is not None:
        _translate_config_keys(edits, "config.evaluation_config")
    numbers.convert_whole_floats(edits, algorithm)
    _translate_stop_keys(edits)
    defaults.fill_defaults(edits, algorithm, release)
    defaults.at_least_one_runner(edits, algorithm)
    if algorithm == "DQN":
        dqn.fill_fragment_length(edits, release)
    if algorithm == "DDPG":
        ddpg.fill_fragment_length(edits, release)
    if algorithms.descriptor(algorithm).on_policy and release != NOW:
        current = algorithms.config_class(algorithm)()
        defaults.round_up_batches(edits, algorithm, release, current)
    if algorithm in ("A2C", "A3C") and release != NOW:
        defaults.scale_summed_losses(edits, algorithm)


def with_current_env(experiment: Experiment) -> Experiment:
    """The experiment with a legacy environment id replaced, which an option may have set.

    Raises:
        RequestError: the environment is not supported any more.
    """
    if not isinstance(experiment.config.get("env_config", {}), Mapping):  # refused later
        return experiment
    edits = Edits({"env": experiment.env, "config": experiment.config})
    try:
        envs.translate_env(edits)
    except RequestError as error:
        raise error.located(experiment.source) from None
    if not edits.changes:
        return experiment
    changes = (*experiment.changes, *edits.changes)
    return replace(experiment, env=edits.tree["env"], config=edits.tree["config"], changes=changes)


def current_score_name(name: str) -> str:
    """As :func:`current_result_name`, for a result with an optional prefix ``min-``."""
    prefix = "min-" if name.startswith("min-") else ""
    return prefix + current_result_name(name.removeprefix("min-"))


def current_result_name(name: str) -> str:
    """The current name of a result, for stop criteria and checkpoint scores."""
    if name in renamed.STEP_RESULTS:
        return renamed.LIFETIME_STEPS
    evaluation = name.startswith(("evaluation/", "evaluation_results/"))
    last = name
    for folder in renamed.RESULT_FOLDERS:
        last = last.removeprefix(f"{folder}/")
    if last in renamed.EPISODE_RESULTS_RENAMED or last in renamed.EPISODE_RESULTS_RENAMED.values():
        current = renamed.EPISODE_RESULTS_RENAMED.get(last, last)
        if evaluation:
            return f"evaluation/env_runners/{current}"
        # The legacy name at the top level is still in every result.
        return name if name == last else f"env_runners/{current}"
    return name


def _translate_experiment_keys(edits: Edits) -> None:
    for key in edits.keys(""):
        if key in renamed.EXPERIMENT_RENAMED:
            edits.rename(key, renamed.EXPERIMENT_RENAMED[key])
        elif key == "sync_config" and (folder := edits.get("sync_config.upload_dir")):
            edits.change(key, "storage_path", folder, renamed.EXPERIMENT_REMOVED[key])
        elif key in renamed.EXPERIMENT_REMOVED:
            edits.remove(key, renamed.EXPERIMENT_REMOVED[key])
        elif key == "restore":
            edits.rename(key, "config.restore_from")
    for path in ("checkpoint_score_attr", "checkpoint_config.checkpoint_score_attribute"):
        old = edits.get(path)
        if isinstance(old, str) and (new := current_score_name(old)) != old:
            edits.change(path, path, new, f"{old} is replaced by {new}")
    run = edits.get("run")
    if isinstance(run, str) and run.startswith("contrib/"):
        name = run.removeprefix("contrib/")
        edits.change("run", "run", name, f"{run} is {name}")


def _grid_of_mappings(edits: Edits) -> str | None:
    """The path of the first grid whose alternatives are mappings."""
    for key in renamed.MAPPING_KEYS:
        value = edits.get(f"config.{key}")
        alternatives = grid_values(value)
        grid = isinstance(value, Mapping) and GRID in value and bool(alternatives)
        if grid and all(isinstance(item, Mapping) and GRID not in item for item in alternatives):
            return f"config.{key}"
    return None


def _merge_alternatives(
    path: str, translations: list[tuple[dict[str, Any], list[Change]]]
) -> tuple[dict[str, Any], list[Change]]:
    """One entry with a grid at the path; an error if the translations differ in other keys."""
    values, rests, changes = [], [], list[Change]()
    for tree, alternative_changes in translations:
        rest = Edits(tree)
        values.append(rest.pop(path) if rest.has(path) else None)
        rests.append(rest)
        changes += [change for change in alternative_changes if change not in changes]
    first = rests[0]
    if any(rest.tree != first.tree for rest in rests):
        configs = [rest.get("config", {}) for rest in rests]
        missing = object()
        differing = {
            key
            for config in configs
            for key in config.keys() | configs[0].keys()
            if config.get(key, missing) != configs[0].get(key, missing)
        }
        keys = ", ".join(sorted(map(str, differing))) or "other keys"
        problem = f"the alternatives of this grid need different values of {keys}"
        raise RequestError(problem, key=path, hint="split the file")
    if any(value is not None for value in values):
        first.set(path, map_grid(lambda value: value or {}, {GRID: values}))
    return first.tree, changes


def _require_mappings(edits: Edits) -> None:
    """Raises: RequestError: a key that needs a mapping has another value."""
    for key in renamed.MAPPING_KEYS:
        value = edits.get(f"config.{key}")
        if value is not None and not all(isinstance(v, Mapping) for v in grid_values(value)):
            raise RequestError(f"must map keys to values, got {value!r}", key=f"config.{key}")


def _translate_config_keys(edits: Edits, parent: str) -> None:
    special = {**SPECIAL_VALUES, **SPECIAL}
    names = keys_of_rllib(renamed.RENAMED, str(edits.get("run")))
    paths = {key: (renamed.RENAMED[key],) for key in names} | renamed.MOVED
    _translate_keys(edits, parent, special, paths, removed.REMOVED)
    if isinstance(edits.get(f"{parent}.model"), Mapping):
        special = {**models.MODEL_SPECIAL_VALUES, **models.MODEL_SPECIAL}
        paths = {key: (name,) for key, name in renamed.MODEL_RENAMED.items()}
        _translate_keys(edits, f"{parent}.model", special, paths, removed.MODEL_REMOVED)


def _translate_keys(
    edits: Edits,
    parent: str,
    special: Mapping[str, Callable[[Edits, str], None]],
    paths: Mapping[str, tuple[str, ...]],
    rules: Mapping[str, removed.RemovedKey],
) -> None:
    """Translate every key of a mapping by the first of the tables that has it."""
    for key in edits.keys(parent):
        path = f"{parent}.{key}"
        if not edits.has(path):  # removed together with another key
            continue
        if key in special:
            special[key](edits, path)
        elif key in paths:
            edits.rename(path, ".".join((parent, *paths[key])))
        elif key in rules:
            removed.remove(edits, path, rules[key])


def _translate_stop_keys(edits: Edits) -> None:
    stop = edits.get("stop")
    for key in edits.keys("stop"):
        new = current_result_name(key)
        if new != key:  # result names may contain dots, so no paths
            stop[new] = stop.pop(key)
            edits.changes.append(Change(f"stop.{key}", f"stop.{new}", value=stop[new]))
