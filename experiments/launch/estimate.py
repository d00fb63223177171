"""Estimates of an experiment's time and memory, from a few real iterations or from its stop rule alone.

Training runs in its own process under Ray, as in a trial of Tune, and writes to a temporary folder.
"""

from __future__ import annotations

import contextlib
import math
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.result_names import lookup
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.validation import Validation
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.tune.trial_errors import error_line

# Only the time after the first iteration counts: it warms caches up.
ENOUGH_ITERATIONS = 3
ENOUGH_SECONDS = 5.0
# Time to start processes and build networks and environments; on a busy cluster they wait first.
BUILD_SECONDS = 300.0
# Time for a process to stop before it is killed.
STOP_SECONDS = 10.0
# Default time limit of the measured training.
MEASURE_SECONDS = 20.0
# Starting the command and Ray, and a trial, where neither is measured: on a machine of two busy cores.
ASSUMED_COMMAND_S, ASSUMED_TRIAL_S = 10.0, 7.0
# A run takes longer to start and end than the measurement: trials start at the same time, beside Tune.
OVERHEAD = 1.5
STEPS = "env_runners/num_env_steps_sampled_lifetime"
# Results that grow at a constant rate; episodes do not, their length changes during training.
_EVEN = ("timesteps_total", "training_iteration", "time_total_s")


@dataclass
class Measured:
    """Measurements of one trial; without any, only the assumed times to start.

    Attributes:
        command_s: from the command's start until Ray runs, in seconds.
        start_s: to start a trial's process and build its networks and environments, in seconds.
        end_s: to save its checkpoint and stop, in seconds.
        results: of each iteration, numbers by name.
        ends: end of each iteration, in seconds of training.
        memory_mib: peak resident memory of the training process and its runners, in MiB.
    """

    command_s: float = ASSUMED_COMMAND_S
    start_s: float = ASSUMED_TRIAL_S
    end_s: float = 0.0
    results: list[dict[str, float]] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    memory_mib: float | None = None

    def rate(self, name: str) -> float | None:
        """Growth of a result per second, without the first of several iterations."""
        if not self.results:
            return None
        first, since = (self.results[0], self.ends[0]) if len(self.ends) > 1 else ({}, 0.0)
        grown = (self.results[-1].get(name) or 0.0) - (first.get(name) or 0.0)
        return grown / max(self.ends[-1] - since, 1e-9)


class Trial:
    """An algorithm in its own process."""

    def __init__(self, experiment: Experiment, bounds: list[str], folder: str | None):
        from rllib_zoo.experiments.tune.ray_internals import StorageContext
        from rllib_zoo.experiments.validation.check import configurations

        self._bounds = bounds
        # Without storage RLlib creates a folder below ~/ray_results.
        self._folder = tempfile.mkdtemp(prefix="rllib-", dir=folder)
        storage = StorageContext(self._folder, "estimate", trial_dir_name="trial")
        name = algorithms.canonical(experiment.algorithm)
        config = next(configurations(experiment)).copy(copy_frozen=False)
        if experiment.seeds:
            config.seed = experiment.seeds[0]
        self._algorithm = algorithms.algorithm_class(name)(config=config, storage=storage)

    def ready(self) -> bool:
        """True, once the algorithm is built."""
        return True

    def iteration(self) -> tuple[dict[str, float], float, float]:
        """Train one iteration; returns the bounded results, seconds and peak memory in MiB."""
        began = time.monotonic()
        result = self._algorithm.train()
        seconds = time.monotonic() - began
        values = {name: lookup(result, name) for name in self._bounds}
        numbers = {name: float(value) for name, value in values.items() if value is not None}
        return numbers, seconds, self._memory_mib()

    def _memory_mib(self) -> float:
        """Peak memory of this process and its runners."""
        group = self._algorithm.env_runner_group
        others = group.foreach_env_runner(_peak_mib, local_env_runner=False, timeout_seconds=10)
        return _peak_mib() + sum(others)

    def stop(self) -> None:
        """Save a checkpoint, end runners and learners, remove the folder."""
        self._algorithm.save_to_path(self._folder)
        self._algorithm.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _peak_mib(_: Any = None) -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(validation: Validation, seconds: float, folder: Path | None = None) -> Measured:
    """Train for a few iterations; Ray must be running.

    Args:
        validation: of the experiment; of grids the first combination is trained.
        seconds: time limit of training, without building.
        folder: for temporary files; None: the machine's own.

    Raises:
        RequestError: the algorithm cannot be built, or training fails.
    """
    import ray

    experiment, requested = validation.experiment, validation.demand
    gpus = requested.gpus_per_learner if requested.learners == 0 else 0
    remote = ray.remote(num_cpus=requested.main, num_gpus=gpus)(Trial)
    names = [STEPS, *experiment.stop]
    began = time.monotonic()
    trial = remote.remote(experiment, names, folder and str(folder))
    try:
        ray.get(trial.ready.remote(), timeout=BUILD_SECONDS)
        start_s = time.monotonic() - began
        measured = _iterations(trial, seconds)
    except ray.exceptions.GetTimeoutError:
        raise RequestError(
            f"was not built within {BUILD_SECONDS:g} s",
            key=experiment.name,
            hint="without --measure nothing is trained",
        ) from None
    except ray.exceptions.RayError as error:
        raise RequestError(
            f"training fails: {error_line(str(error))}", key=experiment.name, file=experiment.source
        ) from None
    finally:
        began = time.monotonic()
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(trial.stop.remote(), timeout=STOP_SECONDS)
        ray.kill(trial)
    measured.start_s, measured.end_s = start_s, time.monotonic() - began
    return measured


