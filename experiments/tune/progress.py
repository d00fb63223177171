"""Live progress: a line per trial with steps, steps/s, return and time left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ray.tune import Callback
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rllib_zoo.experiments.tune.stoppers import FirstReached, TimeBudget, lookup

# Without a terminal, a line per trial at most this often.
PLAIN_INTERVAL_S = 10.0
RETURN = "env_runners/episode_return_mean"
STEPS = "env_runners/num_env_steps_sampled_lifetime"


# Bars on the screen; an interrupted Tune run does not tell its callbacks that it ended.
_displays: list[Progress] = []


def close_displays() -> None:
    """Leave every bar's last state on the screen and give the cursor back."""
    while _displays:
        _displays.pop().stop()


class TrialProgress(Callback):
    """Draws one bar per trial on a terminal, prints plain lines elsewhere.

    Tune pickles its callbacks with the experiment and uses them again after a resume: what
    belongs to the screen is made anew then.

    Args:
        stop: the rule that ends a trial.
        budget: the clock that ends the experiment, None: there is none.
    """

    def __init__(self, stop: FirstReached, budget: TimeBudget | None = None):
        self._stop, self._budget = stop, budget
        self._open()

    def _open(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Progress | None = None
        self._tasks: dict[str, Any] = {}
        self._printed_at: dict[str, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"stop": self._stop, "budget": self._budget}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._stop, self._budget = state["stop"], state.get("budget")
        self._open()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial begins, or goes on after a failure."""
        if not self._console.is_terminal:
            self._console.print(f"{_label(trial)}: started")
            return
        if self._live is None:
            self._live = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[text]}"),
                TimeElapsedColumn(),
                console=self._console,
            )
            self._live.start()
            _displays.append(self._live)
        if trial.trial_id not in self._tasks:
            self._tasks[trial.trial_id] = self._live.add_task(_label(trial), total=1.0, text="")

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A training iteration is done."""
        share = self._stop.progress(result)
        if self._budget is None:
            text = status_line(result, share)
        else:
            text = status_line(result, share, self._budget.left())
            share = max(share, self._budget.share())
        if self._live is not None:
            self._live.update(self._tasks[trial.trial_id], completed=share, text=text)
            return
        now = time.monotonic()
        if now - self._printed_at.get(trial.trial_id, 0.0) >= PLAIN_INTERVAL_S:
            self._printed_at[trial.trial_id] = now
            self._console.print(f"{_label(trial)}: {text}")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial ended: its stop rule was met, or a scheduler or the clock ended it."""
        if self._live is not None:
            self._live.update(self._tasks[trial.trial_id], completed=1.0)
        else:
            met = self._stop(trial.trial_id, trial.last_result)
            ended = "done" if met else "stopped early"
            self._console.print(f"{_label(trial)}: {ended}, {status_line(trial.last_result, 1.0)}")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial failed."""
        self._console.print(f"{_label(trial)}: FAILED")


def status_line(result: Mapping[str, Any], share: float, left: float | None = None) -> str:
    """One line on a trial's last result.

    Args:
        result: the result.
        share: of its stop rule's budget that is spent, in [0, 1].
        left: seconds of the experiment's time budget that are left, None: it has none.
    """
    steps, mean = lookup(result, STEPS), lookup(result, RETURN)
    rate = lookup(result, "env_runners/num_env_steps_sampled_per_second")
    seconds = result.get("time_total_s", 0.0)
    parts = [f"{int(steps or 0):>9,} steps"]
    parts.append(f"{rate:>8,.0f} steps/s" if rate else "")
    parts.append(f"return {mean:8.1f}" if mean is not None else "no episode has ended yet")
    parts.append(_runners(result))
    bounds = [] if left is None else [max(left, 0.0)]
    if 0.0 < share < 1.0:
        bounds.append(seconds * (1.0 - share) / share)
    if bounds and share < 1.0:
        parts.append(f"at most {clock(min(bounds))} left")
    return "  ".join(part for part in parts if part)


def _runners(result: Mapping[str, Any]) -> str:
    """How many runners are left, where some are lost."""
    asked = result.get("config", {}).get("num_env_runners") or 0
    left = lookup(result, "fault_tolerance/num_healthy_workers")
    return f"{left} of {asked} runners" if left is not None and left < asked else ""


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, the leading zero parts left out."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _label(trial: Any) -> str:
    """Algorithm, environment and seed: what tells trials of one experiment apart at a glance."""
    parts = [trial.trainable_name, str(trial.config.get("env", ""))]
    if trial.config.get("seed") is not None:
        parts.append(f"seed {trial.config['seed']}")
    return f"{trial.trial_id} {' '.join(parts)}"
