"""Retired spellings of environments in today's words, each change with a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from envs import EnvironmentRequestError, legacy_atari_id
from experiments.errors import RequestError
from experiments.experiment import Experiment


def with_todays_env(experiment: Experiment) -> Experiment:
    """The experiment with a retired Atari id replaced, and a note that says so.

    Options the file sets itself stay; what the retired id stood for fills the others.

    Raises:
        RequestError: the id asked for something that is no longer offered.
    """
    if not isinstance(experiment.env, str):
        return experiment
    try:
        legacy = legacy_atari_id(experiment.env)
    except EnvironmentRequestError as error:
        raise RequestError(str(error), key="env", file=experiment.source) from None
    if legacy is None:
        return experiment
    given: Any = experiment.config.get("env_config", {})
    if not isinstance(given, Mapping):  # refused later, with its own sentence
        return experiment
    config = {**experiment.config, "env_config": {**legacy.env_config, **given}}
    notes = (*experiment.notes, legacy.note)
    return replace(experiment, env=legacy.env, config=config, notes=notes)
