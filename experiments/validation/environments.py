"""An experiment's environments: that they exist, and the names of their options; none is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rllib_zoo.envs import AtariOptions, EnvironmentRequestError, UnknownEnvironmentError
from rllib_zoo.envs.creators import creator_of, environment_name, uses_ale
from rllib_zoo.envs.option_names import option_names
from rllib_zoo.experiments.errors import (
    IMPORT_HINT,
    Collected,
    RequestError,
    first_line,
    nearest,
    nearest_import,
)
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import alternatives, sampler_in

# A part of the names of trial folders, which file systems limit to 255 bytes.
MAX_ENV_CHARACTERS = 150


def check_environments(experiment: Experiment) -> None:
    """Check the environments' names, and the keys of ``env_config`` in training and evaluation.

    Raises:
        RequestError: every mistake; options are not checked where the environment is wrong.
    """
    given = experiment.config.get("evaluation_config")
    evaluation = given if isinstance(given, Mapping) else {}
    with Collected() as check:
        for env in alternatives(experiment.env, "env") if experiment.env is not None else ():
            _check_env(env)
            options = experiment.config.get("env_config")
            _check_options(env, options, "config.env_config", check)
            if "env" in evaluation:
                try:
                    _check_env(evaluation["env"])
                except RequestError as error:
                    raise error.below("config.evaluation_config") from None
            options = evaluation.get("env_config")
            env = evaluation.get("env", env)
            _check_options(env, options, "config.evaluation_config.env_config", check)


def _check_env(env: Any) -> None:
    check_env_name(env)
    with environment_errors(env):
        if uses_ale(env):
            from rllib_zoo.envs.atari.ids import canonical_atari_id

            canonical_atari_id(env)
        else:
            creator_of(env)


def check_env_name(env: Any) -> None:
    """Check an environment's name, which Ray registers and results are named by.

    Raises:
        RequestError: it is no name or class, too long, or not ASCII.
    """
    if not isinstance(env, str | type):
        raise RequestError(f"must be a name or a class path, got {env!r}", key="env")
    name = environment_name(env)
    if not name.isascii() or not name.isprintable():
        raise RequestError(f"{name!r} must be printable ASCII characters", key="env")
    if len(name.rsplit("/", 1)[-1].rsplit(".", 1)[-1]) > MAX_ENV_CHARACTERS:
        problem = f"{name[:20]!r}… is longer than {MAX_ENV_CHARACTERS} characters"
        raise RequestError(f"{problem}, but names the trials' folders", key="env")


@contextmanager
def environment_errors(env: Any) -> Iterator[None]:
    """Errors of finding or building an environment as RequestErrors of the key ``env``."""
    try:
        yield
    except UnknownEnvironmentError as error:
        raise RequestError(str(error), key="env", hint=IMPORT_HINT) from None
    except EnvironmentRequestError as error:
        missing = isinstance(error.__cause__, ImportError | AttributeError)
        hint = nearest_import(str(env)) if missing else None
        raise RequestError(str(error), key="env", hint=hint) from None
    except Exception as error:  # the environment's own code runs here
        problem = f"environment {env!r} fails: {type(error).__name__}: {first_line(error)}"
        raise RequestError(problem, key="env") from None


def _check_options(env: Any, given: Any, where: str, check: Collected) -> None:
    """Check the keys of an ``env_config``, of every alternative of a grid."""
    if not isinstance(given, Mapping):  # refused elsewhere
        return
    if sampler_in(given, where) is not None:
        for alternative in alternatives(given, where):
            _check_options(env, alternative, where, check)
        return
    names = None if uses_ale(env) else option_names(env, given)
    for key, value in given.items():
        if uses_ale(env):
            for alternative in alternatives(value, f"{where}.{key}"):
                with check():
                    _check_atari_option(key, alternative, where)
        elif names is not None and key not in names:
            problem = f"is not an option of {environment_name(env)}"
            known = f"its options are {', '.join(names)}" if names else "it has no options"
            hint = nearest(key, names) or known
            check.errors.append(RequestError(problem, key=f"{where}.{key}", hint=hint))


def _check_atari_option(key: Any, value: Any, where: str) -> None:
    try:
        AtariOptions.from_dict({key: value})
    except EnvironmentRequestError as error:
        raise RequestError(str(error), key=where) from None
