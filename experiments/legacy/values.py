"""Translate keys of older RLlib releases whose values change too.

Every function takes the experiment's edits and the dotted path of the key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.grid import grid_values, map_grid, require_single

TORCH = "only 'torch' is supported"
# Keys of several releases that set the learners' GPUs.
_LEARNER_GPUS = (
    "num_gpus_per_learner", "num_gpus_per_learner_worker", "num_gpus_per_trainer_worker",
)  # fmt: skip
# Keys of optimizer that configured the training loop of Ray 0.x.
_TRAINING_LOOP = {
    "grads_per_step", "max_weight_sync_delay", "num_replay_buffer_shards",
    "num_gradient_worker_shards", "debug", "train_batch_size", "buffer_size",
}  # fmt: skip


def lr_schedule(edits: Edits, path: str) -> None:
    """The schedule replaces ``lr``, which it overrode."""
    _schedule(edits, path, path.replace("lr_schedule", "lr"), start=None)


def entropy_coeff_schedule(edits: Edits, path: str) -> None:
    """The schedule replaces ``entropy_coeff``; a number is the step at which it reaches 0."""
    new = path.replace("_schedule", "")
    default = getattr(algorithms.config_class(edits.get("run"))(), "entropy_coeff", 0.0)
    _schedule(edits, path, new, start=edits.get(new, default))


def _schedule(edits: Edits, path: str, new: str, start: Any) -> None:
    value, name = edits.get(path), new.rsplit(".", 1)[-1]
    if value is None:
        edits.remove(path, "it is not set")
        return
    if None in grid_values(value):
        hint = f"list the alternatives under {name}"
        raise RequestError("this grid mixes null and schedules", key=path, hint=hint)
    steps = [item for item in grid_values(value) if _is_step(item) and start is not None]
    if len(grid_values(value)) > 1 and steps and len(grid_values(start)) > 1:
        raise RequestError(f"cannot be a grid if {name} is one", key=path, hint="split the file")
    if value in steps:
        pairs = map_grid(lambda first: [[0, first], [int(value), 0.0]], start)
    else:
        pairs = map_grid(
            lambda item: [[0, start], [int(item), 0.0]] if item in steps else _from_step_0(item),
            value,
        )
    edits.remove(new, f"{path.rsplit('.', 1)[-1]} overrode it")
    edits.change(path, new, pairs, f"is a schedule of {name}")


def _is_step(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _from_step_0(value: Any) -> Any:
    """A schedule that starts at step 0; RLlib used the first value before the first step."""
    try:
        pairs = [[int(step), float(number)] for step, number in value]
    except (TypeError, ValueError, OverflowError):
        return value  # refused later
    if pairs and pairs[0][0] != 0:
        pairs.insert(0, [0, pairs[0][1]])
    return [*pairs, [pairs[0][0] + 1, pairs[0][1]]] if len(pairs) == 1 else pairs


def evaluation_interval(edits: Edits, path: str) -> None:
    """0 disabled evaluation."""
    value, why = edits.get(path), "0 disables evaluation during training"
    if value == 0:
        edits.remove(path, why)
    else:
        _replace_value(edits, path, 0, None, why)


def _replace_value(edits: Edits, path: str, old: Any, new: Any, why: str) -> None:
    """Replace a value, also among the alternatives of a grid."""
    value = edits.get(path)
    if old in grid_values(value):
        edits.change(path, path, map_grid(lambda item: new if item == old else item, value), why)


def evaluation_duration(edits: Edits, path: str) -> None:
    """``auto`` lasted as long as the parallel training; here evaluation is not parallel."""
    if edits.get(path) == "auto":
        edits.remove(path, "auto needs parallel evaluation; 10 episodes are played")


def evaluation_duration_unit(edits: Edits, path: str) -> None:
    """Only episodes are supported."""
    if edits.get(path) == "timesteps":
        edits.remove(path.removesuffix("_unit"), "its unit was steps; 10 episodes are played")
        edits.remove(path, "evaluation is measured in episodes")


def evaluation_env(edits: Edits, path: str) -> None:
    """Evaluation uses the environment of training."""
    if "evaluation_config" in path:
        if edits.get(path) != edits.get("env"):
            raise RequestError("must be the environment of training", key=path)
        edits.remove(path, "it is the environment of training")


def framework(edits: Edits, path: str) -> None:
    """tf, tf2 and tfe become torch; a grid over frameworks becomes one run."""
    value = edits.get(path)
    unknown = [v for v in grid_values(value) if v not in ("tf", "tf2", "tfe", "torch", None)]
    if unknown:
        raise RequestError(f"unknown framework {unknown[0]!r}", key=path, hint=TORCH)
    edits.remove(path, TORCH)


def entropy_coeff(edits: Edits, path: str) -> None:
    """Before Ray 0.6 the coefficient was negative."""
    value = edits.get(path)
    if any(isinstance(v, int | float) and v < 0 for v in grid_values(value)):
        positive = map_grid(lambda v: abs(v) if isinstance(v, int | float) else v, value)
        edits.change(path, path, positive, "before Ray 0.6 its sign was negative")


def observation_filter(edits: Edits, path: str) -> None:
    """The concurrent filter differed only within one process."""
    why = "MeanStdFilter is shared by all env runners"
    _replace_value(edits, path, "ConcurrentMeanStdFilter", "MeanStdFilter", why)


def batch_mode(edits: Edits, path: str) -> None:
    """Fragments are truncated at their length and bootstrapped with the critic, if there is one."""
    if "complete_episodes" in grid_values(edits.get(path)):
        parent = path.rsplit(".", 1)[0]
        lengths = (f"{parent}.rollout_fragment_length", f"{parent}.sample_batch_size")
        if edits.get("run") == "PG" and not any(map(edits.has, lengths)):
            return
        why = "fragments are truncated and bootstrapped with the critic"
        if edits.get("run") == "PG" and not edits.get("config.use_critic"):
            why = "fragments are truncated, and rewards after the truncation count as 0"
        edits.remove(path, f"complete_episodes: {why}")


def num_gpus(edits: Edits, path: str) -> None:
    """GPUs of the driver: one belongs to the learner, several need as many learners."""
    value = edits.get(path)
    parent = path.rsplit(".", 1)[0]
    if edits.get(f"{parent}._fake_gpus"):
        edits.remove(path, "they were fake GPUs of a test")
    elif any(edits.has(f"{parent}.{key}") for key in _LEARNER_GPUS):
        edits.remove(path, "num_gpus_per_learner is set")
    elif _is_step(value) and value > 1:
        edits.change(path, f"{parent}.num_learners", int(value), "one learner per GPU")
        edits.fill(f"{parent}.num_gpus_per_learner", 1, "one learner per GPU")
    else:
        edits.rename(path, f"{parent}.num_gpus_per_learner")


def explore(edits: Edits, path: str) -> None:
    """Training always samples actions; only evaluation may be greedy."""
    if "evaluation_config" not in path and set(map(str, grid_values(edits.get(path)))) == {"True"}:
        edits.remove(path, "training always samples actions")


def exploration_config(edits: Edits, path: str) -> None:
    """On-policy algorithms explore by sampling from their policy."""
    value = require_single(edits.get(path), path)
    kind = value.get("type", "StochasticSampling") if isinstance(value, dict) else value
    if kind not in ("StochasticSampling", None):
        raise RequestError(f"exploration by {kind} is not supported", key=f"{path}.type")
    for key in value or {}:
        if key not in ("type", "random_timesteps"):
            raise RequestError("is not a key of StochasticSampling", key=f"{path}.{key}")
    edits.remove(path, "actions are sampled from the policy")


def use_gae(edits: Edits, path: str) -> None:
    """PPO without GAE used the discounted return minus the value, which is λ = 1."""
    if edits.get("run") != "PPO":
        return
    if False in grid_values(edits.get(path)) and len(grid_values(edits.get(path))) > 1:
        hint = "PPO without GAE is λ = 1: list the alternatives under lambda"
        raise RequestError("a grid with false is not supported", key=path, hint=hint)
    if edits.get(path) is False:
        for name in ("lambda", "lambda_"):
            edits.remove(path.replace("use_gae", name), "it had no effect without GAE")
        edits.change(path, path.replace("use_gae", "lambda"), 1.0, "PPO without GAE is λ = 1")


def remote_worker_envs(edits: Edits, path: str) -> None:
    """One process per environment."""
    if require_single(edits.get(path), path) is True:
        new = path.replace("remote_worker_envs", "gym_env_vectorize_mode")
        edits.change(path, new, "async", "one process per environment")
    else:
        edits.remove(path, "environments run in the process of their env runner")


def optimizer(edits: Edits, path: str) -> None:
    """Ray 0.x configured its training loop here; Ray 1.x left it empty."""
    if edits.get(path) in ({}, None):
        edits.remove(path, "it is empty")
        return
    for key in edits.keys(path):
        if key in _TRAINING_LOOP:
            edits.remove(f"{path}.{key}", "it configured the training loop of Ray 0.x")
    if edits.get(path) == {}:
        edits.pop(path)


def unbounded(edits: Edits, path: str) -> None:
    """Infinity disabled a bound."""
    _replace_value(edits, path, math.inf, None, "an infinite bound is no bound")


def multiagent(edits: Edits, path: str) -> None:
    """Only the defaults are accepted."""
    for value in grid_values(edits.get(path)):
        keys = ("policies", "policy_graphs")
        if value and (not isinstance(value, Mapping) or any(value.get(key) for key in keys)):
            raise RequestError("multi-agent training is not supported", key=path)
    edits.remove(path, "training has a single agent")


def callbacks(edits: Edits, path: str) -> None:
    """A dictionary of functions before Ray 0.8.6, a class since."""
    value = require_single(edits.get(path), path)
    if isinstance(value, dict) and any(value.values()):
        hint = "write a subclass of RLlib's RLlibCallback"
        raise RequestError("a dictionary of functions is not supported", key=path, hint=hint)
    if isinstance(value, dict) or value is None:
        edits.remove(path, "it is empty")
    else:
        edits.rename(path, path.replace("callbacks", "callbacks_class"))


# Keys that only legacy files have.
SPECIAL: dict[str, Callable[[Edits, str], None]] = {
    "framework": framework, "framework_str": framework,
    "use_pytorch": lambda edits, path: edits.remove(path, TORCH), "lr_schedule": lr_schedule,
    "entropy_coeff_schedule": entropy_coeff_schedule, "num_gpus": num_gpus,
    "_fake_gpus": lambda edits, path: edits.remove(path, "it was used by tests"),
    "gpu": lambda edits, path: edits.remove(path, "RLlib never read it; use num_gpus_per_learner"),
    "exploration_config": exploration_config, "remote_worker_envs": remote_worker_envs,
    "multiagent": multiagent, "callbacks": callbacks,
}  # fmt: skip
# Keys that still exist, with values that only legacy files have.
SPECIAL_VALUES: dict[str, Callable[[Edits, str], None]] = {
    "entropy_coeff": entropy_coeff, "observation_filter": observation_filter,
    "batch_mode": batch_mode, "explore": explore, "use_gae": use_gae,
    "evaluation_interval": evaluation_interval, "evaluation_duration": evaluation_duration,
    "evaluation_duration_unit": evaluation_duration_unit, "env": evaluation_env,
    "optimizer": optimizer, "vf_clip_param": unbounded, "grad_clip": unbounded,
}  # fmt: skip
