"""A config file's entry while it is translated: every edit leaves a line about itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rllib_zoo.experiments.errors import RequestError

GRID = "grid_search"


@dataclass(frozen=True)
class Change:
    """One edit.

    Attributes:
        old: dotted path of the key in the file, None where the file was silent.
        new: dotted path of today's key, None where the key was left out.
        why: what to say about it; empty for a mere new name.
        value: today's value.
    """

    old: str | None
    new: str | None
    why: str = ""
    value: Any = None

    @property
    def kind(self) -> str:
        """ "renamed", "left out", "filled" or "changed"."""
        if self.new is None:
            return "left out"
        if self.old is None:
            return "filled"
        return "changed" if self.why else "renamed"


class Edits:
    """A nested mapping under translation, with the changes made to it.

    Attributes:
        tree: a deep copy of what was given.
        changes: in the order they were made.
    """

    def __init__(self, tree: Mapping[str, Any]):
        self.tree: dict[str, Any] = copied(tree)
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
        """Whether the key is there, whatever its value."""
        missing = object()
        return self.get(path, missing) is not missing

    def keys(self, path: str) -> list[str]:
        """The keys of the mapping at a path; none where there is no mapping."""
        node = self.get(path) if path else self.tree
        return [key for key in node if isinstance(key, str)] if isinstance(node, Mapping) else []

    def put(self, path: str, value: Any) -> None:
        """Set a value without a word about it."""
        *parents, last = path.split(".")
        node = self.tree
        for part in parents:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                raise RequestError(f"must map keys to values, got {child!r}", key=path)
            if set(child) == {GRID}:
                hint = "write it into every alternative, or split the file"
                raise RequestError(f"{part} is a grid, so {last} has no place", key=path, hint=hint)
            node = child
        node[last] = value

    def take(self, path: str) -> Any:
        """Remove a key and return its value."""
        *parents, last = path.split(".")
        node = self.get(".".join(parents)) if parents else self.tree
        return node.pop(last)

    def rename(self, old: str, new: str) -> None:
        """Give a key today's name.

        Raises:
            RequestError: today's name is set too, to something else.
        """
        value = self.take(old)
        if self.has(new) and self.get(new) != value:
            raise RequestError(f"is set twice, also as {new.rsplit('.', 1)[-1]}", key=old)
        self.put(new, value)
        self.changes.append(Change(old, new, value=value))

    def leave_out(self, old: str, why: str) -> None:
        """Remove a key."""
        self.take(old)
        self.changes.append(Change(old, None, why))

    def change(self, old: str, new: str, value: Any, why: str) -> None:
        """Replace a key by one with another value; the same key when ``new`` is ``old``."""
        self.take(old)
        self.put(new, value)
        self.changes.append(Change(old, new, why, value))

    def fill(self, new: str, value: Any, why: str) -> None:
        """Set a key on which the file is silent."""
        if not self.has(new):
            self.put(new, value)
            self.changes.append(Change(None, new, why, value))

    def correct(self, path: str, value: Any, why: str) -> None:
        """Set a key again that an earlier edit or the file set; one change tells both."""
        self.put(path, value)
        for index, change in enumerate(self.changes):
            if change.new == path:
                both = "; ".join(reason for reason in (change.why, why) if reason)
                self.changes[index] = replace(change, why=both, value=value)
                return
        self.changes.append(Change(path, path, why, value))


def each(value: Any) -> list[Any]:
    """The value, or the alternatives of ``{grid_search: […]}``."""
    if isinstance(value, Mapping) and set(value) == {GRID} and isinstance(value[GRID], list):
        return value[GRID]
    return [value]


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The function of a value, or of every alternative of a grid; equal ones become one."""
    found: list[Any] = []
    for alternative in each(value):
        new = function(alternative)
        if not any(new == other and type(new) is type(other) for other in found):
            found.append(new)
    return found[0] if len(found) == 1 else {GRID: found}


def one_value(value: Any, path: str) -> Any:
    """The value, provided it has no alternatives.

    Raises:
        RequestError: it is a grid.
    """
    if isinstance(value, Mapping) and GRID in value:
        hint = "give one value, or split the file"
        raise RequestError(
            "is a grid, whose alternatives have no key in common", key=path, hint=hint
        )
    return value


def plain_number(value: Any, path: str) -> int | float:
    """The value, provided it is a number that has no alternatives.

    Raises:
        RequestError: it is none.
    """
    one_value(value, path)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise RequestError(f"must be a number, got {value!r}", key=path)
    return value


def scalars(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every scalar below mappings, with its dotted path; lists count as one value."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from scalars(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, tree


def notes_on(changes: list[Change]) -> list[str]:
    """A few lines that say everything: one per kind of edit, then one per change of meaning."""
    renamed = [f"{_short(c.old)} is {_short(c.new)}" for c in changes if c.kind == "renamed"]
    left_out = [f"{_short(c.old)} ({c.why})" for c in changes if c.kind == "left out"]
    filled: dict[str, list[str]] = {}
    for change in changes:
        if change.kind == "filled":
            filled.setdefault(change.why, []).append(f"{_short(change.new)} {_plain(change.value)}")
    lines = ["renamed: " + ", ".join(renamed)] if renamed else []
    lines += ["left out: " + ", ".join(left_out)] if left_out else []
    lines += [f"{why}: {', '.join(values)}" for why, values in filled.items()]
    return lines + [f"{_short(c.old)}: {c.why}" for c in changes if c.kind == "changed"]


def _plain(value: Any) -> str:
    """Numbers with as many digits as a person reads."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _short(path: str | None) -> str:
    return str(path).removeprefix("config.")


def copied(value: Any) -> Any:
    """Nested mappings and lists anew; what they hold stays the same object."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value
