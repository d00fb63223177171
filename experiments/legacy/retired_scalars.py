"""Single values of retired files: numbers in quotes, stray commas, evaluated arithmetic."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from rllib_zoo.experiments.errors import RequestError

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
