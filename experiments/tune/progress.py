"""Live progress: a line per trial with steps, steps/s, return and remaining time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ray.tune import Callback
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rllib_zoo.algorithms.base.result_names import NUM_EPISODES_CUT, lookup
from rllib_zoo.experiments.console import plain_console
from rllib_zoo.experiments.tune.stoppers import FirstReached, TimeBudget
from rllib_zoo.experiments.tune.waiting import TrialWaiting

# Without a terminal, a line per trial at most this often.
PLAIN_INTERVAL_S = 10.0
RETURN = "env_runners/episode_return_mean"
WINDOW = "env_runners/episode_window_size"
STEPS = "env_runners/num_env_steps_sampled_lifetime"
EPISODES_CUT = f"evaluation/env_runners/{NUM_EPISODES_CUT}"

# Open displays; an interrupted Tune run does not call its callbacks at the end.
_displays: list[Progress] = []


def close_displays() -> None:
    """Stop all displays: the last state stays on the screen and the cursor is restored."""
    while _displays:
        _displays.pop().stop()


class TrialProgress(Callback):
    """Draws one bar per trial on a terminal, prints plain lines elsewhere.

    Tune pickles callbacks with the experiment for a resume; the display is not pickled.

    Args:
        stop: the stop criteria of a trial.
        budget: the experiment's time budget, if any.
    """

    def __init__(self, stop: FirstReached, budget: TimeBudget | None = None):
        self._stop, self._budget = stop, budget
        self._console = plain_console(stderr=True)
        self._live: Progress | None = None
        self._tasks: dict[str, Any] = {}
        self._printed_at: dict[str, float] = {}
        self._waiting = TrialWaiting()

    def __reduce__(self) -> tuple[Any, ...]:
        return TrialProgress, (self._stop, self._budget)

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Called ten times a second."""
        for trial, text in self._waiting.lines(trials):
            if self._live is not None and trial.trial_id in self._tasks:
                self._live.update(self._tasks[trial.trial_id], text=text)
            else:
                self._console.print(f"{_label(trial)}: {text}")

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._waiting.on_start(trial)
        if not self._console.is_terminal:
            self._console.print(f"{_label(trial)}: started")
            return
        if self._live is None:
            self._live = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[text]}", markup=False),
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
        self._waiting.on_result(trial)
        if cut := lookup(result, EPISODES_CUT):
            self._console.print(f"{_label(trial)}: {_cut_line(result, cut)}")
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
        if self._live is not None:
            self._live.update(self._tasks[trial.trial_id], completed=1.0)
        else:
            reached = self._stop(trial.trial_id, trial.last_result)
            status = "done" if reached else "stopped early"
            self._console.print(f"{_label(trial)}: {status}, {status_line(trial.last_result, 1.0)}")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._console.print(f"{_label(trial)}: FAILED")


def status_line(result: Mapping[str, Any], share: float, left: float | None = None) -> str:
    """One line about a trial's last result.

    Args:
        result: the result.
        share: reached fraction of the stop criterion, in [0, 1].
        left: remaining seconds of the experiment's time budget; None without one.
    """
    steps, mean = lookup(result, STEPS), lookup(result, RETURN)
    rate = lookup(result, "env_runners/num_env_steps_sampled_per_second")
    seconds = result.get("time_total_s", 0.0)
    parts = [f"{int(steps or 0):>9,} steps"]
    parts.append(f"{rate:>8,.0f} steps/s" if rate else "")
    episodes = lookup(result, WINDOW)
    of = "" if episodes is None else f" ({episodes:.0f} episodes)"
    parts.append(f"return {mean:8.1f}{of}" if mean is not None else "no finished episode yet")
    parts.append(_runners(result))
    bounds = [] if left is None else [max(left, 0.0)]
    if 0.0 < share < 1.0:
        bounds.append(seconds * (1.0 - share) / share)
    if bounds and share < 1.0:
        parts.append(f"at most {format_duration(min(bounds))} left")
    return "  ".join(part for part in parts if part)


def _cut_line(result: Mapping[str, Any], cut: float) -> str:
    """What is missing in an evaluation."""
    of = result.get("config", {}).get("evaluation_duration", cut)
    return (
        f"evaluation of iteration {result.get('training_iteration')}: {cut:.0f} of {of} episodes did not "
        "end within evaluation_sample_timeout_s and are in no mean"
    )


def _runners(result: Mapping[str, Any]) -> str:
    """The number of healthy environment runners, if some have failed."""
    requested = result.get("config", {}).get("num_env_runners") or 0
    healthy = lookup(result, "fault_tolerance/num_healthy_workers")
    return (
        f"{healthy} of {requested} runners" if healthy is not None and healthy < requested else ""
    )


def format_duration(seconds: float) -> str:
    """A duration in hours and minutes, minutes and seconds, or seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _label(trial: Any) -> str:
    """Trial id, algorithm, environment and seed."""
    parts = [trial.trainable_name, str(trial.config.get("env", ""))]
    if trial.config.get("seed") is not None:
        parts.append(f"seed {trial.config['seed']}")
    return f"{trial.trial_id} {' '.join(parts)}"