def _iterations(trial: Any, seconds: float) -> Measured:
    """Train until there are enough iterations, or the time is over."""
    import ray

    measured, began = Measured(), time.monotonic()
    while (spent := time.monotonic() - began) < seconds:
        if len(measured.ends) > ENOUGH_ITERATIONS and spent >= ENOUGH_SECONDS:
            break
        try:
            result, took, memory = ray.get(trial.iteration.remote(), timeout=seconds - spent)
        except ray.exceptions.GetTimeoutError:
            break
        measured.results.append(result)
        measured.ends.append(sum(measured.ends[-1:]) + took)
        measured.memory_mib = memory
    return measured


def estimate(
    measured: Measured,
    stop: Mapping[str, float],
    *,
    trials: int,
    concurrent: int,
    budget_s: float | None,
) -> dict[str, Any]:
    """Estimate speed, memory and duration, for the plan.

    Durations include starting and ending, so they hold for short trials too. A trial trains its slow first
    iteration and the whole bound at the speed of the others.

    Args:
        measured: on a single trial.
        stop: result → bound; the first one reached ends a trial.
        trials: number of trials; concurrent: how many run at the same time.
        budget_s: time budget of the experiment in seconds, if any.
    """
    rounds = -(-trials // max(concurrent, 1))
    command, around = OVERHEAD * measured.command_s, OVERHEAD * (measured.start_s + measured.end_s)
    numbers: dict[str, Any] = {"rests_on": _basis(measured), "rounds": rounds}
    if (rate := measured.rate(STEPS)) is not None:
        numbers["steps_per_second"] = float(f"{rate:.3g}")
    if measured.memory_mib:
        numbers["memory_mib"] = round(measured.memory_mib)
    numbers["minutes_besides_training"] = _minutes(command + rounds * around)
    times = [bound / pace for name, bound in stop.items() if (pace := _pace(measured, name))]
    training = min(times) + sum(measured.ends[:1]) if times else math.inf
    whole = min(rounds * (training + around), math.inf if budget_s is None else budget_s + around)
    if times:
        numbers["minutes_per_trial_at_most"] = _minutes(training + around)
    if whole < math.inf:
        numbers["minutes_in_all_at_most"] = _minutes(command + whole)
    return numbers


def _basis(measured: Measured) -> str:
    if measured.ends:
        return f"{len(measured.ends)} iterations of one trial in {measured.ends[-1]:.1f} s"
    if measured != Measured():
        return "no iteration ended in time; allow more with --measure-seconds"
    starting = f"{ASSUMED_COMMAND_S:g} s to start and {ASSUMED_TRIAL_S:g} s per trial"
    return f"the stop rule and an assumed {starting}; --measure trains briefly for speed and memory"


def _minutes(seconds: float) -> float:
    """Two digits, rounded up."""
    digits = 1 - math.floor(math.log10(seconds / 60))
    return math.ceil(round(seconds / 60 * 10**digits, 6)) / 10**digits


def _pace(measured: Measured, name: str) -> float | None:
    """Growth of a result per second; None if it does not grow at a constant rate."""
    if name == "time_total_s":
        return 1.0
    even = name in _EVEN or name.endswith(
        ("num_env_steps_sampled_lifetime", "num_frames_sampled_lifetime")
    )
    return measured.rate(name) if even else None
