"""Validators of configuration values: each returns None, or the expected value as text."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

Kind = Callable[[Any], str | None]


# Arrays and counters have 64 bits; numpy's and RLlib's global seeds have 32.
LARGEST, LARGEST_SEED = 2**63 - 1, 2**32 - 1


# Names that RLlib has for activations of torch, in lower case.
ACTIVATIONS = ("linear", "swish", "silu", "relu", "tanh", "elu", "softmax")


def integer(minimum: int, maximum: int = LARGEST) -> Kind:
    """An integer from ``minimum`` to ``maximum``; booleans are refused."""
    expected = f"an integer of at least {minimum}"

    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            return expected
        return None if value <= maximum else f"{expected} and at most {maximum}"

    return check


def number(minimum: float, maximum: float = math.inf, *, above: bool = False) -> Kind:
    """A finite number from ``minimum`` (excluded with ``above``) to ``maximum``."""
    low = f" above {minimum:g}" if above else f" of at least {minimum:g}"
    expected = "a number" + (low if minimum > -math.inf else "")
    expected += f" and at most {maximum:g}" if maximum < math.inf else ""

    def check(value: Any) -> str | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return expected
        try:
            valid = math.isfinite(float(value)) and minimum <= value <= maximum
        except OverflowError:  # an integer above 1.8e308
            return f"{expected} and at most {sys.float_info.max:.1e}"
        return None if valid and not (above and value == minimum) else expected

    return check


def _instance_of(kind: Any, expected: str) -> Kind:
    return lambda value: None if isinstance(value, kind) else expected


boolean = _instance_of(bool, "true or false")
mapping = _instance_of(Mapping, "a mapping of keys to values")
conv_filters = _instance_of(list, "a list of [channels, kernel, stride]")


def widths(value: Any) -> str | None:
    """A list of layer widths."""
    valid = isinstance(value, list) and not any(map(integer(1), value))
    return None if valid else "a list of layer widths"


def text(value: Any) -> str | None:
    """A string that is not empty."""
    return None if isinstance(value, str) and value else "text"


def anything(value: Any) -> str | None:
    """Any value: for Python objects, which only Python files can set."""
    return None


def choice(*options: Any) -> Kind:
    """One of a few values."""
    expected = "one of " + ", ".join(str(option) for option in options)
    return lambda value: None if value in options and not isinstance(value, bool) else expected


def either(*kinds: Kind) -> Kind:
    """A value that is valid for one of the validators."""

    def check(value: Any) -> str | None:
        expected = [kind(value) for kind in kinds]
        return None if None in expected else " or ".join(map(str, expected))

    return check


def optional(kind: Kind) -> Kind:
    """null, or a value that is valid for the validator."""

    def check(value: Any) -> str | None:
        expected = None if value is None else kind(value)
        return expected and f"{expected}, or null"

    return check


def schedule(kind: Kind) -> Kind:
    """A value, or ``[[0, value], [step, value], …]`` with rising steps."""
    form = "or a schedule [[0, value], [step, value], …] with rising steps"

    def check(value: Any) -> str | None:
        if not isinstance(value, list | tuple):
            expected = kind(value)
            return expected and f"{expected}, {form}"
        pairs = [pair for pair in value if isinstance(pair, list | tuple) and len(pair) == 2]
        steps = [step for step, _ in pairs]
        valid = (
            len(pairs) == len(value) >= 2
            and not any(integer(0)(step) for step in steps)
            and steps[0] == 0
            and all(a < b for a, b in itertools.pairwise(steps))
            and not any(kind(scheduled) for _, scheduled in pairs)
        )
        return None if valid else f"a number {form}"

    return check


def activation(value: object) -> str | None:
    """The name of an activation function that RLlib supports: one of its own, or torch's."""
    if value is None or callable(value) or str(value).lower() in ACTIVATIONS:
        return None
    if isinstance(value, str) and value[:1].isupper():  # torch, which takes a second to import
        from torch import nn

        if hasattr(nn, value):
            return None
    return "an activation such as tanh, relu, elu, silu or linear"


def of_type(default: Any) -> Kind:
    """A value of the type of a default; anything where that tells too little."""
    if isinstance(default, bool):
        return boolean
    if isinstance(default, int | float):
        return number(-math.inf)
    if isinstance(default, str):
        return text
    return mapping if isinstance(default, Mapping) else anything


def complaint(kind: Kind, value: Any) -> str | None:
    """The error message of an invalid value; None for a valid one."""
    expected = kind(value)
    if expected is None:
        return None
    quoted = isinstance(value, str) and _is_number_or_bool(value)
    if isinstance(value, int) and value > LARGEST:
        return f"must be {expected}, got a number of {_digits(value)} digits"
    remedy = " (remove the quotes or the stray comma)" if quoted else ""
    return f"must be {expected}, got {value!r}{remedy}"


def _digits(value: int) -> int:
    """Number of decimal digits, to within one; Python limits the exact conversion to 4,300."""
    return int(value.bit_length() * math.log10(2)) + 1


def _is_number_or_bool(value: str) -> bool:
    stripped = value.strip().rstrip(",")
    try:
        float(stripped)
    except ValueError:
        return stripped.lower() in ("true", "false")
    return True
