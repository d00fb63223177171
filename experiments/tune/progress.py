"""Live progress: a line per trial with return, steps/s and time left; of many trials, one about all."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from ray.tune import Callback
from rich.live import Live

from rllib_zoo.algorithms.base.result_names import NUM_EPISODES_CUT, lookup
from rllib_zoo.experiments.console import clear_stage, plain_console
from rllib_zoo.experiments.tune.display.bars import Bar, Bars
from rllib_zoo.experiments.tune.display.sweep_summary import SweepSummary
from rllib_zoo.experiments.tune.display.waiting import TrialWaiting
from rllib_zoo.experiments.tune.stoppers import FirstReached, TimeBudget
from rllib_zoo.experiments.tune.trial_errors import trial_error

# Without a terminal, a line per trial, or one about all, at most this often.
PLAIN_INTERVAL_S = 10.0
# More trials have no line each, but one together.
MAX_LINES = 10
SUMMARY = "all trials"
RETURN = "env_runners/episode_return_mean"
WINDOW = "env_runners/episode_window_size"
RATE = "env_runners/num_env_steps_sampled_per_second"
STEPS = "env_runners/num_env_steps_sampled_lifetime"
EPISODES_CUT = f"evaluation/env_runners/{NUM_EPISODES_CUT}"

# Open displays; an interrupted Tune run does not call its callbacks at the end.
_displays: list[Live] = []


def close_displays() -> None:
    """Stop all displays: the last state stays on the screen and the cursor is restored."""
    while _displays:
        _displays.pop().stop()


class TrialProgress(Callback):
    """A bar per running trial on a terminal, plain lines elsewhere.

    Tune pickles callbacks with the experiment for a resume; the display is not pickled.

    Args:
        stop: the stop criteria of a trial.
        budget: the experiment's time budget, if any.
        planned: number of trials; more than ten have a line together, those that failed one each.
        metric: result that trials are compared by.
        mode: ``min`` or ``max``.
    """

    def __init__(
        self,
        stop: FirstReached,
        budget: TimeBudget | None = None,
        planned: int = 1,
        metric: str | None = None,
        mode: str | None = None,
    ):
        self._arguments = (stop, budget, planned, metric, mode)
        self._stop, self._budget = stop, budget
        self._console = plain_console(stderr=True)
        self._bars = Bars()
        self._live: Live | None = None
        self._printed_at: dict[str, float] = {}
        self._waiting = TrialWaiting()
        self._is_large = planned > MAX_LINES
        self._summary = SweepSummary(planned, metric or RETURN, mode or "max")

    def __reduce__(self) -> tuple[Any, ...]:
        return TrialProgress, self._arguments

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Called ten times a second."""
        running = {trial.trial_id for trial in trials if trial.status == "RUNNING"}
        for paused in self._bars.bars.keys() - running:
            self._bars.bars.pop(paused)
        for trial, text in self._waiting.lines(trials):
            if not self._is_terminal:
                self._print(f"{trial}: {text}")
            elif trial.trial_id in self._bars.bars:
                self._bars.bars[trial.trial_id].message = text
            else:
                self._show(f"{trial}: {text}")
        if trials and self._is_large and self._is_due(SUMMARY):
            self._show_summary(trials)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._waiting.on_start(trial)
        if self._is_terminal:
            self._bars.bars[trial.trial_id] = Bar(str(trial))
            self._show(self._bars.footer if self._is_large else "")
        elif not self._is_large:
            self._print(f"{trial}: started")

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._waiting.on_result(trial)
        if cut := lookup(result, EPISODES_CUT):
            self._print(f"{trial}: {_cut_line(result, cut)}")
        left = None if self._budget is None else self._budget.left()
        if self._is_terminal:
            share = self._stop.progress(result)
            bar = Bar(str(trial), share, _cells(result), warning=_runners(result))
            if (seconds := _seconds_left(result, share, left)) is not None:
                bar.ends = time.monotonic() + seconds
            if self._budget is not None:
                bar.share = max(share, self._budget.share())
            self._bars.bars[trial.trial_id] = bar
        elif not self._is_large and self._is_due(trial.trial_id):
            text = status_line(result, self._stop.progress(result), left)
            self._print(f"{trial}: {text}")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._bars.bars.pop(trial.trial_id, None)
        if not (self._is_large and self._is_terminal):
            reached = self._stop(trial.trial_id, trial.last_result)
            status = "done" if reached else "stopped early"
            self._print(f"{trial}: {status}, {status_line(trial.last_result, 1.0)}")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._bars.bars.pop(trial.trial_id, None)
        self._print(f"{trial}: FAILED: {trial_error(trial)}")

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._print(f"{trial}: starts again after an error: {trial_error(trial)}")

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        if self._is_large:
            self._show_summary(trials)

    def _show_summary(self, trials: list[Any]) -> None:
        line = self._summary.line(trials, self._share, self._budget and self._budget.left())
        if self._is_terminal:
            self._show(line)
        else:
            self._print(line)

    @property
    def _is_terminal(self) -> bool:
        return bool(self._console.is_terminal and not self._console.is_dumb_terminal)

    def _print(self, line: str) -> None:
        clear_stage()
        self._console.print(line)

    def _show(self, footer: str) -> None:
        """Show the bars with a line below them."""
        self._bars.footer = footer
        if self._live is None:
            clear_stage()
            self._live = Live(self._bars, console=self._console)
            self._live.start()
            _displays.append(self._live)

    def _is_due(self, line: str) -> bool:
        """Whether a line that is repeated has not been printed for a while."""
        now, period = time.monotonic(), 1.0 if self._is_terminal else PLAIN_INTERVAL_S
        if now - self._printed_at.get(line, -math.inf) < period:
            return False
        self._printed_at[line] = now
        return True

    def _share(self, trial: Any) -> float:
        return self._stop.progress(trial.last_result or {})


def _cells(result: Mapping[str, Any]) -> dict[str, str]:
    """The texts beside a bar."""
    mean, rate, episodes = (lookup(result, name) for name in (RETURN, RATE, WINDOW))
    return {
        "return": "no episode yet" if mean is None else f"return {mean:.1f}",
        "rate": f"{rate:,.0f} steps/s" if rate else "",
        "steps": f"{int(lookup(result, STEPS) or 0):,} steps",
        "episodes": "" if episodes is None else f"({episodes:.0f} episodes)",
    }


def _seconds_left(result: Mapping[str, Any], share: float, left: float | None) -> float | None:
    """Seconds to the nearest end, of the stop criterion or of the time budget; None where unknown."""
    bounds = [] if left is None else [max(left, 0.0)]
    if 0.0 < share < 1.0:
        bounds.append(result.get("time_total_s", 0.0) * (1.0 - share) / share)
    return min(bounds) if bounds and share < 1.0 else None


def status_line(result: Mapping[str, Any], share: float, left: float | None = None) -> str:
    """One line about a trial's last result.

    Args:
        result: the result.
        share: reached fraction of the stop criterion, in [0, 1].
        left: remaining seconds of the experiment's time budget; None without one.
    """
    cells = _cells(result)
    seconds = _seconds_left(result, share, left)
    parts = [
        cells["steps"],
        cells["rate"],
        f"{cells['return']} {cells['episodes']}".strip(),
        _runners(result),
        "" if seconds is None else f"at most {format_duration(seconds)} left",
    ]
    return ", ".join(part for part in parts if part)


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
