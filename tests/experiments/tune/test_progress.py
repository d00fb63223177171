"""Lines about trials: names as they are, and what a trial without a result waits for."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from rllib_zoo.experiments.console import plain_console
from rllib_zoo.experiments.launch.summary import print_summary
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.tune import progress
from rllib_zoo.experiments.tune.display import waiting
from rllib_zoo.experiments.tune.progress import TrialProgress, close_displays
from rllib_zoo.experiments.tune.stoppers import FirstReached

# An end without a beginning raises in Rich; the others would vanish or become a picture.
NAMES = ["[/]", "[red]x[/red]", "[/red]", "a:smile:b", "$x$_y$", "[link=file:///]", "\\[b]"]
RESULT = {"training_iteration": 1, "time_total_s": 1.0}


class Trial(SimpleNamespace):
    def __str__(self):
        return self.name


def trial_named(name, status="RUNNING", **config):
    return Trial(
        name=name,
        trial_id=f"t_{name}",
        trainable_name="PPO",
        config={"env": name, "seed": 0, **config},
        status=status,
        last_result=RESULT,
        path="/no/such/folder",
        error_file=None,
    )


def shown(callback, terminal):
    """Give a callback a console that keeps what it prints."""
    console = plain_console()
    callback._console = console
    console.file = io.StringIO()
    console._force_terminal = terminal
    console.width = 200
    return console.file


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("terminal", [False, True])
def test_names_are_printed_as_they_are(name, terminal):
    callback = TrialProgress(FirstReached({"training_iteration": 2}))
    out = shown(callback, terminal)
    trial = trial_named(name)
    callback.on_trial_start(0, [trial], trial)
    callback.on_trial_result(0, [trial], trial, {**RESULT, "config": trial.config})
    callback.on_trial_complete(0, [trial], trial)
    callback.on_trial_error(0, [trial], trial)
    close_displays()
    assert f"{name}: FAILED: no error text was written" in out.getvalue()
    assert f"{name}: stopped early, 0 steps" in out.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_prints_names_as_they_are(name, capsys):
    experiment = Experiment(name, "PPO", name, {}, {"training_iteration": 9})
    row = dict.fromkeys(("seed", "steps", "episode_return_mean", "seconds", "checkpoint", "score"))
    row["episode_window_size"] = None
    row |= {
        "trial": name,
        "name": name,
        "status": "failed",
        "env_restarts": 1,
        "error": name,
        "folder": name,
    }
    ranks = [
        {
            "varied": {name: name}, "statuses": {"done": 1}, "complete": True, "iqm": 1.0,
            "worst_quarter": 1.0, "worst": 1.0, "steps": 5, "trials": [name],
        }
    ]  # fmt: skip
    print_summary(experiment, [row], Path(name), 1.0, ranks)
    out = capsys.readouterr().out
    assert f"{name}: PPO on {name}" in out
    assert f"{name} failed: {name}" in out
    assert out.count(name) >= 7


def test_a_console_that_reads_markup_would_fail():
    """The names are hostile: Rich's own console raises or prints something else."""
    for name in NAMES[:4]:
        console = Console(file=io.StringIO())
        try:
            console.print(name)
        except Exception:  # rich.errors.MarkupError
            continue
        assert console.file.getvalue().strip() != name


# --- trials without a result -----------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now.seconds)
    return now


def test_what_a_trial_waits_for(clock):
    trials = waiting.TrialWaiting()
    trial = trial_named("Maze", status="PENDING", sample_timeout_s=20.0)
    assert trials.lines([trial]) == []
    clock.seconds += 5
    assert trials.lines([trial]) == [
        (trial, "starting its processes, which build environment 'Maze', 5 s")
    ]
    assert trials.lines([trial]) == []
    trial.status = "RUNNING"
    trials.on_start(trial)
    clock.seconds += 6
    [(_, text)] = trials.lines([trial])
    assert text == "no result yet, 6 s"
    clock.seconds += 15
    [(_, text)] = trials.lines([trial])
    assert text == (
        "no result yet, 21 s, more than sample_timeout_s: environment 'Maze' may hang; Ctrl-C ends "
        "the run"
    )


def test_results_in_time_need_no_line(clock):
    trials = waiting.TrialWaiting()
    trial = trial_named("Maze", sample_timeout_s=20.0)
    trials.on_start(trial)
    for _ in range(3):
        trials.on_result(trial)
        clock.seconds += 10
        assert trials.lines([trial]) == []
    # Five times the longest iteration, here 50 s, is more than sample_timeout_s.
    trials.on_result(trial)
    clock.seconds += 49
    assert trials.lines([trial]) == []
    clock.seconds += 2
    [(_, text)] = trials.lines([trial])
    assert text.startswith("no result since iteration 1, 51 s, more than sample_timeout_s")


def test_one_line_for_many_trials_and_none_for_those_that_queue(clock):
    trials = waiting.TrialWaiting()
    running = [trial_named(name) for name in ("a", "b", "c")]
    queued = trial_named("d", status="PENDING")
    for trial in running:
        trials.on_start(trial)
        clock.seconds += 1
    clock.seconds += 5
    assert trials.lines([queued, *running]) == [
        (running[0], "no result yet, 8 s; and 2 more trials")
    ]
    for trial in running:
        trials.on_result(trial)
    clock.seconds += 10
    assert trials.lines([queued, *running]) == []
    # The time in the queue is none of its start.
    for trial in running:
        trial.status = "TERMINATED"
    clock.seconds += 6
    [(_, text)] = trials.lines([queued, *running])
    assert text == "starting its processes, which build environment 'd', 6 s"


def test_an_evaluation_that_was_cut_is_told():
    callback = TrialProgress(FirstReached({"training_iteration": 2}))
    out = shown(callback, False)
    trial = trial_named("Maze")
    result = {**RESULT, "evaluation": {"env_runners": {"num_episodes_cut": 4}}}
    callback.on_trial_result(0, [trial], trial, {**result, "config": {"evaluation_duration": 10}})
    line = (
        "evaluation of iteration 1: 4 of 10 episodes did not end within evaluation_sample_timeout_s"
    )
    assert line in out.getvalue()
    assert progress.EPISODES_CUT == "evaluation/env_runners/num_episodes_cut"


@pytest.mark.parametrize("terminal", [False, True])
def test_the_error_of_a_trial_is_printed_when_it_happens(tmp_path, terminal):
    callback = TrialProgress(FirstReached({"training_iteration": 2}), None, 30)
    out = shown(callback, terminal)
    trial = trial_named("Maze")
    # At this moment Tune has not copied it to the results.
    trial.path, trial.error_file = str(tmp_path / "results"), str(tmp_path / "error.txt")
    Path(trial.error_file).write_text(
        "Traceback\n  File \"x\", line 1, in step\nKeyError: 'speed'\n"
    )
    callback.on_trial_recover(0, [trial], trial)
    callback.on_trial_error(0, [trial], trial)
    assert "Maze: starts again after an error: KeyError: 'speed'" in out.getvalue()
    assert "Maze: FAILED: KeyError: 'speed'" in out.getvalue()
