"""What all workers share: options, clocks and the JSON line they print last.

Speed: steps per second of the training loop, learning included. The clock starts after a
warm-up of whole iterations that covers at least `WARM_UP_STEPS` (imports, first allocations and
lazy initialisation stay out) and stops at the first iteration end after `--steps` more.

Threshold: seconds from process start until the mean return of the last 100 training episodes
reaches `--threshold`. Checked between iterations, and never before 100 episodes have ended.

Return: that mean after `--return-at` steps.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

# One iteration of the largest batch of most contenders (2,048-4,000), several of a small one.
WARM_UP_STEPS = 2_000
WINDOW_EPISODES = 100
SEED = 1_000  # none of the seeds the files were tuned or tested on


class Goal(Protocol):
    """Decides when a worker stops, and reports what it measured.

    Attributes:
        least_steps: steps that the goal needs at least, 0 when unknown.
        seed: of ours, and of every peer that takes one.
    """

    least_steps: int
    seed: int

    def reached(self, steps: int, returns: list[float]) -> bool:
        """Called between two iterations; `returns`: the last 100 episodes' returns."""

    def report(self) -> dict[str, Any]:
        """The measured fields of the worker's row."""


class SpeedGoal:
    """Counts steps per second over a fixed number of steps after the warm-up."""

    seed = SEED

    def __init__(self, steps: int, clock: Callable[[], float] = time.perf_counter) -> None:
        # The margin covers the iterations that overshoot both ends (the largest is 4,000 steps).
        self.least_steps = WARM_UP_STEPS + steps + 10_000
        self._steps = steps
        self._clock = clock
        self._start: tuple[int, float] | None = None
        self._end: tuple[int, float] | None = None

    def reached(self, steps: int, returns: list[float]) -> bool:
        """True once the fixed number of steps has been taken since the warm-up."""
        del returns
        now = self._clock()
        if self._start is None:
            if steps >= WARM_UP_STEPS:
                self._start = (steps, now)
        elif self._end is None and steps - self._start[0] >= self._steps:
            self._end = (steps, now)
        return self._end is not None

    def report(self) -> dict[str, Any]:
        """Steps, seconds and their ratio."""
        if self._start is None or self._end is None:
            raise RuntimeError("training ended before the warm-up and the measured steps")
        steps, seconds = self._end[0] - self._start[0], self._end[1] - self._start[1]
        return {"steps": steps, "seconds": seconds, "steps_per_s": steps / seconds}


class ThresholdGoal:
    """Waits for a mean return over the last 100 training episodes."""

    seed = SEED

    def __init__(
        self, threshold: float, spawned_at: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.least_steps = 0
        self._threshold = threshold
        self._spawned_at = spawned_at
        self._clock = clock
        self._steps = 0
        self._seconds: float | None = None

    def reached(self, steps: int, returns: list[float]) -> bool:
        """True once 100 episodes average the threshold or more."""
        self._steps = steps
        full = len(returns) >= WINDOW_EPISODES
        if full and sum(returns) / len(returns) >= self._threshold:
            self._seconds = self._clock() - self._spawned_at
        return self._seconds is not None

    def report(self) -> dict[str, Any]:
        """Seconds and steps to the threshold, or status "not reached"."""
        if self._seconds is None:
            error = f"mean return below {self._threshold:g} after {self._steps} steps"
            return {"status": "not reached", "error": error, "steps": self._steps}
        return {
            "steps": self._steps,
            "steps_to_threshold": self._steps,
            "seconds_from_process_start_to_threshold": self._seconds,
        }


class ReturnGoal:
    """Reports the mean return of the last 100 episodes after a fixed number of steps."""

    def __init__(
        self, steps: int, seed: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.least_steps, self.seed = steps, seed
        self._clock = clock
        self._began = clock()
        self._last: tuple[int, list[float]] = (0, [])

    def reached(self, steps: int, returns: list[float]) -> bool:
        """True once the steps have been taken."""
        self._last = (steps, returns)
        return steps >= self.least_steps

    def report(self) -> dict[str, Any]:
        """Steps, seconds of training and the return; status "not reached" without 100 episodes."""
        steps, returns = self._last
        effort = {"steps": steps, "seconds": self._clock() - self._began}
        if steps < self.least_steps or len(returns) < WINDOW_EPISODES:
            error = f"{steps} steps, {len(returns)} episodes"
            return {"status": "not reached", "error": error, **effort}
        return {"return_mean": sum(returns) / len(returns), **effort}


def _process_start() -> float:
    """This process's start on the monotonic clock, for a worker without `--spawned-at`.

    The kernel counts the start from boot in clock ticks (10 ms). The benchmark passes the time
    of the spawn instead, so that all contenders are timed in the same way.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start_ticks = int(fields[19])  # `starttime`, field 22; the split begins at field 3
    since_start = time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - since_start


def parse(description: str, variants: list[str], argv: list[str] | None) -> argparse.Namespace:
    """The options that all workers take."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("variant", choices=variants, metavar="VARIANT", help=", ".join(variants))
    add("--json", action="store_true", help="print only the JSON line")
    add("--steps", type=int, default=80_000, help="measured environment steps [80,000]")
    add("--threshold", type=float, help="measure the time to this mean return")
    add("--return-at", type=int, help="measure the return after so many steps")
    add("--seed", type=int, default=SEED, help=f"with --return-at [{SEED}]")
    add("--max-steps", type=int, default=500_000, help="with --threshold: give up after [500,000]")
    add("--spawned-at", type=float, help="with --threshold: monotonic clock at the start")
    return parser.parse_args(argv)


def make_goal(options: argparse.Namespace) -> Goal:
    """The goal set by the options."""
    if options.return_at is not None:
        return ReturnGoal(options.return_at, options.seed)
    if options.threshold is None:
        return SpeedGoal(options.steps)
    spawned_at = _process_start() if options.spawned_at is None else options.spawned_at
    return ThresholdGoal(options.threshold, spawned_at)


def threads_of(number: str) -> int:
    """Number of threads: 1, or one per core of this process for `all`."""
    return len(os.sched_getaffinity(0)) if number == "all" else 1


def versions_of(*packages: str) -> dict[str, str]:
    """Installed versions of those packages that this process has imported."""
    return {name: version(name) for name in packages if name.replace("-", "_") in sys.modules}


def main(
    description: str | None,
    variants: Iterable[str],
    train: Callable[[str, Goal, int], dict[str, Any]],
) -> int:
    """A worker's command: parse the options, then :func:`run_worker`."""
    return run_worker(parse(description or "", list(variants), None), train)


def run_worker(
    options: argparse.Namespace, train: Callable[[str, Goal, int], dict[str, Any]]
) -> int:
    """Train, then print the row as the last line; an exception becomes a row with its message.

    Args:
        options: what `parse` returned.
        train: called with the variant, the goal and the largest number of steps; returns
            `settings` and `versions`.
    """
    row: dict[str, Any] = {"variant": options.variant, "status": "ok"}
    # Without a threshold the goal ends the run, before any limit.
    limit = options.max_steps if options.threshold is not None else 2**62
    try:
        goal = make_goal(options)
        row.update(train(options.variant, goal, limit))
        row.update(goal.report())
    except Exception as error:
        traceback.print_exc()
        row.update(status="failed", error=f"{type(error).__name__}: {error}".splitlines()[0])
    if not options.json:
        print({key: row[key] for key in row if key not in ("settings", "versions")})
    print(json.dumps(row, default=str), flush=True)
    return 1 if row["status"] == "failed" else 0
