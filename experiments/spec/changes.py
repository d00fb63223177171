"""Edit a config file's entry and record every change, to report it to the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.grid import GRID


@dataclass(frozen=True)
class Change:
    """One change to an entry.

    Attributes:
        old: dotted path of the key in the file; None: the file does not set it.
        new: dotted path of the current key; None: the key was removed.
        why: the reason; empty where only the name changed.
        value: the new value.
    """

    old: str | None
    new: str | None
    why: str = ""
    value: Any = None

    @property
    def kind(self) -> str:
        """ "renamed", "removed", "filled" or "changed"."""
        if self.new is None:
            return "removed"
        if self.old is None:
            return "filled"
        return "changed" if self.why else "renamed"


class Edits:
    """A nested mapping that is edited by dotted paths.

    Attributes:
        tree: a deep copy of the original mapping.
        changes: every change, in order.
    """

    def __init__(self, tree: Mapping[str, Any]):
        self.tree: dict[str, Any] = deep_copy(tree)
        self.changes: list[Change] = []

    def get(self, path: str, default: Any = None) -> Any:
        """The value at a dotted path."""
        node: Any = self.tree
        for part in path.split("."):
            if not isinstance(node, Mapping) or part not in node:
                return default
            node = node[part]
        return node

    def has(self, path: str) -> bool:
        """Whether the key exists, also with the value None."""
        missing = object()
        return self.get(path, missing) is not missing

    def keys(self, path: str) -> list[str]:
        """The keys of the mapping at a path ("" is the top); empty if it is not a mapping."""
        node = self.get(path) if path else self.tree
        return [key for key in node if isinstance(key, str)] if isinstance(node, Mapping) else []

    def set(self, path: str, value: Any) -> None:
        """Set a value without recording a change."""
        *parents, last = path.split(".")
        node = self.tree
        for part in parents:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                raise RequestError(f"must map keys to values, got {child!r}", key=path)
            if set(child) == {GRID}:
                hint = "write it into every alternative, or split the file"
                raise RequestError(f"cannot set {last}: {part} is a grid", key=path, hint=hint)
            node = child
        node[last] = value

    def pop(self, path: str) -> Any:
        """Delete a key without recording a change and return its value."""
        *parents, last = path.split(".")
        node = self.get(".".join(parents)) if parents else self.tree
        return node.pop(last)

    def rename(self, old: str, new: str) -> None:
        """Rename a key.

        Raises:
            RequestError: the new name is also set, to another value.
        """
        value = self.pop(old)
        if self.has(new) and self.get(new) != value:
            raise RequestError(f"is set twice, also as {new.rsplit('.', 1)[-1]}", key=old)
        self.set(new, value)
        self.changes.append(Change(old, new, value=value))

    def remove(self, old: str, why: str) -> Any:
        """Remove a key if it is set, and return its value."""
        if self.has(old):
            self.changes.append(Change(old, None, why))
            return self.pop(old)
        return None

    def change(self, old: str, new: str, value: Any, why: str) -> None:
        """Replace a key and its value; ``new`` may equal ``old``."""
        self.pop(old)
        self.set(new, value)
        self.changes.append(Change(old, new, why, value))

    def fill(self, new: str, value: Any, why: str) -> None:
        """Set a key unless it is set."""
        if not self.has(new):
            self.set(new, value)
            self.changes.append(Change(None, new, why, value))

    def amend(self, path: str, value: Any, why: str) -> None:
        """Set a key; an earlier change of the same key is extended instead of repeated."""
        self.set(path, value)
        for index, change in enumerate(self.changes):
            if change.new == path:
                both = "; ".join(reason for reason in (change.why, why) if reason)
                self.changes[index] = replace(change, why=both, value=value)
                return
        self.changes.append(Change(path, path, why, value))


def summarize_changes(changes: list[Change]) -> list[str]:
    """A few lines: renamed keys, removed keys, one per reason of a default, one per changed value."""
    renamed = [f"{_short(c.old)} is {_short(c.new)}" for c in changes if c.kind == "renamed"]
    removed = [f"{_short(c.old)} ({c.why})" for c in changes if c.kind == "removed"]
    filled: dict[str, list[str]] = {}
    for c in changes:
        if c.kind == "filled":
            filled.setdefault(c.why, []).append(f"{_short(c.new)} {_format(c.value)}")
    lines = ["renamed: " + ", ".join(renamed)] if renamed else []
    lines += ["removed: " + ", ".join(removed)] if removed else []
    lines += [f"{why}: {', '.join(values)}" for why, values in filled.items()]
    return lines + [f"{_short(c.old)}: {c.why}" for c in changes if c.kind == "changed"]


def _format(value: Any) -> str:
    """A value with its numbers in few digits."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_format(item)}" for key, item in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _short(path: str | None) -> str:
    return str(path).removeprefix("config.")


def deep_copy(value: Any) -> Any:
    """A copy of nested mappings (as dicts) and lists; the objects inside are shared."""
    if isinstance(value, Mapping):
        return {key: deep_copy(item) for key, item in value.items()}
    return [deep_copy(item) for item in value] if isinstance(value, list) else value
