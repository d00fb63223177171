"""Writing down what retired releases did unasked: their defaults, batches, and summed losses."""

from __future__ import annotations

import math
from typing import Any

from envs import EnvironmentRequestError, is_atari, legacy_atari_id
from experiments.edits import Edits, each
from experiments.retired_eras import ADAM, DEFAULTS, EPSILON, SCREENS_0_4

YEAR = 365 * 24 * 3600


def fill_defaults(edits: Edits, algorithm: str, era: str) -> None:
    """Today's file says what the retired release did where the file was silent."""
    why = f"as in Ray {era} where the file is silent"
    defaults = DEFAULTS[era].get(algorithm, {})
    if era == "0.4" and any(is_atari(env) for env in each(edits.get("env"))):
        defaults = {**defaults, **_own_screens(edits, algorithm)}
    for key, value in defaults.items():
        edits.fill(f"config.{key}", value, why)
    if not edits.get("stop") and edits.get("time_budget_s") is None:
        if edits.has("stop"):
            edits.take("stop")
        edits.fill(
            "stop",
            {"time_total_s": YEAR},
            "no rule ends the run, so it goes on until you interrupt it; a year stands for ever",
        )


def screens_of_the_era(edits: Edits, algorithm: str, era: str) -> None:
    """Before Ray 0.5 only DQN wrapped games as Mnih et al. did."""
    if era != "0.4" or algorithm == "DQN":
        return
    if any(isinstance(env, str) and _played_as_a_game(env) for env in each(edits.get("env"))):
        edits.put("config.preprocessor_pref", "rllib")


def _played_as_a_game(env: str) -> bool:
    try:
        return is_atari(env) or legacy_atari_id(env) is not None
    except EnvironmentRequestError:  # refused later, with its own sentence
        return False


def _own_screens(edits: Edits, algorithm: str) -> dict[str, Any]:
    model = edits.get("config.model") or {}
    own = algorithm == "DQN" or "custom_model" in model or "conv_filters" in model
    return {} if own or model.get("dim", 80) != 80 else SCREENS_0_4


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
    size = "train_batch_size"
    if edits.has(f"config.{size}_per_learner"):
        size += "_per_learner"
    total = edits.get(f"config.{size}", defaults.train_batch_size)
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
        if edits.has(f"config.{size}"):
            edits.correct(f"config.{size}", collected, why)
        else:
            edits.fill(f"config.{size}", collected, why)


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
    if edits.get("config.optimizer") == ADAM:
        edits.correct("config.optimizer", {**ADAM, "epsilon": EPSILON / steps}, why)


def _largest(edits: Edits, key: str, defaults: Any) -> int | None:
    """The number, at least 1; of a grid its largest, whose rounds the smaller ones make up too."""
    values = each(edits.get(f"config.{key}", getattr(defaults, key)))
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return max(*values, 1) if whole else None


def _too_long(fragment: Any, columns: int, total: int) -> bool:
    return isinstance(fragment, int) and columns * fragment > total
