"""Names that users give: groups, settings, environments, columns."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, name: str, names: Iterable[str]) -> str:
    """One line for a name that does not exist: the nearest one, and all that do."""
    lower = {other.lower(): other for other in sorted(set(names))}
    close = get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    nearest = f"did you mean {lower[close[0]]!r}? " if close else ""
    return f"unknown {what} {name!r}: {nearest}choose from {', '.join(map(repr, lower.values()))}"
