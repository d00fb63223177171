"""`rllib migrate`: write the translation of a legacy config file, with all changes as comments."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.experiments.config.load import FIELDS, read_experiments
from rllib_zoo.experiments.config.yaml_loader import Loader
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import summarize_changes
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.names import check_names

# Current key of an experiment → its field.
_FIELDS = {key: field for key, field in FIELDS.items() if key != "local_dir"}
_NOT_WRITTEN = ("source", "text", "changes", "notes", "assigned")


class _Dumper(yaml.SafeDumper):
    """Lists on one line, no aliases, and quotes around strings that our loader reads as numbers."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    list,
    lambda dumper, items: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", items, flow_style=True
    ),
)


def migrated(file: Path) -> str:
    """The translated file as YAML; a YAML file without legacy keys is returned unchanged.

    Comments at the start of a line are kept above the experiments, others are not.

    Raises:
        RequestError: the file cannot be read, needs a feature that is not supported, or has an
            unknown key or an invalid value.
    """
    experiments = read_experiments(file)
    for experiment in experiments:
        # The stop criterion may be set by an option.
        check_names(replace(experiment, stop={"training_iteration": 1}))
    comments: list[str] = []
    if file.suffix != ".py":
        text = file.read_text(encoding="utf-8")
        if not any(experiment.changes for experiment in experiments):
            return text
        comments = [line for line in text.splitlines() if line.startswith("#")]
    head = [*comments, f"# Written by rllib migrate from {file.name}, without its other comments."]
    text = "\n".join([*head, *map(_experiment_text, experiments)])
    _require_equal(experiments, text, file)
    return text


def write_new(file: Path, text: str) -> None:
    """Write a file that does not exist.

    Raises:
        RequestError: the file exists, or its folder does not.
    """
    try:
        # Not created here, as `atomic_write` would: its name may be misspelt.
        file.parent.stat()
        with atomic_write(file, overwrite=False) as draft:
            draft.write_text(text, encoding="utf-8")
    except FileExistsError:
        raise RequestError("exists; nothing was written", file=file) from None
    except OSError as error:
        raise RequestError(f"cannot be written: {error.strerror}", file=file) from None


def _experiment_text(experiment: Experiment) -> str:
    """The experiment's changes as comments, then its entry."""
    lines = []
    for change in summarize_changes(list(experiment.changes)):
        printable = "".join(c if c.isprintable() else " " for c in change)
        lines += textwrap.wrap(
            printable, 98, initial_indent="# ", subsequent_indent="#   ", break_long_words=False
        )
    defaults = {field.name: field.default for field in fields(Experiment)}
    values = {key: getattr(experiment, field) for key, field in _FIELDS.items()}
    entry = {key: value for key, value in values.items() if value != defaults[_FIELDS[key]]}
    if experiment.score_order is not None:
        entry["checkpoint_config"] = {"checkpoint_score_order": experiment.score_order}
    _require_plain(entry, "", experiment.source)
    document = yaml.dump(
        {experiment.name: entry}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return "\n".join([*lines, document])


def _require_plain(value: Any, path: str, file: Path | None) -> None:
    """Raises: RequestError: a value that YAML cannot hold; names its key."""
    if isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            _require_plain(item, f"{path}.{key}" if path else str(key), file)
    elif type(value) not in (str, int, float, bool, type(None)):
        problem = f"is a Python object, which YAML cannot hold: {value!r}"
        raise RequestError(problem, file=file, key=path)


def _require_equal(experiments: list[Experiment], text: str, file: Path) -> None:
    """Raises: RequestError: the text describes other experiments, which would be our bug."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "written.yaml"
        written.write_text(text, encoding="utf-8")
        reread = read_experiments(written)
    names = [field.name for field in fields(Experiment) if field.name not in _NOT_WRITTEN]
    for experiment, other in zip(experiments, reread, strict=True):
        for name in names:
            value, new = getattr(experiment, name), getattr(other, name)
            if value != new:
                problem = f"{name} would be written as {new!r} instead of {value!r}"
                raise RequestError(problem, file=file, hint="please report this file")
