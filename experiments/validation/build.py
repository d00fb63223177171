"""Checks that build the configuration object, environments and network."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from ray.rllib.env.env_context import EnvContext

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.env_options import environment_options
from rllib_zoo.algorithms.env_runner.env_group import capture_env_state
from rllib_zoo.algorithms.env_runner.policy import ActingPolicy
from rllib_zoo.custom_models import SharedEncoderActorCritic
from rllib_zoo.custom_models.model_hooks import overrides
from rllib_zoo.custom_models.model_keys import CHANNELS_LAST
from rllib_zoo.custom_models.rl_module import ORIGINAL_SPACE, num_dist_inputs
from rllib_zoo.envs import (
    close_environment,
    environment_name,
    is_atari,
    make_single_env,
    make_vector_env,
    physics_versions,
)
from rllib_zoo.envs.space_checks import out_of_bounds, reward_mismatch
from rllib_zoo.experiments.errors import RequestError, first_line
from rllib_zoo.experiments.spec.changes import deep_copy
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import alternatives
from rllib_zoo.experiments.validation.environments import environment_errors

# Of an environment that refuses masked actions.
MAX_TRIED_ACTIONS = 100
# Where the general advice in RLlib's messages begins.
ADVICE = re.compile(r"\n|\. In PPO, the train batch")
_EVALUATION = "config.evaluation_config"


@dataclass(frozen=True)
class ProbedEnvironment:
    """Results of one reset and one step of an environment.

    Attributes:
        spaces: observation and action space of one copy.
        observation: [1, …], after the step.
        resumable: whether its state can be saved in the middle of an episode: it can be copied, and
            draws from no global random generator, which a checkpoint does not have.
        physics: package → version of the code that steps it, see ``physics_versions``.
        notes: what its user should know.
    """

    spaces: tuple[gym.Space, gym.Space]
    observation: np.ndarray
    resumable: bool
    physics: Mapping[str, str]
    notes: list[str]


def probe_environments(experiment: Experiment, configs: list[Any]) -> list[ProbedEnvironment]:
    """Build every environment that may run once, reset it and take one random step.

    Args:
        experiment: with names and types checked.
        configs: validated configuration objects, one per combination of alternatives.

    Returns:
        For each configuration the first alternative's environment: the network's.

    Raises:
        RequestError: one cannot be built or fails, with the first line of its error.
    """
    envs = alternatives(experiment.env, "env")
    own_runner = algorithms.descriptor(experiment.algorithm).vector_env_runner
    probed: dict[str, ProbedEnvironment] = {}

    def probe(env: Any, options: Mapping[str, Any], config: Any) -> ProbedEnvironment:
        # RLlib's own runner vectorizes in another way; the environment is the same.
        mode = config.gym_env_vectorize_mode if own_runner else "vector_entry_point"
        runners = config.num_env_runners
        key = repr((env, mode, runners, sorted(options.items(), key=lambda item: str(item[0]))))
        if key not in probed:
            context = EnvContext(dict(options), worker_index=0, num_workers=runners)
            probed[key] = _probe(env, context, mode)
        return probed[key]

    first = []
    for config in configs:
        training = [probe(env, _options(env, config), config) for env in envs]
        first.append(training[0])
        if not config.evaluation_config:
            continue
        evaluation = _evaluation_config(config)
        own = config.evaluation_config.get("env")
        key = f"{_EVALUATION}.{'env_config' if own is None else 'env'}"
        for env, trained in zip(envs, training, strict=True):
            played = env if own is None else own
            try:
                evaluated = probe(played, _options(played, evaluation), evaluation)
            except RequestError as error:
                raise RequestError(error.problem, key=key, hint=error.hint) from None
            if evaluated.spaces != trained.spaces:
                problem = f"gives environment {played!r} the spaces {evaluated.spaces}"
                raise RequestError(f"{problem}, training has {trained.spaces}", key=key)
    return first


def _options(env: Any, config: Any) -> dict[str, Any]:
    return environment_options(env, config.env_config, config._model_config)


def _evaluation_config(config: Any) -> Any:
    """The configuration of evaluation, merged over that of training as RLlib does it.

    Raises:
        RequestError: both together are invalid.
    """
    try:
        merged = config.get_evaluation_config_object()
        merged.validate()
    except (ValueError, TypeError, AttributeError) as error:
        problem = ADVICE.split(str(error))[0]
        raise RequestError(problem, key=_EVALUATION) from None
    return merged


def _probe(env: Any, options: Mapping[str, Any], mode: str) -> ProbedEnvironment:
    with environment_errors(env):
        vector = make_vector_env(env, 1, options, mode)
    try:
        generators = _global_generators()
        first, observation, rewards = _first_step(vector)
        space = vector.single_observation_space
        _check_numbers((first, observation), rewards, space)
        outside = out_of_bounds(space, first[0]) or out_of_bounds(space, observation[0])
        spaces = (space, vector.single_action_space)
        draws_globally = _global_generators() != generators
        resumable = not draws_globally and capture_env_state(vector) is not None
        physics = physics_versions(env, vector)
    except Exception as error:  # the environment's own code runs here
        close_environment(vector)  # an earlier error is more informative
        if mode == "async":  # a process that failed takes no other action
            return _probe(env, options, "sync")
        cause = _reward_mismatch(env, options) or _summary(error)
        problem = f"environment {env!r} fails when it is reset and stepped: {cause}"
        raise RequestError(problem, key="env") from None
    notes = [f"{outside}; observations are not clipped"] if outside else []
    if unclosed := close_environment(vector):
        notes.append(f"{unclosed} in close()")
    notes = [f"environment {env!r}: {note}" for note in notes]
    return ProbedEnvironment(spaces, observation, resumable, physics, notes)


def _check_numbers(observations: Iterable[np.ndarray], rewards: Any, space: gym.Space) -> None:
    """Check observations, each [1, …], and rewards [1].

    Raises:
        ValueError: an observation's shape is not the space's, or a number is not finite.
    """
    if not np.isfinite(np.asarray(rewards, dtype=np.float64)).all():
        raise ValueError(f"the reward is {rewards[0]}")
    for obs in observations:
        if (shape := obs.shape[1:]) != space.shape:
            raise ValueError(f"observations have shape {shape}, the space has {space.shape}")
        if not np.isfinite(obs).all():
            raise ValueError(f"the observation holds {obs[~np.isfinite(obs)][0]}")


def _first_step(vector: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """The observations [1, …] of a reset and of a random step, copies, and the step's rewards.

    With structured observations, which may mask actions, every discrete action is tried in random
    order, or many random ones of several choices, until the environment takes one.
    """
    first = np.array(vector.reset(seed=0)[0])
    vector.action_space.seed(0)
    actions = [vector.action_space.sample()]
    space = vector.single_action_space
    may_mask = hasattr(vector.single_observation_space, ORIGINAL_SPACE)
    if may_mask and isinstance(space, gym.spaces.Discrete):
        others = np.random.default_rng(0).permutation(space.n)[:MAX_TRIED_ACTIONS]
        actions += [np.full_like(actions[0], action + space.start) for action in others]
    elif may_mask and not isinstance(space, gym.spaces.Box):
        actions += [vector.action_space.sample() for _ in range(MAX_TRIED_ACTIONS)]
    for action in actions[:-1]:
        with contextlib.suppress(Exception):
            obs, rewards, *_ = vector.step(action)
            return first, np.array(obs), rewards
        vector.reset(seed=0)
    obs, rewards, *_ = vector.step(actions[-1])
    return first, np.array(obs), rewards


def _global_generators() -> tuple[object, ...]:
    """States of the global random generators of Python, numpy and torch."""
    _, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), bytes(np.asarray(keys)), rest, torch.get_rng_state().numpy().tobytes()


def _reward_mismatch(env: Any, options: Mapping[str, Any]) -> str | None:
    """How the reward of the first step differs from a number; None if it does not, or cannot be seen."""
    with contextlib.suppress(Exception):  # the error that led here is reported
        single = make_single_env(env, options)
        single.reset(seed=0)
        reward = single.step(single.action_space.sample())[1]
        single.close()
        return reward_mismatch(reward)
    return None


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def build_config(experiment: Experiment, values: dict[str, Any]) -> Any:
    """Build and validate the configuration object of one combination of alternatives.

    Raises:
        RequestError: it fails a check of RLlib or of this project.
    """
    total, share = values.get("train_batch_size"), values.get("train_batch_size_per_learner")
    if total is not None and share is not None:
        problem = f"{total} has no effect beside train_batch_size_per_learner {share}"
        raise RequestError(problem, key="config.train_batch_size")
    config = algorithms.default_config(experiment.algorithm)
    config.environment(alternatives(experiment.env, "env")[0])
    try:
        # A deep copy: RLlib resolves class paths in place.
        config.update_from_dict(deep_copy(values))
        config.validate()
    except (ValueError, TypeError, AttributeError) as error:
        raise RequestError(ADVICE.split(str(error))[0], key="config") from None
    return config


def build_network(config: Any, probed: ProbedEnvironment) -> Any:
    """Build the RLModule and run one forward pass.

    Raises:
        RequestError: building or the forward pass fails; with the first line of the network's error.
    """
    from ray.rllib.core import DEFAULT_MODULE_ID

    observed = probed.spaces[0].shape or ()
    # Whether RLlib has a network for images, and whether a file's layers fit, depends on their size.
    hint = f"environment {environment_name(config.env)!r} has observations of shape {observed}"
    try:
        module = config.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: probed.spaces}).build()
    except Exception as error:  # a user's network may fail in any way
        hint = "; ".join(filter(None, (hint, _layout_hint(config, observed))))
        raise RequestError(
            f"the network cannot be built: {first_line(error)}",
            key="config.model",
            hint=hint if len(observed) > 1 else None,
        ) from None
    try:
        _forward(module, np.repeat(probed.observation, 2, axis=0))
    except Exception as error:
        problem = f"the network fails on an observation: {_summary(error)}"
        hint = "; ".join(filter(None, (hint, _layout_hint(config, observed, module.model))))
        raise RequestError(problem, key="config.model", hint=hint) from None
    if module.has_custom_loss:
        try:
            module.check_custom_loss()
        except ValueError as error:
            raise RequestError(str(error), key="config.model") from None
    return module


def _layout_hint(config: Any, shape: tuple[int, ...], model: Any = None) -> str:
    """How a user's model gets Atari images as RLlib's wrappers gave them; "" if that is no question."""
    settings = config._model_config
    custom = settings.get("custom_model") is not None and CHANNELS_LAST not in settings
    own = isinstance(model, SharedEncoderActorCritic)  # reads both layouts
    if not custom or own or not is_atari(config.env) or len(shape) != 3:
        return ""
    last = [*shape[1:], shape[0]]
    return f"model: {{channels_last: true}} gives {last}, as RLlib's Atari wrappers did"


def model_notes(config: Any, module: Any) -> list[str]:
    """What the user of a custom model should know, a sentence each."""
    name, notes = config._model_config.get("custom_model"), []
    shape = module.observation_space.shape or ()
    if hint := _layout_hint(config, shape, module.model):
        notes.append(f"custom_model {name} gets images {list(shape)}; {hint}")
    if module.model is not None and overrides(module.model, "import_from_h5"):
        notes.append(f"import_from_h5() of custom_model {name} is never called")
    return notes


def _forward(module: Any, obs: np.ndarray) -> None:
    """One step of the policy, as env runners take it.

    Raises:
        ValueError: the outputs have other shapes than dist inputs [B, K] and values [B].
    """
    policy = ActingPolicy(module, torch.device("cpu"), contextlib.nullcontext, None)
    dist_inputs, values = policy.step(obs, policy.initial_recurrent_state(len(obs)))
    if module.model is None:  # networks of DDPG and DQN have other outputs
        return
    expected = (len(obs), num_dist_inputs(module.action_space))
    if tuple(dist_inputs.shape) != expected:
        raise ValueError(f"forward() gives outputs {tuple(dist_inputs.shape)}, not {expected}")
    if tuple(values.shape) != (len(obs),):
        raise ValueError(f"value_function() gives {tuple(values.shape)}, not {(len(obs),)}")
