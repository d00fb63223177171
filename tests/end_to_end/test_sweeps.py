"""Sweeps as Tune runs them: real trials, real Optuna, a real kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from small_runs import UNSEEDED, weights_of

from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.launch.run import run_job
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.trial_names import value_text

pytestmark = pytest.mark.ray
RETURN = "env_runners/episode_return_mean"
CONFIG = {"lr": {"loguniform": [1e-4, 1e-2]}, **UNSEEDED}


def swept(folder, **changes):
    """Run a sweep in this process; its manifest."""
    fields = {"config": CONFIG, "stop": {"training_iteration": 2}, "metric": RETURN}
    experiment = Experiment(
        "sweep", "PPO", "CartPole-v1", **{**fields, "storage_path": str(folder), **changes}
    )
    options = FileOptions(ray_num_cpus=4)
    assert run_job(validate_job(experiment, options), options) == 0
    return json.loads((folder / "sweep" / "manifest.json").read_text())


def assert_named_by_rate_and_seed(row):
    assert row["name"] == f"lr={value_text(row['varied']['lr'])} seed={row['seed']}"
    name = row["name"].replace(" ", "_")
    assert Path(row["folder"]).name == f"PPO_{name}_{row['trial']}"


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_seeds_in_one_process_end_as_on_their_own(tmp_path):
    def last(rows):
        """Its process, and the weights of each trial's checkpoint."""
        folders = [Path(row["folder"]) for row in rows]
        results = [json.loads((f / "result.json").read_text().splitlines()[-1]) for f in folders]
        return [r["pid"] for r in results], [weights_of(Path(row["checkpoint"])) for row in rows]

    fields = {"config": UNSEEDED, "checkpoint_at_end": True}
    together = swept(tmp_path / "both", seeds=(1, 2), max_concurrent=1, **fields)
    alone = [swept(tmp_path / f"{seed}", seeds=(seed,), **fields) for seed in (1, 2)]
    pids, weights = last(together["trials"])
    assert len(set(pids)) == 1
    assert weights == last([manifest["trials"][0] for manifest in alone])[1]


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_asha_over_seeds_is_ranked_and_says_what_it_stopped(tmp_path, capsys):
    asha = {"type": "asha", "grace_period": 128, "reduction_factor": 2, "max_t": 1024}
    manifest = swept(
        tmp_path, stop={"timesteps_total": 1024}, num_samples=2, seeds=(3, 4), scheduler=asha
    )
    rows = manifest["trials"]
    assert sorted(row["seed"] for row in rows) == [3, 3, 4, 4]
    assert len({json.dumps(row["varied"]) for row in rows}) == 2
    assert {row["status"] for row in rows} == {"done", "stopped early"}
    for row in rows:
        assert (row["status"] == "done") == (row["steps"] >= 1024)
    assert sum(len(entry["trials"]) for entry in manifest["ranking"]) == 4
    assert manifest["status"] == "done"
    for row in rows:
        assert_named_by_rate_and_seed(row)
    assert "stopped early" in capsys.readouterr().out

    from rllib_zoo.analysis.results import load
    from rllib_zoo.analysis.sweep_api import rung_table

    results = load([tmp_path])
    assert set(results.runs["status"]) == {"done", "stopped early"}
    rungs = rung_table(results)
    assert rungs["time"].tolist() == [128, 256, 512, 1024]
    assert rungs["reached"].iloc[0] == 4
    assert rungs["stopped"].sum() == sum(row["status"] == "stopped early" for row in rows)
    # After a kill there is no list of trials in the manifest.
    (tmp_path / "sweep" / "manifest.json").write_text(
        json.dumps({key: value for key, value in manifest.items() if key != "trials"})
    )
    assert set(load([tmp_path]).runs["status"]) == {"done", "stopped early"}


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_optuna_over_seeds(tmp_path):
    search = {"type": "optuna", "n_startup_trials": 1}
    manifest = swept(tmp_path, num_samples=3, seeds=(3, 4), search=search, max_concurrent=2)
    assert [row["status"] for row in manifest["trials"]] == ["done"] * 6
    assert sorted(len(entry["trials"]) for entry in manifest["ranking"]) == [2, 2, 2]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "scheduler",
    [
        {"type": "hyperband", "max_t": 9},
        {"type": "median_stopping", "grace_period": 1, "time_attr": "training_iteration",
         "min_samples_required": 1},
    ],
    ids=lambda scheduler: scheduler["type"],
)  # fmt: skip
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_other_schedulers_end_with_a_word_on_every_trial(tmp_path, scheduler):
    stop = {"training_iteration": 9}
    manifest = swept(tmp_path, num_samples=6, stop=stop, scheduler=scheduler)
    statuses = [row["status"] for row in manifest["trials"]]
    assert len(statuses) == 6
    assert set(statuses) == {"done", "stopped early"}


