"""Convert numbers of legacy files: quoted ones, stray commas, ``eval`` and whole floats."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.schema import ALIASES, MODEL_KEYS, keys_of
from rllib_zoo.algorithms.base.validators import Kind
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.renamed_keys import EXPERIMENT_NUMBERS
from rllib_zoo.experiments.spec.changes import Change, Edits
from rllib_zoo.experiments.spec.grid import GRID, map_grid

_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")


def convert_scalar(value: Any) -> tuple[Any, str | None]:
    """Convert a number or boolean in quotes or with a stray comma (``"true,"``).

    Returns:
        The value, and a note for the user if it was converted.
    """
    if not isinstance(value, str):
        return value, None
    text = value.strip().rstrip(",").strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true", f"{value!r} is read as {text.lower()}"
    if _NUMBER.fullmatch(text):
        digits = text.replace("_", "")
        number = int(digits) if re.fullmatch(r"[-+]?\d+", digits) else float(digits)
        return number, f"{value!r} is read as the number {number}"
    return value, None


def arithmetic(text: Any, path: str) -> int | float:
    """The value of an expression such as ``5 * 1000``.

    Raises:
        RequestError: it has more than numbers and + - * / **.
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
        hint = "write the value, or list several under grid_search"
        problem = f"{text!r} is code, which is not evaluated"
        raise RequestError(problem, key=path, hint=hint) from None


def convert_config(edits: Edits) -> None:
    """Convert all numbers inside ``config``."""
    for key in edits.keys("config"):
        _convert(edits, f"config.{key}")


def _convert(edits: Edits, path: str) -> None:
    value = edits.get(path)
    if isinstance(value, Mapping) and set(value) != {"eval"} and GRID not in value:
        for key in edits.keys(path):
            _convert(edits, f"{path}.{key}")
        return
    notes: list[str] = []
    new = _convert_nested(value, path, notes)
    if notes:
        edits.amend(path, new, "; ".join(dict.fromkeys(notes)))
    elif new != value:  # equal alternatives of a grid were merged
        edits.set(path, new)


def _convert_nested(value: Any, path: str, notes: list[str]) -> Any:
    """The value with all numbers in it converted; notes for the user are appended to ``notes``."""
    if isinstance(value, Mapping) and set(value) == {"eval"}:
        number = arithmetic(value["eval"], path)
        notes.append(f"{value['eval']} is {number}")
        return number
    if isinstance(value, Mapping) and set(value) == {GRID} and isinstance(value[GRID], list):
        return map_grid(lambda item: _convert_nested(item, path, notes), value)
    if isinstance(value, Mapping):
        return {key: _convert_nested(item, path, notes) for key, item in value.items()}
    if isinstance(value, list):
        return [_convert_nested(item, path, notes) for item in value]
    new, note = convert_scalar(value)
    notes += [note] if note is not None else []
    return new


def convert_experiment(edits: Edits) -> None:
    """Convert the numbers outside ``config``: the experiment's keys and stop criteria."""
    paths = [key for key in edits.keys("") if key in EXPERIMENT_NUMBERS]
    for path in (*paths, *(f"checkpoint_config.{key}" for key in edits.keys("checkpoint_config"))):
        value = edits.get(path)
        new, note = convert_scalar(value)
        if (number := _whole_to_int(new)) is not new:
            new, note = number, f"{value!r} is read as {number}"
        if note is not None:
            edits.amend(path, new, note)
    stop = edits.get("stop")
    for key in edits.keys("stop"):  # result names may contain dots, so no paths
        stop[key], note = convert_scalar(stop[key])
        if note is not None:
            edits.changes.append(Change(f"stop.{key}", f"stop.{key}", note, stop[key]))


def convert_whole_floats(edits: Edits, algorithm: str) -> None:
    """Convert whole floats such as ``4e3`` to integers where a current key needs an integer."""
    config_keys = keys_of(algorithm)
    for where, kinds in (
        ("config", config_keys),
        ("config.evaluation_config", config_keys),
        ("config.model", MODEL_KEYS),
        (
            "config.replay_buffer_config",
            algorithms.descriptor("DQN").nested_keys["replay_buffer_config"],
        ),
    ):
        for key in edits.keys(where):
            if (kind := kinds.get(ALIASES.get(key, key))) is not None:
                _convert_whole_float(edits, f"{where}.{key}", kind)


def _convert_whole_float(edits: Edits, path: str, kind: Kind) -> None:
    value = edits.get(path)

    def convert(item: Any) -> Any:
        number = _whole_to_int(item)
        return number if kind(item) is not None and kind(number) is None else item

    new = map_grid(convert, value)
    if str(new) != str(value):
        edits.amend(path, new, f"{value} is read as {new}")


def _whole_to_int(value: Any) -> Any:
    """Whole floats as integers, also in lists; other values unchanged."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [_whole_to_int(item) for item in value] if isinstance(value, list) else value
