"""Strict YAML: only tags of plain values, no duplicate keys, ``1e-4`` a number, size and depth limited."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from rllib_zoo.experiments.errors import RequestError

# Config files have a few hundred nodes; nested aliases can expand a few lines into billions.
MAX_NODES = 10_000
# The longest tuned file has about 3,000 characters and 6 levels. Parsing takes up to about 40 seconds
# per million characters, and functions that traverse a configuration recurse into its levels.
MAX_CHARACTERS = 100_000
MAX_DEPTH = 50
TOO_MANY = f"expands to more than {MAX_NODES:,} values"
# `!!float 1e5`, as RL Zoo's files write it.
PLAIN_TAGS = [f"tag:yaml.org,2002:{kind}" for kind in ("float", "int", "str", "bool")]
# YAML 1.1 reads 1e-4 as a string because its floats need a dot; YAML 1.2 reads a number.
FLOAT = re.compile(
    r"^[-+]?(?:(?:\d[\d_]*)?\.\d[\d_]*|\d[\d_]*\.?)(?:[eE][-+]?\d+)?$|^[-+]?\.(?:inf|Inf|INF)$"
    r"|^\.(?:nan|NaN|NAN)$"
)


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader with stricter rules."""

    def __init__(self, text: str):
        super().__init__(text)
        self.composed, self.depth = 0, 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        self.composed += 1
        if self.composed > MAX_NODES:  # stop before the whole text is parsed
            raise yaml.composer.ComposerError(None, None, TOO_MANY, event.start_mark)
        if self.depth == MAX_DEPTH:
            problem = f"nests deeper than {MAX_DEPTH} levels"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        # Other "safe" tags give types that no key supports (sets, pairs, bytes).
        if (tag := getattr(event, "tag", None)) not in (None, "!", *PLAIN_TAGS):
            raise yaml.constructor.ConstructorError(
                None, None, f"tag {tag!r} is not allowed", event.start_mark
            )
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            merges = key_node.tag == "tag:yaml.org,2002:merge"
            key = "<<" if merges else self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a list or mapping cannot be a key", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} occurs twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


# No key is a date, and "=" has no constructor: both are read as text.
_REPLACED = (":float", ":int", ":timestamp", ":value")
Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if not tag.endswith(_REPLACED)]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# Decimal only: YAML 1.1 reads 010 as 8 and 1:30 as 90. Before the float rule, which also matches 1.
INTEGER = re.compile(r"^[-+]?(?:0|[1-9][\d_]*)$")
Loader.add_implicit_resolver("tag:yaml.org,2002:int", INTEGER, list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789."))


def parse_yaml(text: str, *, file: object = None) -> Any:
    """Parse a text with one YAML document.

    Raises:
        RequestError: not YAML, a duplicate key, another tag, too many values or levels; names the line.
    """
    if len(text) > MAX_CHARACTERS:
        raise RequestError(f"is longer than {MAX_CHARACTERS:,} characters", file=file)
    loader = None
    try:
        loader = Loader(text)  # refuses control characters
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}, set()) > MAX_NODES:
            raise RequestError(TOO_MANY, file=file)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}" if mark else None
        problem = str(error.problem or error.context)
        if problem.startswith("but "):
            problem = f"{error.context}, {problem}"
        raise RequestError(problem, file=file, key=line) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(f"is not YAML: {reason}", file=file) from None
    finally:
        if loader is not None:
            loader.dispose()


def _size(node: yaml.Node, sizes: dict[int, int], path: set[int]) -> int:
    """Number of nodes with aliases expanded; computed once per node."""
    if id(node) in path:
        raise ValueError("an alias contains itself")
    if id(node) not in sizes:
        path.add(id(node))
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        sizes[id(node)] = 1 + sum(_size(child, sizes, path) for child in children)
        path.discard(id(node))
    return sizes[id(node)]
