"""Classes named by a dotted path in config files, results and agents."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

PACKAGE = __package__
# Packages of this project that a path may name without ``rllib_zoo.`` before it.
FOLDERS = ("algorithms", "custom_models", "envs")


def import_class(path: str) -> Any:
    """The object at a dotted path such as ``envs.grid.Grid``.

    A user's own package comes first. ``custom_models.SharedEncoderActorCritic`` and
    ``envs.waiting.Waiting`` are this project's where no package of the user's has them.

    Args:
        path: module and attribute, separated by dots.

    Raises:
        ImportError: there is no such module, or it fails to import.
        AttributeError: the module has no such attribute.
        ValueError: the path has no module.
    """
    module, _, attribute = path.rpartition(".")
    if not module:
        raise ValueError(f"{path!r} is not a dotted path")
    folder = module.partition(".")[0]
    if folder not in FOLDERS:
        return getattr(importlib.import_module(module), attribute)
    ours = f"{PACKAGE}.{module}"
    if is_ours(folder):
        return getattr(importlib.import_module(ours), attribute)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and not _is_part_of(module, error.name):
            raise  # the user's module exists and misses another one
        try:
            return getattr(importlib.import_module(ours), attribute)
        except (ModuleNotFoundError, AttributeError):
            raise error from None


def is_ours(folder: str) -> bool:
    """Whether a top-level name is missing, or is this project's own folder on the path."""
    spec = importlib.util.find_spec(folder)
    if spec is None:
        return True
    own = importlib.util.find_spec(f"{PACKAGE}.{folder}")
    return (
        own is not None
        and None not in (own.origin, spec.origin)
        and Path(str(spec.origin)).resolve() == Path(str(own.origin)).resolve()
    )


def _is_part_of(module: str, missing: str | None) -> bool:
    return missing is not None and f"{module}.".startswith(f"{missing}.")
