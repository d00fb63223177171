"""Which process this is, so that another one can find out later whether it still runs.

A process id alone is reused. Together with the machine's boot and the process's start it is unique: all three
are the kernel's, so no change of the clock or of the host's name affects them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
# Fields of `/proc/PID/stat` behind the command's name, which may hold spaces and brackets.
_STATE, _START = 0, 19
# Zombie, dead: the process has ended, its parent has not noticed yet.
_ENDED = (b"Z", b"X", b"x")


def current_process() -> dict[str, Any]:
    """Process id, host, boot and start (clock ticks since the boot) of this process.

    ``boot`` is of the kernel and of the container (its namespace of process ids); it and
    ``process_start`` are None where the system has no `/proc`.
    """
    stat = _stat(os.getpid())
    return {
        "pid": os.getpid(),
        "host": platform.node() or "unknown",
        "boot": _boot(),
        "process_start": None if stat is None else int(stat[_START]),
    }


def is_running(process: Mapping[str, Any]) -> bool | None:
    """Whether a process recorded by :func:`current_process` still runs.

    Returns:
        None: that cannot be known here, as it is another machine's, container's or boot's.
    """
    pid, boot, start = (process.get(name) for name in ("pid", "boot", "process_start"))
    if boot is None or boot != _boot() or type(pid) is not int or type(start) is not int:
        return None
    stat = _stat(pid)
    return stat is not None and stat[_STATE] not in _ENDED and int(stat[_START]) == start


def _boot() -> str | None:
    """Ids of the kernel's boot and the namespace of process ids; None without a `/proc` of it."""
    try:
        if os.readlink(_PROC / "self") != str(os.getpid()):  # that of another container
            return None
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return None


def _stat(pid: int) -> list[bytes] | None:
    """The fields of a process behind its command's name; None without such a process."""
    try:
        return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
