"""Numbers that files keep as text."""

from __future__ import annotations


def is_number(text: str) -> bool:
    """Whether a text is a number; infinite and NaN are."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def number_or_text(text: str) -> int | float | str:
    """A number where the text is one, whole ones as integers."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
