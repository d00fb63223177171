"""Numbers of retired files as today's keys want them, wherever they stand in the file."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.validators import Kind
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.renamed_keys import EXPERIMENT_NUMBERS
from rllib_zoo.experiments.spec.changes import GRID, Change, Edits, mapped
from rllib_zoo.experiments.spec.schema import ALIASES, MODEL_KEYS, keys_of

_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")


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


def clean_config(edits: Edits) -> None:
    """Numbers in quotes, stray commas and evaluated arithmetic, wherever they stand."""
    for key in edits.keys("config"):
        _clean(edits, f"config.{key}")


def _clean(edits: Edits, path: str) -> None:
    value = edits.get(path)
    if isinstance(value, Mapping) and set(value) != {"eval"} and GRID not in value:
        for key in edits.keys(path):
            _clean(edits, f"{path}.{key}")
        return
    notes: list[str] = []
    new = _inside(value, path, notes)
    if notes:
        edits.correct(path, new, "; ".join(dict.fromkeys(notes)))
    elif new != value:  # of equal alternatives one is left
        edits.put(path, new)


def _inside(value: Any, path: str, notes: list[str]) -> Any:
    """The value with everything in it cleaned, and what to say about it."""
    if isinstance(value, Mapping) and set(value) == {"eval"}:
        number = arithmetic(value["eval"], path)
        notes.append(f"{value['eval']} is {number}")
        return number
    if isinstance(value, Mapping) and set(value) == {GRID} and isinstance(value[GRID], list):
        return mapped(lambda item: _inside(item, path, notes), value)
    if isinstance(value, Mapping):
        return {key: _inside(item, path, notes) for key, item in value.items()}
    if isinstance(value, list):
        return [_inside(item, path, notes) for item in value]
    new, note = cleaned(value, path)
    notes += [note] if note is not None else []
    return new


def clean_experiment(edits: Edits) -> None:
    """The experiment's own numbers, and the bounds that stop it."""
    for key in edits.keys(""):
        if key in EXPERIMENT_NUMBERS:
            _clean_whole(edits, key)
    for key in edits.keys("checkpoint_config"):
        _clean_whole(edits, f"checkpoint_config.{key}")
    stop = edits.get("stop")
    for key in edits.keys("stop"):
        stop[key], note = cleaned(stop[key], f"stop.{key}")
        if note is not None:
            edits.changes.append(Change(f"stop.{key}", f"stop.{key}", note, stop[key]))


def _clean_whole(edits: Edits, path: str) -> None:
    value = edits.get(path)
    new, note = cleaned(value, path)
    if (number := _integers(new)) is not new:
        new, note = number, f"{value!r} is read as {number}"
    if note is not None:
        edits.correct(path, new, note)


def whole_numbers(edits: Edits, algorithm: str) -> None:
    """Today's keys that count something get ``4000`` for ``4e3``."""
    own = keys_of(algorithm)
    for where, kinds in (
        ("config", own),
        ("config.evaluation_config", own),
        ("config.model", MODEL_KEYS),
        (
            "config.replay_buffer_config",
            algorithms.descriptor("DQN").nested_keys["replay_buffer_config"],
        ),
    ):
        for key in edits.keys(where):
            kind = kinds.get(ALIASES.get(key, key))
            if kind is not None:
                _make_whole(edits, f"{where}.{key}", kind)


def _make_whole(edits: Edits, path: str, kind: Kind) -> None:
    value = edits.get(path)

    def whole(item: Any) -> Any:
        number = _integers(item)
        return number if kind(item) is not None and kind(number) is None else item

    new = mapped(whole, value)
    if str(new) != str(value):
        edits.correct(path, new, f"{value} is read as {new}")


def _integers(value: Any) -> Any:
    """Whole floats as integers, in lists too; anything else as it is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [_integers(item) for item in value] if isinstance(value, list) else value
