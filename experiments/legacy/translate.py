"""Config files of retired RLlib releases in today's words.

The tables stand in ``retired_keys.py``, values that need more than a new name in
``retired_values.py``, environments in ``retired_envs.py``, what the releases did where a file is
silent in ``retired_defaults.py``. A file without a retired key is left as it is, but for its
environment's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.ddpg import one_update_per_fragment, translate_ddpg
from rllib_zoo.experiments.legacy.defaults import (
    at_least_one_runner,
    fill_defaults,
    means_of_sums,
    preprocessing,
    whole_batches,
)
from rllib_zoo.experiments.legacy.dqn import translate_dqn, whole_fragments
from rllib_zoo.experiments.legacy.envs import (
    atari_preprocessing,
    horizon,
    is_retired_id,
    translate_env,
)
from rllib_zoo.experiments.legacy.models import MODEL_SPECIAL, MODEL_SPECIAL_VALUES, into_model
from rllib_zoo.experiments.legacy.numbers import clean_config, clean_experiment, whole_numbers
from rllib_zoo.experiments.legacy.releases import era_of
from rllib_zoo.experiments.legacy.removed_keys import EARLY, LEFT_OUT, MODEL_LEFT_OUT, leave_out
from rllib_zoo.experiments.legacy.renamed_keys import (
    EPISODE_RESULTS_RENAMED,
    EXPERIMENT_LEFT_OUT,
    EXPERIMENT_RENAMED,
    EXPERIMENT_SIGNS,
    MODEL_RENAMED,
    MOVED,
    RENAMED,
    RESULT_FOLDERS,
    RESULTS_RENAMED,
    RETIRED_RESULTS,
    TODAYS_ALONE,
)
from rllib_zoo.experiments.legacy.values import SPECIAL, SPECIAL_VALUES
from rllib_zoo.experiments.spec.changes import GRID, Change, Edits, each, mapped
from rllib_zoo.experiments.spec.experiment import Experiment

_WITH_MAPPINGS = (
    "model",
    "env_config",
    "evaluation_config",
    "exploration_config",
    "replay_buffer_config",
)


def grid_of_mappings(edits: Edits) -> str | None:
    """The path of the first such grid."""
    for key in _WITH_MAPPINGS:
        value = edits.get(f"config.{key}")
        alternatives = each(value)
        grid = isinstance(value, Mapping) and GRID in value and bool(alternatives)
        if grid and all(isinstance(one, Mapping) and GRID not in one for one in alternatives):
            return f"config.{key}"
    return None


def with_alternative(entry: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The entry with one value in the grid's place."""
    edits = Edits(entry)
    edits.put(path, value)
    return edits.tree


def put_together(
    path: str, translations: list[tuple[dict[str, Any], list[Change]]]
) -> tuple[dict[str, Any], list[Change]]:
    """One entry of what the alternatives became, and every change once.

    Raises:
        RequestError: the alternatives set other keys differently.
    """
    found, rests, changes = [], [], list[Change]()
    for tree, made in translations:
        rest = Edits(tree)
        found.append(rest.take(path) if rest.has(path) else None)
        rests.append(rest)
        changes += [change for change in made if change not in changes]
    first = rests[0]
    if any(rest.tree != first.tree for rest in rests):
        config = first.get("config", {})
        keys = {
            key
            for r in rests
            for key in r.keys("config")
            if r.get("config")[key] != config.get(key)
        }
        keys |= {key for key in config if any(key not in rest.keys("config") for rest in rests)}
        words = ", ".join(sorted(keys)) or "other keys"
        problem = f"the alternatives of this grid need different {words}"
        raise RequestError(problem, key=path, hint="split the file")
    if any(value is not None for value in found):
        first.put(path, mapped(lambda value: value or {}, {GRID: found}))
    return first.tree, changes


_ONLY_THEN = {"preprocessing", "model_config_dict"}
_MODEL_MARKERS = MODEL_LEFT_OUT.keys() | MODEL_RENAMED.keys() | MODEL_SPECIAL.keys()
_MARKERS = _ONLY_THEN | RENAMED.keys() | MOVED.keys() | EARLY.keys() | SPECIAL.keys()


