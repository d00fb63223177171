"""Retired keys whose values need more than another name."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from experiments.edits import Edits, each, mapped
from experiments.errors import RequestError

TORCH = "torch is the one there is"
_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")


def framework(edits: Edits, path: str) -> None:
    """tf, tf2 and tfe: torch. A grid over frameworks is one run."""
    value = edits.get(path)
    wrong = [name for name in each(value) if name not in ("tf", "tf2", "tfe", "torch", None)]
    if wrong:
        raise RequestError(f"{wrong[0]!r} is unknown", key=path, hint=TORCH)
    asked = "a grid over frameworks" if isinstance(value, dict) else str(value)
    edits.leave_out(path, f"{asked}: {TORCH}" if value != "torch" else TORCH)


def lr_schedule(edits: Edits, path: str) -> None:
    """The schedule replaces ``lr``, which it overrode."""
    _schedule(edits, path, path.replace("lr_schedule", "lr"), default=None)


def entropy_coeff_schedule(edits: Edits, path: str) -> None:
    """As :func:`lr_schedule`; a number is the step at which the weight has sunk to 0."""
    default = edits.get(path.replace("_schedule", ""), 0.0)
    _schedule(edits, path, path.replace("_schedule", ""), default=default)


def _schedule(edits: Edits, path: str, new: str, default: Any) -> None:
    value = edits.get(path)
    if value is None:
        edits.leave_out(path, "no schedule is set")
        return
    if isinstance(value, int | float) and not isinstance(value, bool) and default is not None:
        pairs: Any = [[0, default], [int(value), 0.0]]
    else:
        pairs = mapped(_from_step_0, value)
    if edits.has(new):
        edits.leave_out(new, f"{path.rsplit('.', 1)[-1]} overrode it")
    edits.change(path, new, pairs, f"is a value of {new.rsplit('.', 1)[-1]} now")


def _from_step_0(value: Any) -> Any:
    """RLlib held the first value before the first step; today's schedules start at 0."""
    try:
        pairs = [[int(step), float(number)] for step, number in value]
    except (TypeError, ValueError):
        return value  # refused later, with its own sentence
    if pairs and pairs[0][0] != 0:
        pairs.insert(0, [0, pairs[0][1]])
    return [*pairs, [pairs[0][0] + 1, pairs[0][1]]] if len(pairs) == 1 else pairs


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
    """Fragments are cut at their length; the critic's value stands for the rest."""
    if "complete_episodes" in each(edits.get(path)):
        why = "complete_episodes: fragments are cut and bootstrapped with the critic here"
        edits.leave_out(path, why)


def num_gpus(edits: Edits, path: str) -> None:
    """The driver's GPUs: one belongs to the learner, several need as many learners."""
    value = edits.get(path)
    scope = path.rsplit(".", 1)[0]
    if edits.get(f"{scope}._fake_gpus"):
        edits.leave_out(path, "they were fakes")
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
    value = edits.get(path)
    kind = value.get("type", "StochasticSampling") if isinstance(value, dict) else value
    if kind not in ("StochasticSampling", None):
        raise RequestError(f"exploration by {kind} is not offered", key=f"{path}.type")
    for key in value or {}:
        if key not in ("type", "random_timesteps"):
            raise RequestError("is unknown of StochasticSampling", key=f"{path}.{key}")
    edits.leave_out(path, "the policy explores by its own distribution")


def use_gae(edits: Edits, path: str) -> None:
    """PPO without GAE: the discounted return minus the value, which is λ = 1."""
    if edits.get(path) is False and edits.get("run") == "PPO":
        for name in ("lambda", "lambda_"):
            if edits.has(path.replace("use_gae", name)):
                edits.leave_out(path.replace("use_gae", name), "it had no effect without GAE")
        edits.change(path, path.replace("use_gae", "lambda"), 1.0, "PPO without GAE is λ = 1")


def remote_worker_envs(edits: Edits, path: str) -> None:
    """Every environment in a process of its own."""
    if edits.get(path) is True:
        new = path.replace("remote_worker_envs", "gym_env_vectorize_mode")
        edits.change(path, new, "async", "every copy has a process of its own so")
    else:
        edits.leave_out(path, "the copies share their runner's process")


def evaluation_interval(edits: Edits, path: str) -> None:
    """0 meant never."""
    if edits.get(path) == 0:
        edits.leave_out(path, "0: there is no evaluation in training")


def lstm_use_prev_action_reward(edits: Edits, path: str) -> None:
    """One key for two."""
    value, scope = edits.get(path), path.rsplit(".", 1)[0]
    if not value:
        edits.leave_out(path, "the recurrent layer gets the observation alone")
        return
    edits.change(path, f"{scope}.lstm_use_prev_action", value, "is two keys now")
    edits.fill(f"{scope}.lstm_use_prev_reward", value, "is two keys now")


def screen_colours(edits: Edits, path: str) -> None:
    """``grayscale`` and ``zero_mean`` of Atari screens."""
    edits.leave_out(path, "screens are gray and scaled to [0, 1]")


SPECIAL: dict[str, Callable[[Edits, str], None]] = {
    "framework": framework,
    "use_pytorch": lambda edits, path: edits.leave_out(path, TORCH),
    "lr_schedule": lr_schedule,
    "entropy_coeff_schedule": entropy_coeff_schedule,
    "num_gpus": num_gpus,
    "_fake_gpus": fake_gpus,
    "gpu": gpu,
    "exploration_config": exploration_config,
    "remote_worker_envs": remote_worker_envs,
}
# These are today's keys too: only some of their values are retired.
SPECIAL_VALUES: dict[str, Callable[[Edits, str], None]] = {
    "entropy_coeff": entropy_coeff,
    "observation_filter": observation_filter,
    "batch_mode": batch_mode,
    "explore": explore,
    "use_gae": use_gae,
    "evaluation_interval": evaluation_interval,
}
MODEL_SPECIAL: dict[str, Callable[[Edits, str], None]] = {
    "lstm_use_prev_action_reward": lstm_use_prev_action_reward,
}
MODEL_SPECIAL_VALUES: dict[str, Callable[[Edits, str], None]] = {
    "grayscale": screen_colours,
    "zero_mean": screen_colours,
}


def cleaned(value: Any, path: str) -> tuple[Any, str | None]:
    """A scalar without the slips of old files, and what to say about it.

    Numbers and booleans in quotes or with a stray comma (``"true,"``), and Tune's
    ``{eval: "5 * 1000"}``, of which plain arithmetic is understood.

    Raises:
        RequestError: ``eval`` of anything but numbers.
    """
    if not isinstance(value, str):
        return value, None
    text = value.strip().rstrip(",").strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true", f"{value!r} is read as {text.lower()}"
    if _NUMBER.fullmatch(text):
        plain = text.replace("_", "")
        number = int(plain) if re.fullmatch(r"[-+]?\d+", plain) else float(plain)
        return number, f"{value!r} is read as the number {number}"
    return value, None


def arithmetic(text: Any, path: str) -> int | float:
    """The value of ``5 * 1000``.

    Raises:
        RequestError: it is more than numbers and + - * / **.
    """

    def value_of(node: ast.AST) -> Any:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = value_of(node.left), value_of(node.right)
            if isinstance(node.op, ast.Pow) and (abs(left) > 1e6 or abs(right) > 64):
                raise ValueError
            return _OPERATORS[type(node.op)](left, right)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value_of(node.operand))
        raise ValueError

    try:
        return value_of(ast.parse(str(text), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError):
        raise RequestError(
            f"{text!r} is code, which no config file runs here",
            key=path,
            hint="write the value, or list several under grid_search",
        ) from None
