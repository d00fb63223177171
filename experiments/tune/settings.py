"""Settings of Tune that are only configurable by environment variables, loggers or globally."""

from __future__ import annotations

import logging
import os

from rllib_zoo.experiments.errors import first_line


def set_up_tune(*, verbose: bool) -> None:
    """Apply settings of Tune that are only configurable by environment variables or globally."""
    from ray.util.debug import disable_log_once_globally

    # A trial has no score before its first episode ends; Tune would fail it.
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    if verbose:
        return
    # Otherwise Tune prints its own banner and table, regardless of `verbose`.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    # Tune's tracebacks of failed trials; they are in error.txt, and the summary prints their last lines.
    for name in ("ray.tune.execution.tune_controller", "ray.tune.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Of a state that cannot be saved, the message is enough.
    logging.getLogger("ray.tune.execution.experiment_state").addFilter(_without_traceback)
    # Ray remembers every message of log_once forever; Tune's snapshots of a trial add 80 KB each, every
    # ten seconds.
    disable_log_once_globally()


def _without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        record.msg = f"{record.getMessage()}{first_line(record.exc_info[1])}"
        record.args, record.exc_info = (), None
    return True
