"""Retired keys whose values need more than another name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Edits, each, mapped, one_value


def lr_schedule(edits: Edits, path: str) -> None:
    """The schedule replaces ``lr``, which it overrode."""
    _schedule(edits, path, path.replace("lr_schedule", "lr"), start=None)


def entropy_coeff_schedule(edits: Edits, path: str) -> None:
    """As :func:`lr_schedule`; a number is the step at which the weight has sunk to 0."""
    new = path.replace("_schedule", "")
    own = getattr(algorithms.config_class(edits.get("run"))(), "entropy_coeff", 0.0)
    _schedule(edits, path, new, start=edits.get(new, own))


def _schedule(edits: Edits, path: str, new: str, start: Any) -> None:
    value, name = edits.get(path), new.rsplit(".", 1)[-1]
    if value is None:
        edits.leave_out(path, "no schedule is set")
        return
    if None in each(value):
        hint = f"list the alternatives under {name}"
        raise RequestError("null stands beside schedules in this grid", key=path, hint=hint)
    steps = [item for item in each(value) if _is_step(item) and start is not None]
    if len(each(value)) > 1 and steps and len(each(start)) > 1:
        raise RequestError(f"is a grid beside a grid of {name}", key=path, hint="split the file")
    if value in steps:
        pairs = mapped(lambda first: [[0, first], [int(value), 0.0]], start)
    else:
        pairs = mapped(
            lambda item: [[0, start], [int(item), 0.0]] if item in steps else _from_step_0(item),
            value,
        )
    if edits.has(new):
        edits.leave_out(new, f"{path.rsplit('.', 1)[-1]} overrode it")
    edits.change(path, new, pairs, f"is a value of {name} now")


def _is_step(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _from_step_0(value: Any) -> Any:
    """RLlib held the first value before the first step; today's schedules start at 0."""
    try:
        pairs = [[int(step), float(number)] for step, number in value]
    except (TypeError, ValueError, OverflowError):
        return value  # refused later, with its own sentence
    if pairs and pairs[0][0] != 0:
        pairs.insert(0, [0, pairs[0][1]])
    return [*pairs, [pairs[0][0] + 1, pairs[0][1]]] if len(pairs) == 1 else pairs


def evaluation_interval(edits: Edits, path: str) -> None:
    """0 meant never."""
    value = edits.get(path)
    if value == 0:
        edits.leave_out(path, "0: there is no evaluation in training")
    elif any(interval == 0 for interval in each(value)):
        new = mapped(lambda interval: None if interval == 0 else interval, value)
        edits.change(path, path, new, "0: there is no evaluation in training")


def evaluation_duration(edits: Edits, path: str) -> None:
    """As long as the training beside it took: evaluation comes between two iterations here."""
    if edits.get(path) == "auto":
        edits.leave_out(path, "auto went with evaluation beside training; 10 episodes are played")


def evaluation_duration_unit(edits: Edits, path: str) -> None:
    """Episodes are counted."""
    if edits.get(path) == "timesteps":
        duration = path.removesuffix("_unit")
        if edits.has(duration):
            edits.leave_out(duration, "it counted steps; 10 episodes are played")
        edits.leave_out(path, "episodes are counted")


def env_of_evaluation(edits: Edits, path: str) -> None:
    """Evaluation plays what training plays."""
    if "evaluation_config" in path:
        if edits.get(path) != edits.get("env"):
            raise RequestError("evaluation plays the training's environment", key=path)
        edits.leave_out(path, "it is the training's")


# Today's keys: only some of their values are retired.
EVALUATION_VALUES: dict[str, Callable[[Edits, str], None]] = {
    "evaluation_interval": evaluation_interval,
    "evaluation_duration": evaluation_duration,
    "evaluation_duration_unit": evaluation_duration_unit,
    "env": env_of_evaluation,
}


