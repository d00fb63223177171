"""Names of experiments: each becomes one folder below the storage path, and nothing else."""

from __future__ import annotations

from rllib_zoo.experiments.errors import RequestError

# File systems take 255 bytes; `--force` and Tune's own files add some to the name.
MAX_BYTES = 200


def require_name(name: object, *, file: object = None, key: str | None = None) -> str:
    """The name, provided it is that of one visible folder.

    Raises:
        RequestError: it climbs, hides, is too long, or holds what no terminal shows.
    """
    if not isinstance(name, str) or not name or "/" in name or name.startswith("."):
        problem = f"{name!r} cannot name an experiment: it becomes a folder"
    elif not name.isprintable():
        problem = f"{name!r} cannot name an experiment: it holds a character that cannot be printed"
    elif len(name.encode()) > MAX_BYTES:
        problem = f"{name[:20]!r}… cannot name an experiment: it is longer than {MAX_BYTES} bytes"
    else:
        return name
    raise RequestError(problem, file=file, key=key)