def is_retired(edits: Edits) -> bool:
    """Whether the entry has a key or an environment's id that only retired releases know."""
    if has_retired_keys(edits):
        return True
    if TODAYS_ALONE & set(edits.keys("config")) or edits.has("checkpoint_config"):
        return False
    outside = EXPERIMENT_SIGNS & set(edits.keys(""))
    results = any(key.startswith(RETIRED_RESULTS) for key in edits.keys("stop"))
    envs = [*each(edits.get("env")), *each(edits.get("config.env"))]
    return bool(outside or results or any(is_retired_id(env) for env in envs))


def has_retired_keys(edits: Edits) -> bool:
    """Whether its ``config`` has a key that only retired releases know."""
    config = set(edits.keys("config"))
    models = [model for model in each(edits.get("config.model")) if isinstance(model, Mapping)]
    return bool(config & _MARKERS) or any(model.keys() & _MODEL_MARKERS for model in models)


_NESTING = (
    "model",
    "env_config",
    "evaluation_config",
    "exploration_config",
    "replay_buffer_config",
    "optimizer",
)


def translated(
    entry: Mapping[str, Any], *, retired: bool | None = None, release: str = "2"
) -> tuple[dict[str, Any], list[Change]]:
    """An experiment's entry in today's words, and every change that was made.

    Args:
        entry: as a file has it: ``run``, ``env``, ``config``, ``stop`` and more.
        retired: whether it is of a retired release; None where its keys tell.
        release: the one it was written for where its keys do not tell.

    Raises:
        RequestError: it asks for something that is gone or not offered; names the key.
    """
    edits = Edits(entry)
    if retired is None:
        retired = is_retired(edits)
    _experiment_keys(edits)
    _env_into_experiment(edits)
    algorithm = str(edits.get("run"))
    if algorithm not in algorithms.names():  # refused later, by its name
        return edits.tree, edits.changes
    if not retired:
        translate_env(edits)
        return edits.tree, edits.changes
    if path := grid_of_mappings(edits):
        alternatives = (with_alternative(entry, path, one) for one in each(edits.get(path)))
        return put_together(
            path, [translated(one, retired=True, release=release) for one in alternatives]
        )
    given = set(edits.keys("config"))
    era = era_of(given, release)
    into_model(edits)
    clean_experiment(edits)
    clean_config(edits)
    _require_mappings(edits)
    preference = preprocessing(edits, algorithm, era)
    translate_env(edits, preference)
    horizon(edits)
    atari_preprocessing(edits, preference)
    if algorithm == "DQN":
        translate_dqn(edits)
    if algorithm == "DDPG":
        translate_ddpg(edits)
    _config_keys(edits, "config")
    if edits.get("config.evaluation_config") is not None:
        _config_keys(edits, "config.evaluation_config")
    whole_numbers(edits, algorithm)
    _stop_keys(edits)
    fill_defaults(edits, algorithm, era)
    at_least_one_runner(edits, algorithm)
    if algorithm == "DQN":
        whole_fragments(edits, era)
    if algorithm == "DDPG":
        one_update_per_fragment(edits, era)
    if algorithms.descriptor(algorithm).on_policy:
        whole_batches(edits, algorithm, era, algorithms.config_class(algorithm)())
    if algorithm in ("A2C", "A3C"):
        means_of_sums(edits, algorithm)
    return edits.tree, edits.changes


def with_todays_env(experiment: Experiment) -> Experiment:
    """The experiment with a retired environment id replaced, which an option may have named.

    Raises:
        RequestError: it asks for something that is no longer offered.
    """
    given = experiment.config.get("env_config", {})
    if not isinstance(given, Mapping):  # refused later, with its own sentence
        return experiment
    edits = Edits({"env": experiment.env, "config": experiment.config})
    try:
        translate_env(edits)
    except RequestError as error:
        raise error.located(experiment.source) from None
    if not edits.changes:
        return experiment
    changes = (*experiment.changes, *edits.changes)
    return replace(experiment, env=edits.tree["env"], config=edits.tree["config"], changes=changes)