TORCH = "torch is the one there is"
# Keys that say how many GPUs learners have, in the words of several releases.
_OF_LEARNERS = (
    "num_gpus_per_learner",
    "num_gpus_per_learner_worker",
    "num_gpus_per_trainer_worker",
)
_OF_THE_LOOP = {
    "grads_per_step",
    "max_weight_sync_delay",
    "num_replay_buffer_shards",
    "num_gradient_worker_shards",
    "debug",
    "train_batch_size",
    "buffer_size",
}


def framework(edits: Edits, path: str) -> None:
    """tf, tf2 and tfe: torch. A grid over frameworks is one run."""
    value = edits.get(path)
    wrong = [name for name in each(value) if name not in ("tf", "tf2", "tfe", "torch", None)]
    if wrong:
        raise RequestError(f"{wrong[0]!r} is unknown", key=path, hint=TORCH)
    asked = "a grid over frameworks" if isinstance(value, dict) else str(value)
    edits.leave_out(path, f"{asked}: {TORCH}" if value != "torch" else TORCH)


def entropy_coeff(edits: Edits, path: str) -> None:
    """Before Ray 0.6 the weight was negative."""
    value = edits.get(path)
    if any(isinstance(v, int | float) and v < 0 for v in each(value)):
        positive = mapped(lambda v: abs(v) if isinstance(v, int | float) else v, value)
        edits.change(path, path, positive, "its sign was the other way round then")


def observation_filter(edits: Edits, path: str) -> None:
    """The concurrent filter differed only inside one process."""
    if "ConcurrentMeanStdFilter" in each(edits.get(path)):
        names = {"ConcurrentMeanStdFilter": "MeanStdFilter"}
        new = mapped(lambda value: names.get(value, value), edits.get(path))
        edits.change(path, path, new, "MeanStdFilter is the one that is shared")


def batch_mode(edits: Edits, path: str) -> None:
    """Fragments are cut at their length; the critic's value, if there is one, counts the rest."""
    if "complete_episodes" in each(edits.get(path)):
        scope = path.rsplit(".", 1)[0]
        lengths = (f"{scope}.rollout_fragment_length", f"{scope}.sample_batch_size")
        if edits.get("run") == "PG" and not any(map(edits.has, lengths)):
            return
        why = "complete_episodes: fragments are cut and bootstrapped with the critic here"
        if edits.get("run") == "PG" and not edits.get("config.use_critic"):
            why = "complete_episodes: fragments are cut here, and what follows a cut counts as 0"
        edits.leave_out(path, why)


def num_gpus(edits: Edits, path: str) -> None:
    """The driver's GPUs: one belongs to the learner, several need as many learners."""
    value = edits.get(path)
    scope = path.rsplit(".", 1)[0]
    if edits.get(f"{scope}._fake_gpus"):
        edits.leave_out(path, "they were fakes")
    elif any(edits.has(f"{scope}.{key}") for key in _OF_LEARNERS):
        edits.leave_out(path, "the learners' GPUs are given")
    elif isinstance(value, int | float) and not isinstance(value, bool) and value > 1:
        edits.change(path, f"{scope}.num_learners", int(value), "one learner for every GPU")
        edits.fill(f"{scope}.num_gpus_per_learner", 1, "one learner for every GPU")
    else:
        edits.rename(path, f"{scope}.num_gpus_per_learner")


def fake_gpus(edits: Edits, path: str) -> None:
    """A test's way to do without GPUs."""
    edits.leave_out(path, "it was for tests")


def gpu(edits: Edits, path: str) -> None:
    """Ray 0.4's word for a GPU at the driver."""
    edits.leave_out(path, "it was no key even then; num_gpus_per_learner asks for a GPU")


def explore(edits: Edits, path: str) -> None:
    """Training samples; evaluation alone may be greedy."""
    if "evaluation_config" not in path and set(map(str, each(edits.get(path)))) == {"True"}:
        edits.leave_out(path, "training samples its actions anyway")


def exploration_config(edits: Edits, path: str) -> None:
    """Policies that sample from their own distribution explore by it."""
    value = one_value(edits.get(path), path)
    kind = value.get("type", "StochasticSampling") if isinstance(value, dict) else value
    if kind not in ("StochasticSampling", None):
        raise RequestError(f"exploration by {kind} is not offered", key=f"{path}.type")
    for key in value or {}:
        if key not in ("type", "random_timesteps"):
            raise RequestError("is unknown of StochasticSampling", key=f"{path}.{key}")
    edits.leave_out(path, "the policy explores by its own distribution")


