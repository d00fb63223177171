"""Warnings of a report, by kind: an ordinary sweep has one for every run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """A warning.

    Attributes:
        kind: the same text for all warnings that need the same thought.
        text: the sentence on this case.
    """

    kind: str
    text: str


def by_kind(notices: Iterable[Notice]) -> dict[str, list[str]]:
    """Kind → sentences, kinds in the order of their first notice."""
    kinds: dict[str, list[str]] = {}
    for notice in notices:
        kinds.setdefault(notice.kind, []).append(notice.text)
    return kinds


def lines(notices: Iterable[Notice]) -> list[str]:
    """A line per kind: the sentence where it is the only one, else the kind and a count."""
    return [
        texts[0] if len(texts) == 1 else f"{kind}: {len(texts)} cases, listed on the page"
        for kind, texts in by_kind(notices).items()
    ]
