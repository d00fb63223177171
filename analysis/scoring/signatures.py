"""Whether runs played the same environment, so that their scores may stand side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ABSENT = "absent"


class DifferentEnvironmentsError(ValueError):
    """Runs of different environments were to be compared."""


def differences(signatures: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Keys on which signatures disagree, each with run → value; empty where all agree.

    Args:
        signatures: run → ``environment_signature`` of its manifest.
    """
    keys = sorted({key for signature in signatures.values() for key in signature})
    found = {}
    for key in keys:
        values = {run: signature.get(key, _ABSENT) for run, signature in signatures.items()}
        if len({repr(value) for value in values.values()}) > 1:
            found[key] = values
    return found


def require_same_environment(
    signatures: Mapping[str, Mapping[str, Any]], *, allow: bool = False
) -> dict[str, dict[str, Any]]:
    """Refuse runs whose environments differ.

    Args:
        signatures: as :func:`differences`.
        allow: the caller was told to compare them all the same.

    Returns:
        The differences that were allowed.

    Raises:
        DifferentEnvironmentsError: names the first key, its values and the runs that have them.
    """
    found = differences(signatures)
    if found and not allow:
        key, values = next(iter(found.items()))
        told = "; ".join(f"{run}: {value!r}" for run, value in values.items())
        raise DifferentEnvironmentsError(
            f"runs of different environments cannot be compared: {key} differs ({told})"
        )
    return found