def use_gae(edits: Edits, path: str) -> None:
    """PPO without GAE: the discounted return minus the value, which is λ = 1."""
    if edits.get("run") != "PPO":
        return
    if False in each(edits.get(path)) and len(each(edits.get(path))) > 1:
        hint = "PPO without GAE is λ = 1: list the alternatives under lambda"
        raise RequestError("is a grid with false", key=path, hint=hint)
    if edits.get(path) is False:
        for name in ("lambda", "lambda_"):
            if edits.has(path.replace("use_gae", name)):
                edits.leave_out(path.replace("use_gae", name), "it had no effect without GAE")
        edits.change(path, path.replace("use_gae", "lambda"), 1.0, "PPO without GAE is λ = 1")


def remote_worker_envs(edits: Edits, path: str) -> None:
    """Every environment in a process of its own."""
    if one_value(edits.get(path), path) is True:
        new = path.replace("remote_worker_envs", "gym_env_vectorize_mode")
        edits.change(path, new, "async", "every copy has a process of its own so")
    else:
        edits.leave_out(path, "the copies share their runner's process")


def optimizer(edits: Edits, path: str) -> None:
    """Ray 0.x configured its loop there, Ray 1.x nothing."""
    if edits.get(path) in ({}, None):
        edits.leave_out(path, "nothing is set")
        return
    for key in edits.keys(path):
        if key in _OF_THE_LOOP:
            edits.leave_out(f"{path}.{key}", "it arranged Ray 0.x's loop, not its updates")
    if edits.get(path) == {}:
        edits.take(path)


def unbounded(edits: Edits, path: str) -> None:
    """Infinity was a way to say that there is no bound."""
    if math.inf in each(edits.get(path)):
        none = mapped(lambda value: None if value == math.inf else value, edits.get(path))
        edits.change(path, path, none, "an infinite bound is none")


def multiagent(edits: Edits, path: str) -> None:
    """Defaults may be written down; several agents may not."""
    for values in each(edits.get(path)):
        mapping = isinstance(values, dict)
        if values and not (mapping and not (values.get("policies") or values.get("policy_graphs"))):
            raise RequestError("multi-agent training is not supported", key=path)
    edits.leave_out(path, "there is one agent")


def callbacks(edits: Edits, path: str) -> None:
    """Before Ray 0.8.6 a dictionary of functions, all of them unset by default."""
    value = one_value(edits.get(path), path)
    if isinstance(value, dict) and any(value.values()):
        hint = "write a subclass of RLlib's RLlibCallback"
        raise RequestError("functions of the retired sampler are not called", key=path, hint=hint)
    if isinstance(value, dict) or value is None:
        edits.leave_out(path, "none is set")
    else:
        edits.rename(path, path.replace("callbacks", "callbacks_class"))


SPECIAL: dict[str, Callable[[Edits, str], None]] = {
    "framework": framework,
    "framework_str": framework,
    "use_pytorch": lambda edits, path: edits.leave_out(path, TORCH),
    "lr_schedule": lr_schedule,
    "entropy_coeff_schedule": entropy_coeff_schedule,
    "num_gpus": num_gpus,
    "_fake_gpus": fake_gpus,
    "gpu": gpu,
    "exploration_config": exploration_config,
    "remote_worker_envs": remote_worker_envs,
    "multiagent": multiagent,
    "callbacks": callbacks,
}
# These are today's keys too: only some of their values are retired.
SPECIAL_VALUES: dict[str, Callable[[Edits, str], None]] = {
    "entropy_coeff": entropy_coeff,
    "observation_filter": observation_filter,
    "batch_mode": batch_mode,
    "explore": explore,
    "use_gae": use_gae,
    **EVALUATION_VALUES,
    "optimizer": optimizer,
    "vf_clip_param": unbounded,
    "grad_clip": unbounded,
}
