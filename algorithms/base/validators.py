"""What a value may be: small checks that return None, or what was expected instead."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from ray.rllib.models.utils import get_activation_fn

Kind = Callable[[Any], str | None]


def integer(minimum: int) -> Kind:
    """A whole number of at least ``minimum``; a bool is none."""

    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= minimum
        return None if good else f"an integer of at least {minimum}"

    return check


def number(minimum: float, maximum: float = math.inf, *, above: bool = False) -> Kind:
    """A finite number from ``minimum`` (beyond it with ``above``) to ``maximum``."""
    low = f" above {minimum:g}" if above else f" of at least {minimum:g}"
    words = "a number" + (low if minimum > -math.inf else "")
    words += f" and at most {maximum:g}" if maximum < math.inf else ""

    def check(value: Any) -> str | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return words
        if not math.isfinite(value):
            return words
        inside = minimum <= value <= maximum and not (above and value == minimum)
        return None if inside else words

    return check


def boolean(value: Any) -> str | None:
    """true or false, not a string of these."""
    return None if isinstance(value, bool) else "true or false"


def widths(value: Any) -> str | None:
    """A list of layer widths."""
    good = isinstance(value, list) and not any(map(integer(1), value))
    return None if good else "a list of layer widths"


def text(value: Any) -> str | None:
    """A string."""
    return None if isinstance(value, str) and value else "text"


def mapping(value: Any) -> str | None:
    """A mapping."""
    return None if isinstance(value, Mapping) else "a mapping of keys to values"


def anything(value: Any) -> str | None:
    """No demand: Python objects that only Python files can give."""
    return None


def choice(*options: Any) -> Kind:
    """One of a few values."""
    words = "one of " + ", ".join(str(option) for option in options)
    return lambda value: None if value in options and not isinstance(value, bool) else words


def either(*kinds: Kind) -> Kind:
    """What satisfies one of the kinds."""

    def check(value: Any) -> str | None:
        complaints = [kind(value) for kind in kinds]
        return None if None in complaints else " or ".join(str(c) for c in complaints)

    return check


def optional(kind: Kind) -> Kind:
    """null, or what the kind asks for."""

    def check(value: Any) -> str | None:
        complaint = None if value is None else kind(value)
        return complaint and f"{complaint}, or null"

    return check


def schedule(kind: Kind) -> Kind:
    """A value, or ``[[0, value], [step, value], …]`` with rising steps."""
    words = "or a schedule [[0, value], [step, value], …] with rising steps"

    def check(value: Any) -> str | None:
        if not isinstance(value, list | tuple):
            complaint = kind(value)
            return complaint and f"{complaint}, {words}"
        pairs = [pair for pair in value if isinstance(pair, list | tuple) and len(pair) == 2]
        if len(pairs) != len(value) or len(pairs) < 2:
            return f"a number {words}"
        steps = [pair[0] for pair in pairs]
        if any(integer(0)(step) for step in steps) or steps[0] != 0:
            return f"a number {words}"
        rising = all(a < b for a, b in itertools.pairwise(steps))
        bad = not rising or any(kind(pair[1]) for pair in pairs)
        return f"a number {words}" if bad else None

    return check


def activation(value: object) -> str | None:
    """A name RLlib finds an activation function for."""
    try:
        get_activation_fn(value, framework="torch")
    except (ValueError, TypeError, AttributeError):
        return "an activation such as tanh, relu, elu, silu or linear"
    return None


def conv_filters(value: object) -> str | None:
    """Layers of convolutions."""
    return None if isinstance(value, list) else "a list of [channels, kernel, stride]"


def complaint(kind: Kind, value: Any) -> str | None:
    """The sentence on a wrong value; None for a right one."""
    expected = kind(value)
    if expected is None:
        return None
    quoted = isinstance(value, str) and _reads_as_number_or_bool(value)
    remedy = " (remove the quotes or the stray comma)" if quoted else ""
    return f"must be {expected}, got {value!r}{remedy}"


def _reads_as_number_or_bool(value: str) -> bool:
    stripped = value.strip().rstrip(",")
    try:
        float(stripped)
    except ValueError:
        return stripped.lower() in ("true", "false")
    return True
