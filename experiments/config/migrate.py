"""`rllib migrate`: a retired config file rewritten, its comments kept and every change explained."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.config.yaml_loader import parse_yaml
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.mlagents import is_mlagents
from rllib_zoo.experiments.legacy.translate import translated
from rllib_zoo.experiments.spec.changes import Change, scalars
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import check_names

# A longer reason would push the comment out of sight.
_WIDTH = 100


def migrated(file: Path) -> str:
    """The file in today's words, as YAML.

    Raises:
        RequestError: the file cannot be read, asks for something that is gone, or has a key or a
            value that no release knew.
    """
    experiments = read_experiments(file)
    for experiment in experiments:  # an option may give the rule that ends it
        check_names(replace(experiment, stop={"training_iteration": 1}))
    anew = file.suffix == ".py" or is_mlagents(parse_yaml(file.read_text("utf-8"), file=file))
    text = _anew(experiments) if anew else _of_yaml(file)
    _require_equal(experiments, text, file)
    return text


def write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        RequestError: it is there, or its folder is not.
    """
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        raise RequestError("exists; nothing was written", file=file) from None
    except OSError as error:
        raise RequestError(f"cannot be written: {error.strerror}", file=file) from None


def _of_yaml(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    round_trip = _round_trip()
    document = round_trip.load(text)
    for name, entry in parse_yaml(text, file=file).items():
        today, changes = translated(entry)
        node = document[name]
        for change in changes:
            _apply(node, change)
        _make_equal(node, today)
        _explain(document, name, changes)
    return _dumped(round_trip, document)


def _anew(experiments: list[Experiment]) -> str:
    """A file that has no YAML of ours to keep: Python, or ML-Agents' trainer format."""
    document = CommentedMap()
    for experiment in experiments:
        node = document[experiment.name] = CommentedMap()
        for path, value in scalars({"env": experiment.env, "config": experiment.config}, ""):
            if not isinstance(value, str | int | float | list | None):
                raise RequestError(
                    f"is a Python object, which YAML cannot hold: {value!r}",
                    file=experiment.source,
                    key=path,
                )
        _make_equal(node, _today(experiment))
        _explain(document, experiment.name, list(experiment.changes))
    return _dumped(_round_trip(), document)


def _today(experiment: Experiment) -> dict[str, Any]:
    """An experiment as an entry of a file."""
    kept = {
        "checkpoint_freq": experiment.checkpoint_frequency,
        "keep_checkpoints_num": experiment.num_to_keep,
    }
    return {
        "run": experiment.algorithm,
        "env": experiment.env,
        "stop": dict(experiment.stop),
        **{key: value for key, value in kept.items() if value is not None},
        "config": dict(experiment.config),
    }


def _round_trip() -> YAML:
    found = YAML()
    found.preserve_quotes = True
    found.width = 10_000  # lines stay as they were
    return found


def _dumped(round_trip: YAML, document: Any) -> str:
    out = io.StringIO()
    round_trip.dump(document, out)
    return out.getvalue()


def _parent(node: Any, path: str, *, make: bool = False) -> tuple[Any, str]:
    """The mapping that holds the last part of a path; result names keep their slashes and dots."""
    head, _, rest = path.partition(".")
    if not rest or head == "stop":
        return (node.get(head), rest) if head == "stop" and rest else (node, path)
    if make and not isinstance(node.get(head), Mapping):
        node[head] = CommentedMap()
    child = node.get(head)
    return _parent(child, rest, make=make) if isinstance(child, Mapping) else (None, rest)


def _apply(node: CommentedMap, change: Change) -> None:
    """Rename a key where it stands, so that the comments around it stay."""
    if change.old is None or change.new is None or change.old == change.new:
        return
    old_parent, old = _parent(node, change.old)
    new_parent, new = _parent(node, change.new)
    if old_parent is None or old_parent is not new_parent or old not in old_parent:
        return
    position = list(old_parent).index(old)
    comment = old_parent.ca.items.pop(old, None)
    value = old_parent.pop(old)
    old_parent.insert(position, new, value)
    if comment is not None:
        old_parent.ca.items[new] = comment


def _make_equal(node: CommentedMap, today: Mapping[str, Any]) -> None:
    """The mapping holds what today's has, and nothing else; equal values keep their spelling."""
    for key in [key for key in node if key not in today]:
        del node[key]
    for key, value in today.items():
        if isinstance(value, Mapping) and isinstance(node.get(key), CommentedMap):
            _make_equal(node[key], value)
        elif key not in node or not _same(node[key], value):
            node[key] = _as_nodes(value)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and type(one) in (type(other), CommentedSeq, CommentedMap)


def _as_nodes(value: Any) -> Any:
    if isinstance(value, Mapping):
        node = CommentedMap((key, _as_nodes(item)) for key, item in value.items())
        return node
    if isinstance(value, list):
        items = CommentedSeq(_as_nodes(item) for item in value)
        items.fa.set_flow_style()
        return items
    return value


def _explain(document: CommentedMap, name: str, changes: list[Change]) -> None:
    """A comment beside every key that changed, and one line on top for every key left out.

    Inside braces a comment would tear the line apart: it stands above them.
    """
    node = document[name]
    reasons: dict[str, list[str]] = {}
    gone = []
    for change in changes:
        if change.new is None:
            gone.append(f"left out: {str(change.old).removeprefix('config.')} ({change.why})")
            continue
        was = f"was {change.old.rsplit('.', 1)[-1]}" if change.old not in (None, change.new) else ""
        words = ": ".join(part for part in (was, change.why) if part)
        reasons.setdefault(change.new, []).append(words)
    for path, said in reasons.items():
        parent, key = _parent(node, path)
        if parent is None or key not in parent:
            continue
        if braces := _outermost_braces(document, name, path):
            _above(*braces, f"{path.removeprefix('config.')}: {'; '.join(said)}")
        else:
            _comment(parent, key, "; ".join(said), indent=2 * path.count(".") + 2)
    if gone and node.fa.flow_style():
        _above(document, name, 0, "\n".join(gone))
    elif gone:
        node.yaml_set_start_comment("\n".join(gone), indent=2)


def _outermost_braces(
    document: CommentedMap, name: str, path: str
) -> tuple[CommentedMap, str, int] | None:
    """Mapping, key and indentation of the first ``{…}`` on the way to a path's key."""
    parent, key, indent = document, name, 0
    for part in path.split("."):
        child = parent.get(key)
        if not isinstance(child, CommentedMap):
            return None
        if child.fa.flow_style():
            return parent, key, indent
        parent, key, indent = child, part, indent + 2
    return None


def _above(parent: CommentedMap, key: str, indent: int, words: str) -> None:
    parent.yaml_set_comment_before_after_key(key, before=words, indent=indent)


def _comment(parent: CommentedMap, key: str, words: str, indent: int) -> None:
    """Behind the value; before the key where the value is a block or a comment stands there."""
    block = isinstance(parent[key], CommentedMap) or (
        isinstance(parent[key], CommentedSeq) and not parent[key].fa.flow_style()
    )
    if block or key in parent.ca.items or len(words) > _WIDTH:
        parent.yaml_set_comment_before_after_key(key, before=words, indent=indent)
    else:
        parent.yaml_add_eol_comment(words, key)


def _require_equal(experiments: list[Experiment], text: str, file: Path) -> None:
    """What was written says what the file says; anything else would be our mistake."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "written.yaml"
        written.write_text(text, encoding="utf-8")
        again = read_experiments(written)
    keys = ("name", "algorithm", "env", "config", "stop", "num_samples", "storage_path")
    for before, after in zip(experiments, again, strict=True):
        for key in keys:
            if getattr(before, key) != getattr(after, key):
                raise RequestError(
                    f"{key} would come out as {getattr(after, key)!r}, not "
                    f"{getattr(before, key)!r}: please report this file",
                    file=file,
                )
