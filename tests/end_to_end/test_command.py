"""The command end to end: real files, real Ray, real checkpoints."""

from __future__ import annotations

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imageio
import pytest
import yaml

from rllib_zoo.experiments.cli.main import main
from rllib_zoo.experiments.paths import ROOT

pytestmark = pytest.mark.ray
CONFIG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 256,
    "minibatch_size": 64,
    "num_epochs": 2,
    "seed": 1,
    "model": {"fcnet_hiddens": [8]},
}


def command(*arguments):
    return [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *map(str, arguments)]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def rllib(*arguments, cwd=ROOT, **variables):
    """Run the command to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def refusal(monkeypatch, capsys):
    """The command in this process, which imports Ray and torch but once, as a finished process."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["rllib", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        code = caught.value.code
        return subprocess.CompletedProcess(arguments, code, printed.out, printed.err)

    return run


@pytest.fixture
def tiny(tmp_path):
    """A config file of two short iterations; ``tiny(stop=…)`` for other experiment keys."""

    def write(**keys):
        entry = {"run": "PPO", "env": "CartPole-v1", "stop": {"training_iteration": 2}}
        file = tmp_path / "tiny.yaml"
        file.write_text(yaml.safe_dump({"tiny": {**entry, "config": CONFIG, **keys}}))
        return file

    return write


def trials_of(folder):
    return sorted(path.parent for path in folder.glob("*/result.json"))


def results_of(trial):
    return [json.loads(line) for line in (trial / "result.json").read_text().splitlines()]


def last_line(done, beginning):
    """The arguments of the command line that the summary offers."""
    (line,) = [text for text in done.stdout.splitlines() if text.startswith(beginning)]
    words = shlex.split(line.removeprefix(beginning))
    assert words[0] == "rllib"
    return words[1:]


def assert_refused(done, words):
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def check_manifest(folder, file):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "done"
    assert manifest["command"].startswith(f"rllib train file {file} --storage-path ")
    assert manifest["source_text"] == file.read_text()
    assert (manifest["algorithm"], manifest["env"]) == ("PPO", "CartPole-v1")
    assert manifest["config_given"] == CONFIG
    assert manifest["config_resolved"]["minibatch_size"] == 64
    assert manifest["config_resolved"]["clip_param"] == 0.3
    assert manifest["stop"] == {"training_iteration": 2}
    assert manifest["reserved_cpus"] == 1
    assert manifest["seeds"] == [1]
    assert {"python", "ray", "torch", "gymnasium", "numpy"} <= set(manifest["packages"])
    assert set(manifest["git"]) == {"commit", "dirty"}
    assert manifest["machine"]["cores"] == os.cpu_count()
    assert manifest["environment_signature"]["id"] == "CartPole-v1"
    (trial,) = manifest["trials"]
    assert (trial["status"], trial["iterations"], trial["seed"]) == ("done", 2, 1)


@pytest.fixture
def a_strangers_cluster():
    """Ray's folder after somebody else started a cluster; its path is short because of sockets."""
    with tempfile.TemporaryDirectory(prefix="rz") as folder:
        Path(folder, "ray").mkdir()
        Path(folder, "ray", "ray_current_cluster").write_text("127.0.0.1:9")
        yield folder


PRINTS_IMPORTS = """
import atexit, sys
heavy = ("ray.tune", "ray.rllib", "torch")
atexit.register(lambda: print("imported:", *[name for name in heavy if name in sys.modules]))
"""


