"""Checks that build something: configuration object, environments, network; and its resources."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.env_options import environment_options
from rllib_zoo.algorithms.env_runner.env_group import capture_env_state
from rllib_zoo.algorithms.env_runner.policy import ActingPolicy
from rllib_zoo.custom_models.rl_module import num_dist_inputs
from rllib_zoo.envs import EnvironmentRequestError, environment_name, make_vector_env
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import deep_copy
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import alternatives
from rllib_zoo.experiments.validation.keys import expanded
from rllib_zoo.experiments.validation.resources import Demand

# Where RLlib's messages turn from what is wrong to general advice.
ADVICE = re.compile(r"\n|\. In PPO, the train batch")


@dataclass(frozen=True)
class ProbedEnvironment:
    """What one reset and one step of an environment showed.

    Attributes:
        spaces: of one copy's observations and actions, as the network is built for them.
        observation: [1, …], the one after the step.
        resumable: its state can be saved in the middle of an episode.
    """

    spaces: tuple[gym.Space, gym.Space]
    observation: np.ndarray
    resumable: bool


def probe_environments(experiment: Experiment, configs: list[Any]) -> list[ProbedEnvironment]:
    """Build every environment that may run, once; reset it and take one random step.

    Args:
        experiment: with names and kinds checked.
        configs: validated configuration objects, one per combination of alternatives.

    Returns:
        The environment that each configuration's network is built for: the first alternative.

    Raises:
        RequestError: one cannot be built or fails, with the first line of its own error.
    """
    envs = alternatives(experiment.env, "env")
    own_runner = algorithms.descriptor(experiment.algorithm).vector_env_runner
    probed: dict[str, ProbedEnvironment] = {}

    def probe(env: Any, options: Mapping[str, Any], config: Any) -> ProbedEnvironment:
        # RLlib's own runner has its own way to step; the environment is the same.
        mode = config.gym_env_vectorize_mode if own_runner else "vector_entry_point"
        key = repr((env, mode, sorted(options.items(), key=lambda item: str(item[0]))))
        if key not in probed:
            probed[key] = _probe(env, options, mode)
        return probed[key]

    for other in expanded(experiment.config.get("evaluation_config") or {}, "evaluation_config"):
        if other and "env_config" in other:
            for env in envs:
                options = environment_options(env, other["env_config"], configs[0]._model_config)
                probe(env, options, configs[0])
    first = []
    for config in configs:
        model = config._model_config
        of_envs = [probe(e, environment_options(e, config.env_config, model), config) for e in envs]
        first.append(of_envs[0])
    return first


def _probe(env: Any, options: Mapping[str, Any], mode: str) -> ProbedEnvironment:
    if not isinstance(env, str | type):
        raise RequestError(f"must be a name or a class path, got {env!r}", key="env")
    try:
        vector = make_vector_env(env, 1, options, mode)
    except EnvironmentRequestError as error:
        raise RequestError(str(error), key="env") from None
    except Exception as error:  # the environment's own code runs here
        raise RequestError(f"environment {env!r} fails: {_first_line(error)}", key="env") from None
    try:
        vector.reset(seed=0)
        vector.action_space.seed(0)
        obs, rewards, *_ = vector.step(vector.action_space.sample())
        if not np.isfinite(np.asarray(rewards, dtype=np.float64)).all():
            raise ValueError(f"the reward is {rewards[0]}")
        space = vector.single_observation_space
        if np.shape(obs)[1:] != space.shape:
            raise ValueError(
                f"observations have shape {np.shape(obs)[1:]}, the space has {space.shape}"
            )
        spaces = (space, vector.single_action_space)
        return ProbedEnvironment(spaces, np.array(obs), capture_env_state(vector) is not None)
    except Exception as error:  # the environment's own code runs here
        raise RequestError(
            f"environment {env!r} fails when it is reset and stepped: {_first_line(error)}",
            key="env",
        ) from None
    finally:
        with contextlib.suppress(Exception):  # what failed before says more
            vector.close()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


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
        config.update_from_dict(deep_copy(values))
        config.validate()
    except (ValueError, TypeError, AttributeError) as error:
        reason = ADVICE.split(str(error))[0]
        raise RequestError(reason, key="config") from None
    return config


def build_network(config: Any, probed: ProbedEnvironment) -> Any:
    """Build the network once and run one forward pass with its values.

    Returns:
        The RLModule.

    Raises:
        RequestError: it cannot be built, or cannot take the environment's observations; with the
            network's own sentence.
    """
    from ray.rllib.core import DEFAULT_MODULE_ID

    observed = probed.spaces[0].shape or ()
    # An image's size decides whether RLlib has a network for it, or a file's layers fit.
    hint = f"environment {environment_name(config.env)!r} has observations of shape {observed}"
    try:
        module = config.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: probed.spaces}).build()
    except Exception as error:  # a user's network may fail in any way
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(
            f"the network cannot be built: {reason}",
            key="config.model",
            hint=hint if len(observed) > 1 else None,
        ) from None
    try:
        _forward(module, np.repeat(probed.observation, 2, axis=0))
    except Exception as error:
        raise RequestError(
            f"the network fails on an observation: {_first_line(error)}",
            key="config.model",
            hint=hint,
        ) from None
    return module


def _forward(module: Any, obs: np.ndarray) -> None:
    """One step of the policy, as env runners take it.

    Raises:
        ValueError: the outputs have other shapes than dist inputs [B, K] and values [B].
    """
    policy = ActingPolicy(module, torch.device("cpu"), contextlib.nullcontext, None)
    dist_inputs, values = policy.step(obs, policy.initial_recurrent_state(len(obs)))
    if module.model is None:  # DDPG's and DQN's networks: their outputs are their own
        return
    expected = (len(obs), num_dist_inputs(module.action_space))
    if tuple(dist_inputs.shape) != expected:
        raise ValueError(f"forward() gives outputs {tuple(dist_inputs.shape)}, not {expected}")
    if tuple(values.shape) != (len(obs),):
        raise ValueError(f"value_function() gives {tuple(values.shape)}, not {(len(obs),)}")


def check_resources(
    requested: Demand, fewest_env_runners: int, cpus: float | None, gpus: float | None
) -> None:
    """Refuse what the available CPUs and GPUs cannot hold.

    Args:
        requested: the resources of one trial.
        fewest_env_runners: that the algorithm can train with.
        cpus: None: how many there are is unknown; likewise ``gpus``.

    Raises:
        RequestError: with the numbers, and how many runners would fit.
    """
    if key := requested.nothing_asked:
        raise RequestError(
            "a process must request CPU or GPU > 0",
            key=f"config.{key}",
            hint=f"a fraction such as {key}: 0.1 is enough",
        )
    if cpus is not None and requested.cpus > cpus:
        raise _too_few_cpus(requested, fewest_env_runners, cpus)
    if gpus is not None and requested.gpus > gpus:
        raise RequestError(
            f"needs {requested.gpus:g} GPUs, {gpus:g} available", key="config.num_gpus_per_learner"
        )


def _too_few_cpus(requested: Demand, fewest_env_runners: int, cpus: float) -> RequestError:
    hint = "--ray-num-cpus to let Ray oversubscribe"
    key = "num_learners" if requested.learners else "num_cpus_for_main_process"
    if requested.runners + requested.evaluating:
        key, hint = "num_env_runners", f"smaller num_cpus_per_env_runner, or {hint}"
        fitting = max(requested.room(cpus) - requested.evaluating, 0)
        if fitting >= fewest_env_runners:
            hint = f"num_env_runners {fitting} would fit, or {hint}"
    return RequestError(
        f"needs {requested.cpus:g} CPUs, {cpus:g} available", key=f"config.{key}", hint=hint
    )
