"""`time_budget_s` ends trials at a result, their weights kept, and is shown in the progress line."""

from __future__ import annotations

import json
import pickle
import shutil
from types import SimpleNamespace

import pytest
from small_runs import UNSEEDED

from rllib_zoo.analysis.files.trials import stopped_early
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.launch.run import run_job
from rllib_zoo.experiments.options import FileOptions, ReproduceOptions
from rllib_zoo.experiments.reproduce.reproduce import reproduce
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.tune import stoppers as time_budget
from rllib_zoo.experiments.tune.progress import status_line
from rllib_zoo.experiments.tune.stoppers import SAVE_SECONDS, TimeBudget


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand, in seconds."""
    clock = SimpleNamespace(now=100.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr(time_budget, "time", fake)
    return clock


def result(seconds):
    return {"time_this_iter_s": seconds}


def test_a_trial_ends_at_the_last_result_that_fits(clock, tmp_path):
    folder, other = tmp_path / "PPO_a", tmp_path / "PPO_b"
    folder.mkdir(), other.mkdir()
    budget = TimeBudget(10.0, marks=True)
    for trial in (folder, other):
        started = SimpleNamespace(trial_id=trial.name[-1], path=trial)
        budget.on_trial_start(0, [], started)
    assert not budget.stop_all()
    clock.now += 3.0
    assert not budget("a", result(3.0))  # 7 are left, the first took 3
    clock.now += 2.0
    assert not budget("a", result(2.0))  # 5 are left; the warming up no longer counts
    clock.now += 1.9
    assert not budget("a", result(1.9))  # 3.1 are left, the longest took 2
    clock.now += 1.0
    assert budget("a", result(1.0))  # 2.1: one of 3 would not fit
    assert stopped_early(folder)
    assert not stopped_early(other)


def test_the_end_waits_for_checkpoints_that_began_in_time(clock):
    budget = TimeBudget(10.0)
    assert not budget("a", result(1.0))
    clock.now += 9.5
    assert budget("a", result(1.0))
    clock.now += 1.0
    assert not budget.stop_all()
    assert budget("b", result(5.0))  # came too late to be waited for
    budget.on_trial_complete(0, [], SimpleNamespace(trial_id="a"))
    assert budget.stop_all()


def test_a_checkpoint_that_hangs_is_not_waited_for_without_end(clock):
    budget = TimeBudget(10.0)
    budget.left()
    clock.now += 9.5
    assert budget("a", result(1.0))
    clock.now += SAVE_SECONDS
    assert not budget.stop_all()
    clock.now += 1.0
    assert budget.stop_all()


def test_a_resume_has_what_was_left(clock):
    budget = TimeBudget(10.0)
    budget.left()
    clock.now += 4.0
    stored = pickle.dumps(budget)
    clock.now += 1000.0
    again = pickle.loads(stored)
    assert again.left() == pytest.approx(6.0)
    assert again.share() == pytest.approx(0.4)


def test_the_line_tells_the_nearest_end():
    spent = {"time_total_s": 10.0}
    assert status_line(spent, 0.5).endswith("at most 10 s left")
    assert status_line(spent, 0.5, left=3.0).endswith("at most 3 s left")
    assert status_line(spent, 0.0, left=90.0).endswith("at most 1 min 30 s left")
    assert "left" not in status_line(spent, 0.0)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_the_weights_are_kept_and_the_run_is_verified(tmp_path, capsys):
    experiment = Experiment(
        "timed",
        "PPO",
        "CartPole-v1",
        UNSEEDED,
        {"training_iteration": 100_000},
        seeds=(1,),
        time_budget_s=40.0,
        storage_path=str(tmp_path),
    )
    options = FileOptions(ray_num_cpus=4)
    assert run_job(validate_job(experiment, options), options) == 0
    manifest = json.loads((tmp_path / "timed" / "manifest.json").read_text())
    (row,) = manifest["trials"]
    assert (manifest["status"], row["status"]) == ("done", "stopped early")
    assert row["steps"] > 0
    assert row["checkpoint"] is not None
    assert "at most" in capsys.readouterr().err

    # What a repetition would write: the same rows with its own clock.
    shutil.copytree(tmp_path / "timed", tmp_path / "timed-reproduced")
    (copied,) = (tmp_path / "timed-reproduced").glob("*/result.json")
    rows = [json.loads(line) for line in copied.read_text().splitlines()]
    rows = [{**row, "time_total_s": row["time_total_s"] + 0.125} for row in rows]
    copied.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ReproduceOptions(verify=True, storage_path=str(tmp_path))
    assert reproduce(tmp_path / "timed", options) == 0
    assert capsys.readouterr().out.endswith("verdict: reproduced, bit by bit\n")
    # Judged by the spread of seeds, it counts as ended, too.
    file = tmp_path / "timed" / "manifest.json"
    file.write_text(json.dumps({**manifest, "machine": {"cpu": "another"}}))
    (results,) = (tmp_path / "timed").glob("*/result.json")
    lines = results.read_text().splitlines()
    first = json.loads(lines[0])
    first["learners"]["default_policy"]["policy_loss"] += 1.0
    results.write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    reproduce(tmp_path / "timed", options)
    output = capsys.readouterr().out
    assert "equality bit by bit was not guaranteed" in output
    assert "a trial is missing or incomplete" not in output
