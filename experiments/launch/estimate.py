"""How long an experiment will take and how much memory: measured on a few real iterations.

Training happens in a process of its own under Ray, as in a trial of Tune, and writes to a folder
that is removed afterwards.
"""

from __future__ import annotations

import contextlib
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
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.resources import demand_of

# Of the first iterations only the time after the first counts: it warms caches up.
ENOUGH_ITERATIONS = 3
ENOUGH_SECONDS = 5.0
# Processes start and build networks and environments; on a busy cluster they wait for room first.
BUILD_SECONDS = 300.0
# An iteration that takes longer is not waited for: its process is ended.
STOP_SECONDS = 10.0
STEPS = "env_runners/num_env_steps_sampled_lifetime"
# Bounds whose results grow evenly; episodes do not, their length changes as the policy learns.
_EVEN = ("timesteps_total", "training_iteration", "time_total_s")


@dataclass
class Measured:
    """What a few iterations showed.

    Attributes:
        results: of every iteration, numbers by name, in order.
        ends: when each ended, seconds of training alone.
        memory_mib: largest resident memory of the training process and its runners together.
    """

    results: list[dict[str, float]] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    memory_mib: float | None = None

    def rate(self, name: str) -> float | None:
        """How fast a result grows, per second; the first iteration is left out where there are more."""
        if not self.results:
            return None
        first, since = (self.results[0], self.ends[0]) if len(self.ends) > 1 else ({}, 0.0)
        grown = (self.results[-1].get(name) or 0.0) - (first.get(name) or 0.0)
        return grown / max(self.ends[-1] - since, 1e-9)


class Trial:
    """An algorithm in a process of its own."""

    def __init__(self, algorithm: str, config: Any, bounds: list[str], folder: str | None):
        from rllib_zoo.experiments.tune.ray_internals import StorageContext

        self._bounds = bounds
        # Without one RLlib makes a folder below ~/ray_results.
        self._folder = tempfile.mkdtemp(prefix="rllib-", dir=folder)
        storage = StorageContext(self._folder, "estimate", trial_dir_name="trial")
        self._algorithm = algorithms.algorithm_class(algorithm)(config=config, storage=storage)

    def built(self) -> bool:
        """Answers when the algorithm is there."""
        return True

    def iteration(self) -> tuple[dict[str, float], float, float]:
        """Train one iteration: the results that were asked for, its seconds, the memory in MiB."""
        began = time.monotonic()
        result = self._algorithm.train()
        seconds = time.monotonic() - began
        found = {name: lookup(result, name) for name in self._bounds}
        numbers = {name: float(value) for name, value in found.items() if value is not None}
        return numbers, seconds, self._memory_mib()

    def _memory_mib(self) -> float:
        """The largest memory so far of this process and its runners."""
        group = self._algorithm.env_runner_group
        others = group.foreach_env_runner(_peak_mib, local_env_runner=False, timeout_seconds=10)
        return _peak_mib() + sum(others)

    def stop(self) -> None:
        """End runners and learners, remove the folder."""
        self._algorithm.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _peak_mib(_: Any = None) -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measured(
    experiment: Experiment, resolved: Any, seconds: float, folder: Path | None = None
) -> Measured:
    """Train for some iterations; Ray runs already.

    Args:
        experiment: says which results bound it.
        resolved: its configuration, of grids the first combination.
        seconds: how long it may take once everything is built.
        folder: somebody else will remove it; None: the machine's temporary one.

    Raises:
        RequestError: the algorithm cannot be built, or training fails.
    """
    import ray

    asked = demand_of(resolved)
    gpus = asked.gpus_per_learner if asked.learners == 0 else 0
    remote = ray.remote(num_cpus=asked.main, num_gpus=gpus)(Trial)
    config = resolved.copy(copy_frozen=False)
    if experiment.seeds:
        config.seed = experiment.seeds[0]
    names = [STEPS, *experiment.stop]
    trial = remote.remote(experiment.algorithm, config, names, folder and str(folder))
    try:
        ray.get(trial.built.remote(), timeout=BUILD_SECONDS)
        return _iterations(trial, seconds)
    except ray.exceptions.GetTimeoutError:
        raise RequestError(
            f"was not built within {BUILD_SECONDS:g} s",
            key=experiment.name,
            hint="--no-estimate trains nothing",
        ) from None
    except ray.exceptions.RayError as error:
        raise RequestError(
            f"fails when it trains: {_reason(error)}", key=experiment.name, file=experiment.source
        ) from None
    finally:
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(trial.stop.remote(), timeout=STOP_SECONDS)
        ray.kill(trial)


def _iterations(trial: Any, seconds: float) -> Measured:
    """Iterations until there are enough, or the time is over."""
    import ray

    found, began = Measured(), time.monotonic()
    while True:
        spent = time.monotonic() - began
        enough = len(found.ends) > ENOUGH_ITERATIONS and spent >= min(ENOUGH_SECONDS, seconds)
        if enough or spent >= seconds:
            return found
        try:
            result, took, memory = ray.get(trial.iteration.remote(), timeout=seconds - spent)
        except ray.exceptions.GetTimeoutError:
            return found
        found.results.append(result)
        found.ends.append(sum(found.ends[-1:]) + took)
        found.memory_mib = memory


def _reason(error: Exception) -> str:
    """The last line of a remote error: the exception itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def estimate(
    found: Measured, stop: Mapping[str, float], *, trials: int, at_once: int, budget_s: float | None
) -> dict[str, Any]:
    """The measured numbers and what follows from them, for the plan.

    Args:
        found: measured on one trial alone.
        stop: result → bound; the first one reached ends a trial.
        trials: how many there are; at_once: how many run side by side.
        budget_s: seconds after which everything stops, if any.
    """
    if not found.ends:
        return {"measured": "no iteration ended in time; allow more with --estimate-seconds"}
    rate = found.rate(STEPS) or 0.0
    times = [bound / pace for name, bound in stop.items() if (pace := _pace(found, name))]
    numbers: dict[str, Any] = {
        "measured": f"{len(found.ends)} iterations in {found.ends[-1]:.1f} s",
        "steps_per_second": float(f"{rate:.3g}"),
        "memory_mib": round(found.memory_mib) if found.memory_mib else None,
    }
    if times:
        whole = min(times) * -(-trials // max(at_once, 1))
        whole = min(whole, budget_s) if budget_s is not None else whole
        numbers["minutes_per_trial_at_most"] = float(f"{min(times) / 60:.2g}")
        numbers["minutes_in_all_at_most"] = float(f"{whole / 60:.2g}")
    elif budget_s is not None:
        numbers["minutes_in_all_at_most"] = float(f"{budget_s / 60:.2g}")
    return numbers


def _pace(found: Measured, name: str) -> float | None:
    """How fast a bounded result grows a second; None where that says nothing about the end."""
    if name == "time_total_s":
        return 1.0
    even = name in _EVEN or name.endswith(
        ("num_env_steps_sampled_lifetime", "num_frames_sampled_lifetime")
    )
    return found.rate(name) if even else None
