"""Rules for keys that go: why, and which of their values ask for what is missing here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Edits, each


@dataclass(frozen=True)
class LeftOut:
    """A key that goes, where its value asks for nothing that is missing here.

    Attributes:
        reason: why it can go.
        values: the values it can go with; others are refused with ``refusal``. None: any.
        refusal: what is missing for the other values.
    """

    reason: str
    values: tuple[Any, ...] | None = None
    refusal: str = ""


def leave_out(edits: Edits, path: str, rule: LeftOut) -> None:
    """Remove a key.

    Raises:
        RequestError: the value asks for what is missing.
    """
    values = each(edits.get(path))
    if rule.values is not None and any(value not in rule.values for value in values):
        raise RequestError(rule.refusal, key=path)
    edits.leave_out(path, rule.reason)
