"""Whether one process may run a sweep's trials one after another: imports take a new one seconds.

The results must be those of a new process, bit for bit. Code of a user may keep state in its module, so
that trials with any of it get a process each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.process_reuse import StartsAnew
from rllib_zoo.class_path import import_class
from rllib_zoo.envs import gymnasium_spec, is_atari
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.schedulers import scheduler_name
from rllib_zoo.experiments.sweeps.search import number_of_trials
from rllib_zoo.experiments.sweeps.trial_names import varied_paths

# Packages whose modules keep no state between trials.
STATELESS = ("rllib_zoo", "gymnasium", "ale_py")
# The others pause trials, and continue them from a checkpoint.
SCHEDULERS = ("fifo", "asha", "median_stopping")
# Set once in a process, for the rest of its life.
SETTING = "torch_num_threads"
_CLASS_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def reuses_processes(experiment: Experiment) -> bool:
    """Whether a trial may continue in the process of one that is done."""
    return (
        number_of_trials(experiment) > 1
        and "restore_from" not in experiment.config
        and scheduler_name(experiment) in SCHEDULERS
        and issubclass(algorithms.algorithm_class(experiment.algorithm), StartsAnew)
        and (SETTING,) not in varied_paths(experiment)
        and not any(map(_is_foreign, _code(experiment)))
    )


def _code(experiment: Experiment) -> Iterator[str]:
    """The modules of environment, algorithm, and everything that ``config`` names."""
    yield algorithms.algorithm_class(experiment.algorithm).__module__
    if not is_atari(experiment.env):
        spec = gymnasium_spec(experiment.env)
        yield "" if spec is None else str(spec.entry_point)
    yield from _modules(experiment.config)


def _modules(value: Any) -> Iterator[str]:
    """Modules of what class paths in nested data name, and of anything that is no data."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _modules(item)
    elif isinstance(value, str):
        if _CLASS_PATH.fullmatch(value):
            yield _module_of(value)
    elif not isinstance(value, bool | int | float | None):
        yield getattr(value, "__module__", "")


def _module_of(path: str) -> str:
    """Where the object at a dotted path is defined: a user's package may have the name of one of ours."""
    try:
        return str(import_class(path).__module__)
    except (ImportError, AttributeError):
        return ""


def _is_foreign(path: str) -> bool:
    return re.split(r"[.:]", path)[0] not in STATELESS
