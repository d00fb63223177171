"""Table cells and Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def cell(value: Any) -> str:
    """A value as text; "–" for None and NaN, "never" for infinity."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isinf(value):
            return "never"
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def commit(git: Mapping[str, Any]) -> str:
    """A manifest's abbreviated commit; "+" marks uncommitted changes."""
    return f"{str(git.get('commit'))[:7]}{'+' if git.get('dirty') else ''}"


def markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; "|" inside cells becomes "/"."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(cell(value).replace("|", "/") for value in row) + " |")
    return "\n".join(lines) + "\n"
