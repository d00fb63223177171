"""Writing down what retired releases did unasked: their defaults, batches, and summed losses."""

from __future__ import annotations

import math
from typing import Any

from rllib_zoo.envs import is_atari
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.envs import DEEPMIND
from rllib_zoo.experiments.legacy.releases import ADAM, DEFAULTS, EPSILON, SCREENS_0_4
from rllib_zoo.experiments.spec.changes import Edits, each, mapped

YEAR = 365 * 24 * 3600
_FRAGMENT = "config.rollout_fragment_length"
# Releases whose PPO shortened fragments; the older ones collected the larger batch.
_SHORTENING = ("1", "2")


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


def preprocessing(edits: Edits, algorithm: str, era: str) -> Any:
    """``preprocessor_pref``, or the era's: before Ray 0.5 only DQN wrapped games as Mnih did."""
    unasked = "rllib" if era == "0.4" and algorithm != "DQN" else DEEPMIND
    return edits.get("config.preprocessor_pref", unasked)


def _own_screens(edits: Edits, algorithm: str) -> dict[str, Any]:
    model = edits.get("config.model") or {}
    own = algorithm == "DQN" or "custom_model" in model or "conv_filters" in model
    return {} if own or model.get("dim", 80) != 80 else SCREENS_0_4


def at_least_one_runner(edits: Edits, algorithm: str) -> None:
    """The course's A3C files name no runner; asynchrony needs one."""
    if algorithm == "A3C" and edits.get("config.num_env_runners") == 0:
        edits.correct("config.num_env_runners", 1, "A3C computes its gradients in runners: one")


def whole_batches(edits: Edits, algorithm: str, era: str, defaults: Any) -> None:
    """The batch that the retired sampler really collected.

    It went round all environments until ``train_batch_size`` was reached or passed; today a batch
    is exactly what runners, environments and fragments make up.

    Raises:
        RequestError: a grid whose alternatives collected in different ways.
    """
    if algorithm == "A3C":
        return
    runners = _largest(edits, "num_env_runners", defaults)
    envs = _largest(edits, "num_envs_per_env_runner", defaults)
    size = "config.train_batch_size"
    if edits.has(f"{size}_per_learner"):
        size += "_per_learner"
    asked = edits.get(size, defaults.train_batch_size)
    totals = each(asked)
    fragment = edits.get(_FRAGMENT, "auto")
    if runners is None or envs is None or not all(isinstance(total, int) for total in totals):
        return
    columns = runners * envs
    if algorithm == "PPO" and era in _SHORTENING and _too_long(fragment, columns, totals):
        why = f"{columns} environments x {fragment} steps are more than a batch: PPO shortened it"
        edits.correct(_FRAGMENT, "auto", why)
        fragment = "auto"
    if fragment == "auto":
        per_round = columns
    elif isinstance(fragment, int) and fragment > 0:
        per_round = columns * fragment
    else:
        return
    collected = mapped(lambda total: math.ceil(total / per_round) * per_round, asked)
    if collected != asked:
        words = [str(each(value)).strip("[]") for value in (collected, asked)]
        why = f"rounds of {per_round} steps collected {words[0]} for the {words[1]} asked"
        if edits.has(size):
            edits.correct(size, collected, why)
        else:
            edits.fill(size, collected, why)


def means_of_sums(edits: Edits, algorithm: str) -> None:
    """Scale what the sums in the retired A2C's and A3C's losses were tuned for.

    The retired gradient is today's times the number B of steps in it; Adam divides by the
    gradient's own size, so that equal updates need the bound and Adam's epsilon divided by B.

    Raises:
        RequestError: a grid over what decides B.
    """
    clip, adam = edits.get("config.grad_clip"), edits.get("config.optimizer") == ADAM
    bounded = any(_is_number(bound) for bound in each(clip))
    steps = _steps_of_a_gradient(edits, algorithm) if bounded or adam else None
    if steps is None:
        return
    why = f"divided by the {steps} steps of a gradient: losses are means now, not sums"
    if bounded:
        new = mapped(lambda bound: bound / steps if _is_number(bound) else bound, clip)
        edits.correct("config.grad_clip", new, why)
    if adam:
        edits.correct("config.optimizer", {**ADAM, "epsilon": EPSILON / steps}, why)


def _steps_of_a_gradient(edits: Edits, algorithm: str) -> int | None:
    """B; None where a value is wrong, which is refused later.

    Raises:
        RequestError: as :func:`means_of_sums`.
    """
    names = ["rollout_fragment_length", "num_envs_per_env_runner"]
    if algorithm != "A3C":
        names = ["minibatch_size" if edits.get("config.minibatch_size") else "train_batch_size"]
    values = [edits.get(f"config.{name}") for name in names]
    for name, value in zip(names, values, strict=True):
        if len(each(value)) > 1:
            raise RequestError(
                f"its alternatives need different gradient bounds, as {algorithm} summed its losses",
                key=f"config.{name}",
                hint="split the grid",
            )
    whole = all(isinstance(value, int) and value > 0 for value in values)
    return math.prod(values) if whole else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _largest(edits: Edits, key: str, defaults: Any) -> int | None:
    """The number, at least 1; of a grid its largest, whose rounds the smaller ones make up too."""
    values = each(edits.get(f"config.{key}", getattr(defaults, key)))
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return max(*values, 1) if whole else None


def _too_long(fragment: Any, columns: int, totals: list[int]) -> bool:
    """Raises: RequestError: of the grid's batches only some are shorter than one round."""
    if not isinstance(fragment, int):
        return False
    shorter = [columns * fragment > total for total in totals]
    if any(shorter) and not all(shorter):
        raise RequestError(
            f"{columns} environments x {fragment} steps are more than some of these batches",
            key="config.train_batch_size",
            hint="split the grid",
        )
    return all(shorter)
