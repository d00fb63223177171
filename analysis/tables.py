"""Tables as text: for Markdown, for the page, for CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

WORDS = ("message", "path", "value", "status", "group", "world")


def cell(value: Any) -> str:
    """A value as a person reads it; "–" where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isinf(value):
            return "never"
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; bars inside of cells are written as slashes."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(cell(value).replace("|", "/") for value in row) + " |")
    return "\n".join(lines) + "\n"


def html(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Markup:
    """An HTML table whose heads sort it (the page's script does)."""
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in columns)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(_td(name, value) for name, value in zip(columns, row, strict=True))
        )
        for row in rows
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body)


def _td(column: str, value: Any) -> Markup:
    text = cell(value)
    kind = "words" if column in WORDS else ""
    if column == "status":
        kind += f" {escape(text)}"
    return Markup('<td class="{}">{}</td>').format(kind.strip(), text)
