"""Checks that build something: the configuration object, environments, the network; and its demand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.envs import EnvironmentRequestError, environment_name, environment_spaces
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import alternatives
from rllib_zoo.experiments.validation.keys import expanded
from rllib_zoo.experiments.validation.resources import Demand, demand_of

# Where RLlib's messages turn from what is wrong to general advice.
ADVICE = re.compile(r"\n|\. In PPO, the train batch")


def check_envs(experiment: Experiment, configs: list[Any]) -> list[tuple[Any, Any]]:
    """Build one copy of every environment asked for and close it.

    Returns:
        The spaces each configuration's network is built for: those of the first environment.
    """
    envs = alternatives(experiment.env, "env")
    known: dict[str, tuple[Any, Any]] = {}

    def spaces(env: Any, options: Mapping[str, Any]) -> tuple[Any, Any]:
        key = repr((env, sorted(options.items(), key=lambda item: str(item[0]))))
        if key not in known:
            known[key] = _spaces_of(env, options)
        return known[key]

    for other in expanded(experiment.config.get("evaluation_config") or {}, "evaluation_config"):
        if other and "env_config" in other:
            for env in envs:
                spaces(env, other["env_config"])
    found = []
    for config in configs:
        of_envs = [spaces(env, config.environment_options) for env in envs]
        found.append(of_envs[0])
    return found


def _spaces_of(env: Any, env_config: Mapping[str, Any]) -> tuple[Any, Any]:
    if not isinstance(env, str | type):
        raise RequestError(f"must be a name or a class path, got {env!r}", key="env")
    try:
        return environment_spaces(env, env_config)
    except EnvironmentRequestError as error:
        raise RequestError(str(error), key="env") from None
    except Exception as error:  # the environment's own code runs here
        raise RequestError(
            f"environment {env!r} fails: {type(error).__name__}: {error}", key="env"
        ) from None


def built_config(experiment: Experiment, values: dict[str, Any]) -> Any:
    """The validated configuration object of one combination of alternatives.

    Raises:
        RequestError: RLlib's or our own checks refuse it.
    """
    total, share = values.get("train_batch_size"), values.get("train_batch_size_per_learner")
    if total is not None and share is not None:
        raise RequestError(
            f"{total} has no effect beside train_batch_size_per_learner {share}",
            key="config.train_batch_size",
        )
    config = algorithms.config_class(experiment.algorithm)()
    config.environment(alternatives(experiment.env, "env")[0])
    try:
        # A deep copy: RLlib resolves class paths inside the dict it is given.
        config.update_from_dict(plain(values))
        config.validate()
    except (ValueError, TypeError, AttributeError) as error:
        reason = ADVICE.split(str(error))[0]
        raise RequestError(reason, key="config") from None
    return config


def plain(value: Any) -> Any:
    """A deep copy of plain dicts and lists."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def check_network(config: Any, spaces: tuple[Any, Any]) -> None:
    """Build the network once: wrong shapes fail here, with the network's own sentence."""
    from ray.rllib.core import DEFAULT_MODULE_ID

    try:
        config.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: spaces}).build()
    except Exception as error:  # a user's network may fail in any way
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        observed = spaces[0].shape or ()
        raise RequestError(
            f"the network cannot be built: {reason}",
            key="config.model",
            # An image's size decides whether RLlib has a network for it, or a file's layers fit.
            hint=f"environment {environment_name(config.env)!r} has observations of shape {observed}"
            if len(observed) > 1
            else None,
        ) from None


def check_resources(config: Any, cpus: float | None, gpus: float | None) -> None:
    """Refuse what so many CPUs and GPUs have no room for; None: how many is not known."""
    asked = demand_of(config)
    if key := asked.nothing_asked:
        raise RequestError(
            "Tune places no process that asks for nothing",
            key=f"config.{key}",
            hint=f"a fraction such as {key}: 0.1 will do",
        )
    if cpus is not None and asked.cpus > cpus:
        raise _too_few_cpus(config, asked, cpus)
    if gpus is not None and asked.gpus > gpus:
        raise RequestError(
            f"needs {asked.gpus:g} GPUs, {gpus:g} are there", key="config.num_gpus_per_learner"
        )


def _too_few_cpus(config: Any, asked: Demand, cpus: float) -> RequestError:
    hint = "--ray-num-cpus to let Ray oversubscribe"
    key = "num_learners" if asked.learners else "num_cpus_for_main_process"
    if asked.runners + asked.evaluating:
        key, hint = "num_env_runners", f"smaller num_cpus_per_env_runner, or {hint}"
        fitting = max(asked.room(cpus) - asked.evaluating, 0)
        if fitting >= getattr(config, "LEAST_RUNNERS", 0):  # RLlib's own DQN does not say
            hint = f"num_env_runners {fitting} would fit, or {hint}"
    return RequestError(
        f"needs {asked.cpus:g} CPUs, {cpus:g} are there", key=f"config.{key}", hint=hint
    )
