"""Running a manifest again: real runs, compared row by row; damage and tampering are named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import ReproduceOptions
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.provenance.manifest import begin_manifest, code_digest, read_manifest
from rllib_zoo.experiments.reproduce.determinism import differences, ends_by_time, reasons_against
from rllib_zoo.experiments.reproduce.recorded_run import open_recorded_run, restored_from
from rllib_zoo.experiments.reproduce.reproduce import current_manifest, reproduce
from rllib_zoo.experiments.studies.keep import keep
from rllib_zoo.experiments.validation.check import validate

CONFIG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 128,
    "minibatch_size": 64,
    "num_epochs": 2,
    "lambda": 0.95,
    "lr": {"grid_search": [1e-3, 3e-3]},
    "model": {"custom_model": "custom_models.SharedEncoderActorCritic"},
}


def rllib(*arguments, timeout=900):
    return subprocess.run(
        [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """A finished experiment of two configurations with two seeds; an option is not in its file."""
    folder = tmp_path_factory.mktemp("reproduce")
    entry = {"run": "PPO", "env": "CartPole-v1", "stop": {"training_iteration": 9}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump({"tiny": {**entry, "config": CONFIG}}))
    options = ("--seeds", "0-1", "--stop", "{training_iteration: 3}", "--no-checkpoint-at-end")
    done = rllib("train", "file", folder / "tiny.yaml", "--storage-path", folder, *options)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def reproduced(storage):
    """The process of `rllib reproduce --verify`."""
    return rllib("reproduce", storage / "tiny", "--verify", "--storage-path", storage)


@pytest.fixture
def copy(storage, reproduced, tmp_path):
    """Original and reproduction, to damage."""
    for name in ("tiny", "tiny-reproduced"):
        shutil.copytree(storage / name, tmp_path / name)
    return tmp_path


def verified(path, storage, capsys):
    options = ReproduceOptions(verify=True, storage_path=str(storage))
    code = reproduce(path, options)
    return code, capsys.readouterr().out


def a_trial(experiment, seed):
    return min(experiment.glob(f"PPO_*seed{seed}_*"))


def change(file, **fields):
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


@pytest.mark.ray
@pytest.mark.slow
def test_a_run_is_reproduced_bit_by_bit(storage, reproduced):
    assert reproduced.returncode == 0, reproduced.stderr
    assert "guaranteed: the same learning curves, bit by bit" in reproduced.stdout
    assert reproduced.stdout.count(": equal bit by bit, 3 rows") == 4
    assert reproduced.stdout.endswith("verdict: reproduced, bit by bit\n")
    first, second = (
        json.loads((storage / name / "manifest.json").read_text())
        for name in ("tiny", "tiny-reproduced")
    )
    for key in ("config_given", "config_resolved", "stop", "seeds", "source_text", "request"):
        assert first[key] == second[key], key
    assert first["request"] == {"checkpoint_at_end": False}
    assert not list((storage / "tiny-reproduced").glob("*/checkpoint_*"))


@pytest.mark.ray
@pytest.mark.slow
def test_a_changed_number_is_named_with_its_row(copy, capsys):
    trial = a_trial(copy / "tiny-reproduced", 1)
    lines = (trial / "result.json").read_text().splitlines()
    row = json.loads(lines[1])
    row["learners"]["default_policy"]["policy_loss"] += 1e-12
    lines[1] = json.dumps(row)
    (trial / "result.json").write_text("\n".join(lines) + "\n")
    code, output = verified(copy / "tiny", copy, capsys)
    assert code == 1
    (line,) = [line for line in output.splitlines() if "differs" in line]
    assert line.startswith("seed 1: row 2 differs: learners.default_policy.policy_loss ")
    assert "verdict: NOT reproduced: equality bit by bit was guaranteed" in output


@pytest.mark.ray
@pytest.mark.slow
def test_a_missing_trial_is_a_row_and_not_reproduced(copy, capsys):
    shutil.rmtree(a_trial(copy / "tiny-reproduced", 1))
    code, output = verified(copy / "tiny", copy, capsys)
    assert code == 1
    assert "seed 1: missing in the reproduction" in output


@pytest.mark.ray
@pytest.mark.slow
def test_a_folder_of_another_run_is_not_taken_for_the_repetition(copy, capsys):
    change(copy / "tiny-reproduced" / "manifest.json", stop={"training_iteration": 4})
    with pytest.raises(RequestError, match=r"stop: differs from .*--experiment-name"):
        verified(copy / "tiny", copy, capsys)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.ray
@pytest.mark.slow
def test_a_run_is_not_compared_with_itself(copy, force):
    for storage, name in ((copy, "tiny"), (copy / "x" / "..", "tiny"), (copy.parent, copy.name)):
        options = ReproduceOptions(
            verify=True, storage_path=str(storage), experiment_name=name, force=force
        )
        with pytest.raises(RequestError, match="is the folder of the original run, or a parent"):
            reproduce(copy / "tiny", options)
    assert (copy / "tiny" / "manifest.json").exists()


@pytest.mark.ray
@pytest.mark.slow
def test_an_existing_reproduction_is_refused(storage, reproduced, capsys):
    options = ReproduceOptions(storage_path=str(storage))
    with pytest.raises(RequestError, match="tiny-reproduced exists; use --resume"):
        reproduce(storage / "tiny", options)


@pytest.mark.ray
@pytest.mark.slow
def test_not_promised_is_judged_by_the_spread_of_seeds(copy, capsys):
    """Two seeds: by the last episodes."""
    change(copy / "tiny" / "manifest.json", machine={"cpu": "another"})
    trial = a_trial(copy / "tiny-reproduced", 1)
    text = (trial / "result.json").read_text().splitlines()
    (trial / "result.json").write_text("\n".join(text[:-1]) + "\n")
    code, output = verified(copy / "tiny", copy, capsys)
    assert "equality bit by bit was not guaranteed: another machine or system" in output
    assert "a weak test" in output
    assert output.splitlines()[-1] in (
        "verdict: reproduced (rule: interval)",
        "verdict: NOT reproduced (rule: interval)",
    )
    assert code == int("NOT reproduced" in output)


# --- reading a run back ----------------------------------------------------------------------


@pytest.mark.ray
@pytest.mark.slow
def test_a_trial_gets_its_own_values_of_the_grid(storage):
    trial = a_trial(storage / "tiny", 1)
    params = json.loads((trial / "params.json").read_text())
    original = open_recorded_run(trial)
    experiment = original.experiment
    assert experiment.name == "tiny-seed1-reproduced"
    assert experiment.seeds == (1,)
    assert experiment.config == {**CONFIG, "lr": params["lr"]}
    assert experiment.stop == {"training_iteration": 3}
    assert [each.path for each in original.trials] == [trial]
    assert len(original.siblings) == 4


@pytest.mark.ray
@pytest.mark.slow
def test_experiment_and_manifest_are_the_same_request(storage):
    by_folder = open_recorded_run(storage / "tiny").experiment
    assert by_folder == open_recorded_run(storage / "tiny" / "manifest.json").experiment
    assert (by_folder.seeds, by_folder.config) == ((0, 1), CONFIG)
    assert by_folder.checkpoint_at_end is False


@pytest.mark.ray
@pytest.mark.slow
def test_a_kept_curve_is_enough_but_not_of_a_grid(copy):
    change(copy / "tiny" / "manifest.json", config_given={**CONFIG, "lr": 1e-3})
    keep(copy / "tiny", copy / "kept", every=100)
    original = open_recorded_run(copy / "kept" / "seed1.json")
    assert original.experiment.seeds == (1,)
    assert original.experiment.config == {**CONFIG, "lr": 1e-3}
    assert original.experiment == open_recorded_run(copy / "kept" / "seed1.csv").experiment
    change(copy / "kept" / "seed1.json", config_given=CONFIG)
    with pytest.raises(RequestError, match="does not record its values of grids"):
        open_recorded_run(copy / "kept" / "seed1.json")


KEPT = [
    file
    for file in sorted((ROOT / "results").glob("*/*/seed3.json"))
    if "config_given" in json.loads(file.read_text())
]


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.parent.name)
def test_what_is_kept_of_the_shipped_runs_can_run_again(file):

    original = open_recorded_run(file)
    resolved = validate(original.experiment).config
    assert resolved.lr == original.experiment.config["lr"]
    assert original.experiment.seeds == (3,)
    assert len(original.trials) == 1


def written(tmp_path, **fields):
    manifest = {
        "manifest_version": 1,
        "experiment": "x",
        "algorithm": "PPO",
        "env": "CartPole-v1",
        "config_given": {"num_env_runners": 0},
        "stop": {"training_iteration": 1},
        "seeds": [None],
        **fields,
    }
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({k: v for k, v in manifest.items() if v is not ...}))
    return file


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"config_given": ...}, "config_given: is missing; it is required to run again"),
        ({"stop": []}, "stop: has an invalid value"),
        ({"algorithm": ...}, "algorithm: is missing"),
        ({"manifest_version": 7}, "manifest_version: is 7; this release reads 1"),
        ({"algorithm": "IMPALA"}, "IMPALA is not supported"),
        ({"env": "CartPole-v7"}, "CartPole-v7"),
        ({"env": "gone.Env"}, "gone"),
        ({"config_given": {"lrr": 1}}, "lrr: is not a key of PPO"),
        ({"request": {"scheduler": "asha"}}, "depended on each other or on random"),
        ({"config_given": {"lr": {"uniform": [0.1, 0.2]}}}, "depended on each other or on random"),
    ],
)
def test_a_manifest_that_cannot_run_is_one_line(tmp_path, fields, message):
    file = written(tmp_path, **fields)
    options = ReproduceOptions(storage_path=str(tmp_path / "storage"))
    with pytest.raises(RequestError) as caught:
        reproduce(file, options)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{file}: ")
    assert not (tmp_path / "storage").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nothing", "does not exist"),
        (lambda p: p, "contains no manifest.json"),
        (lambda p: (p / "x.yaml", (p / "x.yaml").write_text(""))[0], "is neither a manifest"),
        (lambda p: (p / "manifest.json", (p / "manifest.json").write_text("{"))[0], "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_run_is_one_line(tmp_path, make, message):
    with pytest.raises(RequestError, match=message):
        open_recorded_run(make(tmp_path))


@pytest.mark.parametrize("cut", ['{"training_iteration": 3, "env_runners": {}', "[{}", "{}}"])
def test_a_trial_ended_by_its_scheduler_stops_at_its_last_complete_result(tmp_path, cut):
    written(tmp_path, request={"scheduler": "asha"})
    trial = tmp_path / "PPO_x_00000"
    trial.mkdir()
    (trial / "params.json").write_text('{"seed": 0}')
    complete = [json.dumps({"training_iteration": number}) for number in (1, 2)]
    (trial / "result.json").write_text("\n".join([*complete, cut]))
    assert open_recorded_run(trial).experiment.stop["training_iteration"] == 2


def test_lambda_is_a_value_and_no_sampler(tmp_path):
    file = written(tmp_path, config_given={"lambda": 0.9}, seeds=[0])
    assert open_recorded_run(file).experiment.config == {"lambda": 0.9}


def test_a_class_is_found_by_its_path(tmp_path):
    file = written(tmp_path, env="<class 'envs.probes.ConstantReward'>")
    assert open_recorded_run(file).experiment.env == "envs.probes.ConstantReward"


def test_a_run_that_started_from_a_checkpoint_does_so_again():
    assert restored_from({"command": "rllib train file x --restore '/a b/c'"}) == "/a b/c"
    assert restored_from({"command": "rllib train file x"}) is None
    # Reproduced, no option says so; kept, there is no command line.
    again = {"command": "rllib reproduce x", "restore_from": "/a"}
    assert restored_from(again) == "/a"
    assert restored_from({"command": "rllib train --restore /b", "restore_from": None}) is None


def test_the_checkpoint_a_run_started_from_is_in_its_manifest_and_kept(tmp_path):
    experiment = open_recorded_run(written(tmp_path)).experiment
    options = ReproduceOptions(storage_path=str(tmp_path))
    manifest = current_manifest(experiment, options)
    assert manifest["restore_from"] is None
    begin_manifest(tmp_path, manifest, notes=["adapted"], restore_from=Path("/a/b"))
    begun = read_manifest(tmp_path)
    assert begun["restore_from"] == "/a/b"
    assert begun["notes"] == ["adapted"]
    assert begun["started"] >= manifest["started"]
    trial = tmp_path / "trial"
    trial.mkdir()
    (trial / "params.json").write_text('{"seed": 0}')
    keep(tmp_path, tmp_path / "kept", every=100)
    kept = json.loads((tmp_path / "kept" / "seed0.json").read_text())
    assert restored_from(kept) == "/a/b"


# --- what is promised ------------------------------------------------------------------------


def manifest_of(**fields):
    return {
        "manifest_version": 1,
        "algorithm": "PPO",
        "config_given": {},
        "config_resolved": {"num_env_runners": 0},
        "stop": {"training_iteration": 1},
        "seeds": [0],
        "exact_resume": True,
        "bfloat16": False,
        "threads": 1,
        "code": code_digest(),
        "packages": {"torch": "2", "pandas": "3"},
        "git": {"commit": "a" * 40, "dirty": True},
        "machine": {"cpu": "x"},
        **fields,
    }


def test_the_same_everywhere_is_promised():
    again = manifest_of(packages={"torch": "2", "pandas": "4"}, git={"commit": "b" * 40})
    assert reasons_against(manifest_of(), again) == []
    # One trial of a sweep, trained again without the search.
    searched = manifest_of(packages={"torch": "2", "pandas": "3", "optuna": "5"})
    assert reasons_against(searched, again) == []
    assert any(
        line.startswith("package pandas: 3 then, 4 now")
        for line in differences(manifest_of(), again)
    )


@pytest.mark.parametrize(
    ("original", "again", "reason"),
    [
        ({"algorithm": "A3C"}, {"algorithm": "A3C"}, "A3C: the order in which gradients arrive"),
        ({}, {"seeds": [None]}, "no seed was set"),
        ({}, {"packages": {"torch": "3", "pandas": "3"}}, "other versions of torch"),
        ({}, {"machine": {"cpu": "y"}}, "another machine or system"),
        ({}, {"threads": 2}, "another number of threads"),
        ({}, {"bfloat16": True}, "another number format"),
        ({"code": "0"}, {}, "the training code has changed"),
        ({"code": None}, {}, "it ran with uncommitted changes to commit aaaaaaa"),
        ({"code": None, "git": None}, {}, "its code version is unknown"),
        (
            {"resumed": ["then"]},
            {"exact_resume": False},
            "it was resumed, which started new episodes",
        ),
        ({}, {"config_resolved": {"num_env_runners": 2}}, "num_env_runners: environments run in"),
        (
            {},
            {"config_given": {"num_env_runners": {"grid_search": [0, 1]}}},
            "num_env_runners: environments run in",
        ),
        ({}, {"config_resolved": {"num_env_runners": 0, "gamma": 1}}, "defaults or resources"),
    ],
)
def test_every_reason_lifts_the_promise(original, again, reason):
    reasons = reasons_against(manifest_of(**original), manifest_of(**again))
    assert any(text.startswith(reason) for text in reasons), reasons


def test_a_trial_of_a_grid_is_compared_but_for_the_grid():
    grid = {"lr": {"grid_search": [1, 2]}, "lambda": 1}
    original = manifest_of(config_given=grid, config_resolved={"lr": 1, "lambda_": 1})
    again = manifest_of(config_given={**grid, "lr": 2}, config_resolved={"lr": 2, "lambda_": 1})
    assert reasons_against(original, again) == []
    again["config_resolved"]["lambda_"] = 0.5
    assert reasons_against(original, again) == ["defaults or resources have changed: lambda_"]


def test_code_is_compared_with_a_commit_where_nothing_else_is_known():
    git = ["git", "-C", str(ROOT), "rev-list", "--max-parents=0", "HEAD"]
    first = subprocess.run(git, capture_output=True, text=True, check=False).stdout.split()
    if not first:
        pytest.skip("not a checkout")
    old = manifest_of(code=None, git={"commit": first[0], "dirty": False})
    assert any("has changed since commit" in text for text in reasons_against(old, manifest_of()))


def test_clocks_that_end_runs_are_known():
    assert ends_by_time({"stop": {"time_total_s": 1}})
    assert ends_by_time({"stop": {}, "request": {"time_budget_s": 1}})
    assert not ends_by_time({"stop": {"training_iteration": 1}})


def raise_returns(folder, by):
    """Every mean return of an experiment's results."""
    for file in folder.glob("*/result.json"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            row["env_runners"]["episode_return_mean"] += by
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.ray
@pytest.mark.slow
def test_a3c_is_judged_by_the_spread_of_its_seeds(tmp_path):
    entry = {"run": "A3C", "env": "CartPole-v1", "stop": {"timesteps_total": 8000}}
    config = {"num_env_runners": 1, "num_envs_per_env_runner": 8, "rollout_fragment_length": 16}
    (tmp_path / "a3c.yaml").write_text(yaml.safe_dump({"a3c": {**entry, "config": config}}))
    storage = ("--storage-path", tmp_path)
    done = rllib("train", "file", tmp_path / "a3c.yaml", "--seeds", "0-2", *storage)
    assert done.returncode == 0, done.stderr
    again = rllib("reproduce", tmp_path / "a3c", "--verify", *storage)
    assert again.returncode in (0, 1), again.stderr
    assert "A3C: the order in which gradients arrive depends on timing" in again.stdout
    # On an idle machine one runner's gradients may arrive alike: the least other number will do.
    raise_returns(tmp_path / "a3c-reproduced", 1e-6)
    near = rllib("reproduce", tmp_path / "a3c", "--verify", *storage)
    assert "(95 % bootstrap interval of a new mean)" in near.stdout
    assert "(rule: interval)" in near.stdout.splitlines()[-1]
    # Runs of another task are not taken for it.
    raise_returns(tmp_path / "a3c-reproduced", 300)
    other = rllib("reproduce", tmp_path / "a3c", "--verify", *storage)
    assert other.returncode == 1
    assert "OUTSIDE the interval" in other.stdout