ITERATIONS = {"time_attr": "training_iteration"}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "more",
    [
        {"scheduler": {"type": "asha", "grace_period": 1, "max_t": 5, "reduction_factor": 2,
                       **ITERATIONS}},
        {"scheduler": {"type": "hyperband", "max_t": 5}},
        {"scheduler": {"type": "median_stopping", "grace_period": 1, "min_samples_required": 1,
                       **ITERATIONS}},
        {"scheduler": {"type": "pbt", "perturbation_interval": 2, **ITERATIONS,
                       "hyperparam_mutations": {"lr": {"loguniform": [1e-4, 1e-2]}}}},
        {"search": {"type": "optuna", "n_startup_trials": 1}, "seeds": (3,)},
    ],
    ids=lambda more: next(iter(more.values()))["type"],
)  # fmt: skip
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_evaluations_judge_a_sweep(tmp_path, more):
    """The last iteration does not evaluate, and neither do the first two."""
    evaluated = f"evaluation/{RETURN}"
    config = {**CONFIG, "evaluation_interval": 3, "evaluation_duration": 4}
    manifest = swept(
        tmp_path, config=config, num_samples=3, stop={"training_iteration": 5}, metric=evaluated,
        checkpoint_frequency=1, num_to_keep=3, score_attribute=evaluated, **more,
    )  # fmt: skip
    scored = [row for row in manifest["trials"] if row["iterations"] >= 3]
    assert scored
    for row in scored:
        lines = (Path(row["folder"]) / "result.json").read_text().splitlines()
        scores = {
            result["training_iteration"]: result["evaluation"]["env_runners"]["episode_return_mean"]
            for result in map(json.loads, lines)
            if "evaluation" in result
        }
        assert list(scores) == [3]
        assert row["score"] == scores[3]
        if more.get("scheduler", {}).get("type") != "pbt":  # copies take over a result
            assert row["checkpoint_score"] == scores[3]
            assert row["checkpoint"].endswith("checkpoint_000002")
    best = max(scored, key=lambda row: (row["status"] == "done", row["score"]))
    assert best["trial"] in manifest["ranking"][0]["trials"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["pbt", "pb2"])
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_a_population_copies_weights_and_goes_on_at_new_rates(tmp_path, name):
    scheduler = {"type": name, "perturbation_interval": 512}
    if name == "pbt":
        scheduler["hyperparam_mutations"] = {"lr": {"loguniform": [1e-4, 1e-2]}}
    else:
        scheduler["hyperparam_bounds"] = {"lr": [1e-4, 1e-2]}
    manifest = swept(tmp_path, num_samples=4, stop={"timesteps_total": 4096}, scheduler=scheduler)
    assert [row["status"] for row in manifest["trials"]] == ["done"] * 4
    lines = (tmp_path / "sweep" / "pbt_global.txt").read_text().splitlines()
    first = {
        row["trial"]: json.loads((Path(row["folder"]) / "result.json").open().readline())
        for row in manifest["trials"]
    }
    for row in manifest["trials"]:  # names keep the first rate
        rate = first[row["trial"]]["config"]["lr"]
        assert row["name"] == f"lr={value_text(rate)}"
        assert Path(row["folder"]).name == f"PPO_{row['name']}_{row['trial']}"
    # PB2 may perturb a trial that waits a second time; then it goes on at the last rate.
    copies = {(to, at): new["lr"] for to, _, at, *_, new in map(json.loads, lines)}
    assert copies
    rates = {
        row["learners"]["default_policy"]["curr_lr"]
        for file in (tmp_path / "sweep").glob("*/result.json")
        for row in map(json.loads, file.read_text().splitlines())
    }
    for copied in copies.values():
        assert min(abs(copied - rate) for rate in rates) < 1e-9


