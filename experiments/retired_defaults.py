"""What retired releases did where a file is silent, and how their batches and losses came about."""

from __future__ import annotations

import math
from typing import Any

from experiments.edits import Edits, each

# Keys only the releases before 1.0 had, and those that came with 2.0.
BEFORE_1 = {
    "sample_batch_size",
    "batch_size",
    "timesteps_per_batch",
    "use_pytorch",
    "eager",
    "sgd_batchsize",
    "sgd_stepsize",
    "smoothing_num_episodes",
    "devices",
    "write_logs",
    "per_worker_exploration",
    "schedule_max_timesteps",
    "exploration_final_eps",
    "exploration_fraction",
    "gpu",
}
SINCE_2 = {
    "num_rollout_workers",
    "replay_buffer_config",
    "min_sample_timesteps_per_iteration",
    "min_time_s_per_iteration",
    "num_learner_workers",
    "enable_connectors",
    "recreate_failed_workers",
    "_enable_learner_api",
    "_enable_rl_module_api",
    "_enable_rl_trainer_api",
    "_enable_new_api_stack",
    "evaluation_duration",
}
SINCE_1 = {
    "timesteps_per_iteration",
    "min_iter_time_s",
    "min_time_s_per_reporting",
    "metrics_smoothing_episodes",
    "evaluation_num_episodes",
    "buffer_size",
    "_use_trajectory_view_api",
}

_EPSILON = 1e-8
_ADAM = {"type": "adam", "epsilon": _EPSILON}
_ACTOR_CRITIC = {
    "num_env_runners": 2,
    "num_envs_per_env_runner": 1,
    "lr": 1e-4,
    "grad_clip": 40.0,
    "optimizer": _ADAM,
}
_PG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 1,
    "lr": 4e-4,
    "train_batch_size": 200,
    "optimizer": _ADAM,
}
_A2C_1 = {
    **_ACTOR_CRITIC,
    "train_batch_size": 200,
    "rollout_fragment_length": 20,
    "min_time_s_per_iteration": 10,
}
_A3C = {**_ACTOR_CRITIC, "rollout_fragment_length": 10, "min_time_s_per_iteration": 5}
_RAW_ACTIONS = {"normalize_actions": False, "clip_actions": True}
# Release → algorithm → key → value, where today's default is another one.
DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "before 1.0": {
        "A2C": {**_A2C_1, **_RAW_ACTIONS},
        "A3C": {**_A3C, **_RAW_ACTIONS},
        "PPO": _RAW_ACTIONS,
        "PG": {**_PG, **_RAW_ACTIONS},
    },
    "1": {"A2C": _A2C_1, "A3C": _A3C, "PPO": {}, "PG": _PG},
    "2": {
        "A2C": {**_ACTOR_CRITIC, "train_batch_size": 32, "min_time_s_per_iteration": 10},
        "A3C": _A3C,
        "PPO": {},
        "PG": _PG,
    },
}
YEAR = 365 * 24 * 3600


def era_of(keys: set[str]) -> str:
    """The release the file was written for, by the keys only some releases had; else the last."""
    if keys & SINCE_2:
        return "2"
    if keys & BEFORE_1:
        return "before 1.0"
    return "1" if keys & SINCE_1 else "2"


def fill_defaults(edits: Edits, algorithm: str, era: str) -> None:
    """Today's file says what the retired release did where the file was silent."""
    why = f"as in Ray {era} where the file is silent"
    for key, value in DEFAULTS[era].get(algorithm, {}).items():
        edits.fill(f"config.{key}", value, why)
    if not edits.get("stop") and edits.get("time_budget_s") is None:
        if edits.has("stop"):
            edits.take("stop")
        edits.fill(
            "stop",
            {"time_total_s": YEAR},
            "no rule ends the run, so it goes on until you interrupt it; a year stands for ever",
        )


def at_least_one_runner(edits: Edits, algorithm: str) -> None:
    """The course's A3C files name no runner; asynchrony needs one."""
    if algorithm == "A3C" and edits.get("config.num_env_runners") == 0:
        edits.correct("config.num_env_runners", 1, "A3C computes its gradients in runners: one")


def whole_batches(edits: Edits, algorithm: str, defaults: Any) -> None:
    """The batch that the retired sampler really collected.

    It went round all environments until ``train_batch_size`` was reached or passed; today a batch
    is exactly what runners, environments and fragments make up.
    """
    if algorithm == "A3C":
        return
    runners = _largest(edits, "num_env_runners", defaults)
    envs = _largest(edits, "num_envs_per_env_runner", defaults)
    total = edits.get("config.train_batch_size", defaults.train_batch_size)
    fragment = edits.get("config.rollout_fragment_length", "auto")
    if runners is None or envs is None or not isinstance(total, int):
        return
    columns = runners * envs
    if fragment == "auto" or (algorithm == "PPO" and _too_long(fragment, columns, total)):
        if fragment != "auto":
            why = (
                f"{columns} environments x {fragment} steps are more than a batch; PPO shortened it"
            )
            edits.change(
                "config.rollout_fragment_length", "config.rollout_fragment_length", "auto", why
            )
        per_round = columns
    elif isinstance(fragment, int) and fragment > 0:
        per_round = columns * fragment
    else:
        return
    collected = math.ceil(total / per_round) * per_round
    if collected != total:
        why = f"rounds of {per_round} steps collected {collected} for the {total} asked"
        if edits.has("config.train_batch_size"):
            edits.correct("config.train_batch_size", collected, why)
        else:
            edits.fill("config.train_batch_size", collected, why)


def means_of_sums(edits: Edits, algorithm: str) -> None:
    """Scale what the sums in the retired A2C's and A3C's losses were tuned for.

    The retired gradient is today's times the number B of steps in it; Adam divides by the
    gradient's own size, so that equal updates need the bound and Adam's epsilon divided by B.
    """
    if algorithm == "A3C":
        fragment = edits.get("config.rollout_fragment_length")
        envs = edits.get("config.num_envs_per_env_runner")
        known = isinstance(fragment, int) and isinstance(envs, int)
        steps = fragment * envs if known else None
    else:
        steps = edits.get("config.minibatch_size") or edits.get("config.train_batch_size")
    if not isinstance(steps, int) or steps < 1:
        return
    why = f"divided by the {steps} steps of a gradient: losses are means now, not sums"
    clip = edits.get("config.grad_clip")
    if isinstance(clip, int | float) and not isinstance(clip, bool):
        edits.correct("config.grad_clip", clip / steps, why)
    if edits.get("config.optimizer") == _ADAM:
        edits.correct("config.optimizer", {**_ADAM, "epsilon": _EPSILON / steps}, why)


def _largest(edits: Edits, key: str, defaults: Any) -> int | None:
    """The number, at least 1; of a grid its largest, whose rounds the smaller ones make up too."""
    values = each(edits.get(f"config.{key}", getattr(defaults, key)))
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return max(*values, 1) if whole else None


def _too_long(fragment: Any, columns: int, total: int) -> bool:
    return isinstance(fragment, int) and columns * fragment > total