def _experiment_keys(edits: Edits) -> None:
    for key in edits.keys(""):
        if key in EXPERIMENT_RENAMED:
            edits.rename(key, EXPERIMENT_RENAMED[key])
        elif key == "sync_config" and edits.get("sync_config.upload_dir"):
            where = edits.get("sync_config.upload_dir")
            edits.change(key, "storage_path", where, "results go to the storage path")
        elif key in EXPERIMENT_LEFT_OUT:
            edits.leave_out(key, EXPERIMENT_LEFT_OUT[key])
        elif key == "restore":
            edits.rename(key, "config.restore_from")
    for path in ("checkpoint_score_attr", "checkpoint_config.checkpoint_score_attribute"):
        old = edits.get(path)
        if isinstance(old, str) and (new := score_today(old)) != old:
            edits.change(path, path, new, f"{old} is {new} now")
    if isinstance(edits.get("run"), str) and edits.get("run").startswith("contrib/"):
        edits.change("run", "run", edits.get("run").removeprefix("contrib/"), "contrib is no more")


def _env_into_experiment(edits: Edits) -> None:
    if edits.has("config.env") and None in (edits.get("env"), edits.get("config.env")):
        inner = edits.take("config.env")
        edits.put("env", edits.get("env") if inner is None else inner)


def _require_mappings(edits: Edits) -> None:
    """Raises: RequestError: a key that nests others holds something else."""
    for key in _NESTING:
        value = edits.get(f"config.{key}")
        if value is not None and not all(isinstance(item, Mapping) for item in each(value)):
            raise RequestError(f"must map keys to values, got {value!r}", key=f"config.{key}")


def _config_keys(edits: Edits, where: str) -> None:
    for key in edits.keys(where):
        path = f"{where}.{key}"
        if not edits.has(path):  # an edit of another key took it
            continue
        if key in SPECIAL:
            SPECIAL[key](edits, path)
        elif key in SPECIAL_VALUES:
            SPECIAL_VALUES[key](edits, path)
        elif key in RENAMED:
            edits.rename(path, f"{where}.{RENAMED[key]}")
        elif key in MOVED:
            edits.rename(path, ".".join((where, *MOVED[key])))
        elif key in LEFT_OUT:
            leave_out(edits, path, LEFT_OUT[key])
    if isinstance(edits.get(f"{where}.model"), Mapping):
        _model_keys(edits, f"{where}.model")


def _model_keys(edits: Edits, where: str) -> None:
    for key in edits.keys(where):
        path = f"{where}.{key}"
        if key in MODEL_SPECIAL:
            MODEL_SPECIAL[key](edits, path)
        elif key in MODEL_SPECIAL_VALUES:
            MODEL_SPECIAL_VALUES[key](edits, path)
        elif key in MODEL_RENAMED:
            edits.rename(path, f"{where}.{MODEL_RENAMED[key]}")
        elif key in MODEL_LEFT_OUT:
            leave_out(edits, path, MODEL_LEFT_OUT[key])


def _stop_keys(edits: Edits) -> None:
    stop = edits.get("stop")
    for key in edits.keys("stop"):
        new = result_today(key)
        if new != key:
            # The names hold "/" and stay one key, whatever dots they have.
            stop[new] = stop.pop(key)
            edits.changes.append(Change(f"stop.{key}", f"stop.{new}", value=stop[new]))


def score_today(name: str) -> str:
    """As :func:`result_today`, for a result that ranks checkpoints; ``min-`` may stand before it."""
    prefix = "min-" if name.startswith("min-") else ""
    return prefix + result_today(name.removeprefix("min-"))


def result_today(name: str) -> str:
    """Today's name of a result that a stop rule or a checkpoint score names."""
    if name in RESULTS_RENAMED:
        return RESULTS_RENAMED[name]
    evaluated = name.startswith(("evaluation/", "evaluation_results/"))
    rest = name
    for folder in RESULT_FOLDERS:
        rest = rest.removeprefix(f"{folder}/")
    if rest in EPISODE_RESULTS_RENAMED or rest in EPISODE_RESULTS_RENAMED.values():
        plain = EPISODE_RESULTS_RENAMED.get(rest, rest)
        if evaluated:
            return f"evaluation/env_runners/{plain}"
        # Alone at the top the retired name still stands in every result.
        return name if name == rest else f"env_runners/{plain}"
    return name