SWEEP = {
    "run": "PPO",
    "env": "CartPole-v1",
    "stop": {"training_iteration": 40},
    "num_samples": 4,
    "seeds": [0, 1],
    "metric": RETURN,
    "max_concurrent": 1,
    "config": CONFIG,
}


def results_of(folder):
    """Trial folder → its results."""
    files = folder.glob("*/result.json")
    return {f.parent.name: [json.loads(x) for x in f.read_text().splitlines()] for f in files}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("search", ["random", {"type": "optuna", "n_startup_trials": 1}], ids=str)
def test_a_killed_sweep_runs_no_ended_trial_again_and_loses_none(tmp_path, search):
    before, after, manifest = killed_and_resumed(tmp_path, {**SWEEP, "search": search})
    assert len(before) >= 3
    assert {name: after[name] for name in before} == before
    assert [row["status"] for row in manifest["trials"]] == ["done"] * 8
    for row in manifest["trials"]:
        assert_named_by_rate_and_seed(row)
    # Every configuration has both seeds: the kill fell in the middle of one.
    assert sorted(len(entry["trials"]) for entry in manifest["ranking"]) == [2, 2, 2, 2]
    for name, rows in after.items():
        assert [row["training_iteration"] for row in rows][-1] == 40, name


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_asha_says_what_it_stopped_before_a_kill_and_after(tmp_path):
    asha = {"type": "asha", "grace_period": 512, "reduction_factor": 2, "max_t": 4096}
    entry = {**SWEEP, "stop": {"timesteps_total": 4096}, "num_samples": 8, "scheduler": asha}
    before, after, manifest = killed_and_resumed(tmp_path, entry)
    assert {name: after[name] for name in before} == before
    assert len(manifest["trials"]) == 16
    for row in manifest["trials"]:
        assert row["status"] == ("done" if row["steps"] >= 4096 else "stopped early"), row
    late = [rows for name, rows in after.items() if name not in before]
    assert any(rows[-1]["timesteps_total"] < 4096 for rows in late)  # else this shows nothing


def killed_and_resumed(tmp_path, entry):
    """Kill a sweep when three trials have ended, and resume it.

    Returns:
        Results of the trials that had ended, results of all in the end, and the manifest.
    """
    file, folder = tmp_path / "sweep.yaml", tmp_path / "results" / "sweep"
    file.write_text(yaml.safe_dump({"sweep": entry}))
    command = [sys.executable, "-m", "rllib_zoo.experiments.cli.main", "train", "file", str(file)]
    command += ["--storage-path", str(folder.parent)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": "local"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 900
    ended = set()
    while len(ended) < 3:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)
        ended = terminated(folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    ended = terminated(folder)
    before = {name: rows for name, rows in results_of(folder).items() if name in ended}

    done = subprocess.run(
        [*command, "--resume"], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=1500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return before, results_of(folder), json.loads((folder / "manifest.json").read_text())


def terminated(folder):
    """Folders of trials that Tune's newest state calls ended."""
    found = set()
    for state in sorted(folder.glob("experiment_state-*.json"))[-1:]:
        try:
            trials = json.loads(state.read_text())["trial_data"]
        except json.JSONDecodeError:  # read while it is copied
            return set()
        for trial, _ in trials:
            about = json.loads(trial)
            if about["status"] == "TERMINATED":
                found.add(about["relative_logdir"])
    return found
