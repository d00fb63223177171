"""A failed trial's error in one line, read from the traceback that Tune writes to ``error.txt``."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path
from typing import Any

from rllib_zoo.envs.errors import CRASH_CAUSES
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.tune.storage import results_folder

_FRAME = re.compile(r'\s*File "(.+)", line (\d+), in (.+)')
# Code of Python and of this project: not the user's. Installed packages are known by their folder's name.
_OWN = ("algorithms", "analysis", "custom_models", "envs", "experiments")
_LIBRARIES = [
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")),
    *(ROOT / name for name in _OWN),
]
_INSTALLED = {"site-packages", "dist-packages"}
# Of Ray's text about a process that ended, the exit details of which are the same for every cause.
_DIED = "its worker process has died"


def trial_error(trial: Any) -> str:
    """The error of a trial that failed: see :func:`error_line`, or that its process died."""
    # Tune writes it beside the copies of other files, and into the results some time later.
    files = [Path(trial.error_file)] if trial.error_file else []
    files.append(results_folder(trial) / "error.txt")
    line = error_line(next((file.read_text() for file in files if file.exists()), ""))
    if _DIED not in line:
        return line
    env = str(trial.config.get("env"))
    return f"the trial's process ended, in which environment {env!r} is built; {CRASH_CAUSES}"


def error_line(text: str) -> str:
    """Type and text of the last error of a traceback, and the innermost line of the user's own code.

    For example ``KeyError: 'speed' (/home/me/my_env.py, line 12, in step)``.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    frames = [(i, found) for i, line in enumerate(lines) if (found := _FRAME.fullmatch(line))]
    if not frames:
        return lines[-1] if lines else "no error text was written"
    # The lines of code and markers below a frame are indented, the error is not.
    after = range(frames[-1][0] + 1, len(lines))
    start = next((i for i in after if not lines[i].startswith(" ")), len(lines) - 1)
    error = " ".join(" ".join(lines[start:]).split())
    places = [found.groups() for _, found in frames if _is_users(found[1])]
    return error + (" ({}, line {}, in {})".format(*places[-1]) if places else "")


def _is_users(file: str) -> bool:
    path = Path(file)
    if not path.is_absolute() or _INSTALLED & set(path.parts):
        return False
    return not any(path.resolve().is_relative_to(library) for library in _LIBRARIES)
