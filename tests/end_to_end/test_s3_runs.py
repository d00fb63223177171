"""Trainings whose results go to a real S3 server on loopback, by a connection that is lost in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from rllib_zoo.algorithms.base.checkpoints import defect
from rllib_zoo.analysis.files import object_storage

CONFIG = """\
tiny:
  run: PPO
  env: CartPole-v1
  stop: {{training_iteration: {iterations}}}
  checkpoint_freq: 2
  config: {{num_env_runners: 0, num_envs_per_env_runner: 4, train_batch_size: 128, minibatch_size: 64,
    num_epochs: 1, seed: 1, model: {{fcnet_hiddens: [8]}}}}
"""


@pytest.fixture
def train(tmp_path, request):
    """Start a training of some iterations into a bucket's folder of the test's own."""
    storage = f"s3://bucket/{request.node.name}"

    def start(iterations=8, *options):
        (file := tmp_path / "tiny.yaml").write_text(CONFIG.format(iterations=iterations))
        return rllib(
            "train", "file", file, "--storage-path", storage, "--ray-num-cpus", 2, *options
        )

    start.folder = f"{storage}/tiny"
    return start


def rllib(*arguments):
    command = [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(process):
    """Exit code, standard output and error stream of a command that ends."""
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def downloaded(folder):
    """The local copy, with all checkpoints in it whole."""
    copy = object_storage.local_copy(folder)
    object_storage.download(copy)
    (trial,) = copy.glob("PPO_*")
    for checkpoint in trial.glob("checkpoint_*"):
        object_storage.complete(checkpoint)
    return copy, trial


def require_whole(folder, iterations=8):
    """Every iteration once, in both files; every checkpoint complete; the manifest done."""
    copy, trial = downloaded(folder)
    rows = [json.loads(line) for line in (trial / "result.json").read_text().splitlines()]
    assert [row["training_iteration"] for row in rows] == list(range(1, iterations + 1))
    assert len((trial / "progress.csv").read_text().splitlines()) == iterations + 1
    checkpoints = sorted(trial.glob("checkpoint_*"))
    assert checkpoints
    assert [defect(checkpoint) for checkpoint in checkpoints] == [None] * len(checkpoints)
    assert json.loads((copy / "manifest.json").read_text())["status"] == "done"
    return trial


def in_an_upload(connection, name, then):
    """Call ``then`` in the middle of the first upload of a file; where it is true, the connection is cut."""
    state = {"in": False, "done": False}

    def watch(sent):
        line = sent.split(b"\r\n", 1)[0]
        if line.startswith(b"PUT ") and b"partNumber" in line:
            state["in"] = name.encode() in line
            return False
        if state["in"] and not state["done"] and not line.endswith(b" HTTP/1.1"):
            state["done"] = True
            return then()
        return False

    connection.watch = watch
    return state


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_trained_resumed_evaluated_exported_reported(s3, train, tmp_path):
    code, out, _ = output(train(4))
    assert code == 0
    assert f"results: {train.folder} (finished" in out
    evaluate = next(line for line in out.splitlines() if line.startswith("evaluate it: "))
    checkpoint = evaluate.split()[4]
    assert checkpoint.startswith(f"{train.folder}/PPO_")
    require_whole(train.folder, 4)

    code, _, err = output(train(4))
    assert code == 2
    assert f"{train.folder} exists; use --resume" in err
    assert output(train(4, "--resume"))[0] == 0

    code, out, _ = output(rllib("evaluate", checkpoint, "--episodes", 2, "--json"))
    assert (code, json.loads(out)["checkpoint"]) == (0, checkpoint)
    agent = tmp_path / "agent"
    export = ("agent", "export", train.folder, "-o", agent, "--episodes", 1)
    assert output(rllib(*export))[0] == 0
    source = json.loads((agent / "agent.json").read_text())["source"]
    assert (source["experiment"], source["iterations"]) == ("tiny", 4)
    assert source["steps"] > 0
    code, _, err = output(rllib("report", train.folder, "-o", tmp_path / "report"))
    assert code == 0, err
    page = (tmp_path / "report" / "report.html").read_text()
    assert f"{train.folder}/PPO_" in page
    assert "/rllib-" not in page
    code, out, _ = output(rllib("diff", train.folder, train.folder))
    assert (code, out.splitlines()[0]) == (0, "only seeds differ")

    assert output(train(2, "--force"))[0] == 0
    require_whole(train.folder, 2)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_a_killed_run_is_resumed_whole(s3, train):
    process = train()
    in_an_upload(s3, "checkpoint_000001/class_and_ctor_args.pkl", process.kill)
    assert output(process)[0] == -signal.SIGKILL
    s3.watch = lambda sent: False
    time.sleep(5)  # until Ray's processes have noticed
    code, _, err = output(train(8, "--resume"))
    assert code == 0, err
    require_whole(train.folder)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["checkpoint_000001/class_and_ctor_args.pkl", "result.json"])
def test_a_connection_lost_for_a_moment_costs_nothing(s3, train, name):
    cut = in_an_upload(s3, name, lambda: True)
    code, _, err = output(train())
    assert cut["done"]
    assert code == 0, err
    require_whole(train.folder)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_a_connection_lost_for_good_ends_in_one_line(s3, train):
    def lose():
        s3.is_cut = True
        return True

    cut = in_an_upload(s3, "checkpoint_000001/class_and_ctor_args.pkl", lose)
    code, _, err = output(train())
    assert cut["done"]
    assert code == 1
    (line,) = (line for line in err.splitlines() if "continue with: " in line)
    assert line.startswith(f"{train.folder}: ")
    assert line.endswith(
        f"--storage-path {train.folder.removesuffix('/tiny')} --ray-num-cpus 2 --resume"
    )

    s3.is_cut, s3.watch = False, lambda sent: False
    code, _, err = output(train(8, "--resume"))
    assert code == 0, err
    require_whole(train.folder)