def test_train_then_evaluate_then_the_same_name_again(tiny, tmp_path, a_strangers_cluster, refusal):
    file, folder = tiny(), tmp_path / "results" / "tiny"
    storage = ("--storage-path", tmp_path / "results")
    (tmp_path / "prints_imports.py").write_text(PRINTS_IMPORTS)
    variables = {"RAY_TMPDIR": a_strangers_cluster, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = rllib("train", "file", file, *storage, "--import", "prints_imports", **variables)
    assert done.returncode == 0, done.stderr
    # Hundreds of MiB that only the trial's process needs.
    assert done.stdout.splitlines()[-1] == "imported: ray.tune"
    check_manifest(folder, file)
    (trial,) = trials_of(folder)
    assert [row["training_iteration"] for row in results_of(trial)] == [1, 2]
    configs = [row["config"] for row in results_of(trial)]
    assert [config["minibatch_size"] for config in configs] == [64, 64]
    assert json.loads((trial / "params.json").read_text())["minibatch_size"] == 64
    with (trial / "progress.csv").open() as text:
        assert len(list(csv.DictReader(text))) == 2
    assert list(trial.glob("events.out.tfevents.*"))

    line = last_line(done, "evaluate it: ")
    assert Path(line[1]).parent == trial
    played = rllib(
        *line[:2],
        "--json",
        "--episodes",
        5,
        "--out",
        tmp_path / "episodes.csv",
        "--video",
        tmp_path / "video",
    )
    assert played.returncode == 0, played.stderr
    score = json.loads(played.stdout)
    with (tmp_path / "episodes.csv").open() as text:
        rows = list(csv.DictReader(text))
    assert score["episodes"] == len(rows) == 5
    assert score["mean"] == pytest.approx(sum(float(row["episode_return"]) for row in rows) / 5)
    video = sorted((tmp_path / "video").glob("*.mp4"))[0]
    frame = imageio.get_reader(video).get_data(0)
    assert frame.ndim == 3
    assert frame.std() > 0

    assert_refused(refusal("evaluate", line[1], "--algo", "A2C"), "is of PPO, not A2C")
    assert_refused(refusal("train", "file", file, *storage), f"{folder} exists; use --resume")


@pytest.mark.slow
def test_force_moves_the_earlier_results_aside(tiny, tmp_path):
    file, folder = tiny(), tmp_path / "results" / "tiny"
    storage = ("--storage-path", tmp_path / "results")
    assert rllib("train", "file", file, *storage).returncode == 0
    (trial,) = trials_of(folder)
    before = (folder / "manifest.json").read_text()
    again = rllib("train", "file", file, *storage, "--force")
    assert again.returncode == 0, again.stderr
    (aside,) = [path for path in folder.parent.iterdir() if path.name.startswith("tiny.")]
    assert (aside / "manifest.json").read_text() == before
    assert (aside / trial.name / "result.json").exists()
    assert [path.name for path in trials_of(folder)] != [trial.name]


@pytest.mark.slow
def test_seeds_and_overrides_change_outcomes(tiny, tmp_path):
    done = rllib(
        "train",
        "file",
        tiny(),
        "--storage-path",
        tmp_path / "results",
        "--seeds",
        "3,7",
        "--stop",
        "{'training_iteration': 3}",
        "--set",
        "lr=2e-3",
        "--set",
        "num_epochs=1",
        "--checkpoint-freq",
        1,
        "--no-checkpoint-at-end",
        "--experiment-name",
        "other",
    )
    assert done.returncode == 0, done.stderr
    trials = trials_of(tmp_path / "results" / "other")
    parameters = [json.loads((trial / "params.json").read_text()) for trial in trials]
    assert sorted(found["seed"] for found in parameters) == [3, 7]
    assert {(found["lr"], found["num_epochs"]) for found in parameters} == {(2e-3, 1)}
    curves = [
        [row["env_runners"]["episode_return_mean"] for row in results_of(trial)] for trial in trials
    ]
    assert [len(curve) for curve in curves] == [3, 3]
    assert curves[0] != curves[1]
    assert [len(list(trial.glob("checkpoint_*"))) for trial in trials] == [3, 3]


@pytest.mark.slow
def test_options_alone_and_no_checkpoint(tmp_path):
    done = rllib(
        "train",
        "--algo",
        "PPO",
        "--env",
        "CartPole-v1",
        "--stop",
        '{"training_iteration": 1}',
        "--config",
        json.dumps(CONFIG),
        "--storage-path",
        tmp_path,
        "--no-checkpoint-at-end",
    )
    assert done.returncode == 0, done.stderr
    (trial,) = trials_of(tmp_path / "ppo-cartpole-v1")
    assert len(results_of(trial)) == 1
    assert not list(trial.glob("checkpoint_*"))
    assert "no checkpoint was kept" in done.stdout


def test_dry_run_prints_the_plan_and_writes_nothing(tiny, tmp_path):
    file = tiny()
    done = rllib(
        "train",
        "file",
        file,
        "--storage-path",
        tmp_path / "results",
        "--dry-run",
        "--set",
        "lr=1e-4",
        "--seeds",
        "0-2",
    )
    assert (done.returncode, done.stderr) == (0, "")
    plan = yaml.safe_load(done.stdout)["tiny"]
    assert (plan["run"], plan["env"], plan["seeds"]) == ("PPO", "CartPole-v1", [0, 1, 2])
    # The seeds of the option stand in the place of the file's.
    assert plan["config"] == {k: v for k, v in CONFIG.items() if k != "seed"} | {"lr": 1e-4}
    assert list(tmp_path.iterdir()) == [file]


FAILING = """
from gymnasium.envs.classic_control import CartPoleEnv


class Failing(CartPoleEnv):
    def __init__(self, after=0):
        super().__init__()
        self.left = after

    def step(self, action):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("the pole is broken")
        return super().step(action)
"""


def train_failing(tiny, tmp_path, after, **config):
    """Train in an environment that fails after so many good steps."""
    (tmp_path / "failing_env.py").write_text(FAILING)
    options = ["--storage-path", tmp_path / "results", "--import", "failing_env"]
    file = tiny(
        env="failing_env.Failing",
        config={**CONFIG, "env_config": {"after": after}, **config},
        stop={"training_iteration": 2},
    )
    return rllib("train", "file", file, *options, cwd=tmp_path)


@pytest.mark.slow
def test_an_environment_that_fails(tiny, tmp_path):
    done = train_failing(tiny, tmp_path, after=20, restart_failed_sub_environments=False)
    assert done.returncode == 1, done.stderr
    assert "the pole is broken" in done.stdout
    manifest = json.loads((tmp_path / "results" / "tiny" / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert "the pole is broken" in manifest["trials"][0]["error"]


def test_an_environment_that_fails_at_once_is_refused(tiny, tmp_path):
    done = train_failing(tiny, tmp_path, after=0)
    assert_refused(done, "fails when it is reset and stepped: RuntimeError: the pole is broken")
    assert not (tmp_path / "results").exists()


def curve(folder):
    """Return by iteration; of iterations played twice, the second time."""
    (trial,) = trials_of(folder)
    return {
        row["training_iteration"]: row["env_runners"]["episode_return_mean"]
        for row in results_of(trial)
    }


def started(*arguments):
    """The command, running."""
    return subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def interrupted(arguments, folder):
    """Start the command, interrupt it when its first checkpoint is there; code, output, seconds."""
    process = started(*arguments)
    deadline = time.monotonic() + 120
    while not list(folder.glob("*/checkpoint_*/rllib_checkpoint.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    seconds = time.monotonic() - asked
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr), seconds


@pytest.mark.slow
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tiny, tmp_path):
    target = 40
    file = tiny(stop={"training_iteration": target}, checkpoint_freq=1, keep_checkpoints_num=2)
    whole = started("train", "file", file, "--storage-path", tmp_path / "whole")

    folder = tmp_path / "parts" / "tiny"
    done, seconds = interrupted(
        ["train", "file", file, "--storage-path", tmp_path / "parts"], folder
    )
    assert done.returncode == 130, done.stderr
    assert seconds < 20
    assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    assert max(curve(folder)) < target

    rest = rllib(*last_line(done, "interrupted by Ctrl-C; continue with: "))
    assert rest.returncode == 0, rest.stderr
    _, errors = whole.communicate(timeout=120)
    assert whole.returncode == 0, errors
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["status"], len(manifest["resumed"])) == ("done", 1)
    assert curve(folder) == curve(tmp_path / "whole" / "tiny")
    assert sorted(curve(folder)) == list(range(1, target + 1))
