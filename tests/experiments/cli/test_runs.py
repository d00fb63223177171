"""`rllib list`, `--version`, `--quiet` and the shell's completion."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import ray
import torch

from rllib_zoo.experiments.cli.runs import lines, runs
from rllib_zoo.experiments.console import note, plain_console, print_stderr, set_quiet
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.provenance.folder_lock import FolderLock


def rllib(*arguments, **environment):
    """The command, and which heavy modules it imported."""
    script = (
        "import sys\nfrom rllib_zoo.experiments.cli.main import main\n"
        "sys.argv = ['rllib', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        "finally:\n    print({'ray', 'torch', 'pandas'} & sys.modules.keys(), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.stderr.endswith("set()\n"), done.stderr
    return done.stdout


def trial(name, score, steps, **more):
    return {"trial": name, "score": score, "steps": steps, **more}


@pytest.fixture
def folder(tmp_path):
    """Two experiments that ended, one of them a sweep, one that was killed, and no experiment."""
    manifests = {
        "old": {
            "algorithm": "PPO", "env": "CartPole-v1", "status": "done",
            "started": "2026-01-01T10:00:00+00:00",
            "trials": [trial("a", 400.0, 1000), trial("b", 200.0, 500)],
        },
        "sweep": {
            "algorithm": "A2C", "env": "ALE/Pong-v5", "status": "failed",
            "started": "2026-01-03T10:00:00+00:00",
            "trials": [trial("a", 1.0, 1000), trial("b", 20.0, 1000), trial("c", None, None)],
            "ranking": [{"trials": ["a", "c"]}, {"trials": ["b"]}],
        },
        "killed": {
            "algorithm": "A3C", "env": "my.Env", "status": "running",
            "started": "2026-01-02T10:00:00+00:00",
        },
    }  # fmt: skip
    for name, manifest in manifests.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
    result = {"num_env_steps_sampled_lifetime": 70, "env_runners": {"episode_return_mean": 7.0}}
    (tmp_path / "killed" / "trial").mkdir()
    text = json.dumps({}) + "\n" + json.dumps(result) + '\n{"num_env_ste'
    (tmp_path / "killed" / "trial" / "result.json").write_text(text)
    (tmp_path / "something").mkdir()
    return tmp_path


def test_experiments_are_listed_newest_first(folder):
    listed = [(r.name, r.algorithm, r.status, r.trials, r.score, r.steps) for r in runs(folder)]
    assert listed == [
        (
            "sweep",
            "A2C",
            "failed",
            3,
            1.0,
            2000,
        ),  # of the best configuration, not the luckiest trial
        ("killed", "A3C", "killed", 1, 7.0, 70),
        ("old", "PPO", "done", 2, 300.0, 1500),
    ]


def test_a_running_experiment_is_one_whose_owner_lives(folder):
    lock = FolderLock(folder / "killed")
    lock.acquire()
    try:
        assert runs(folder)[1].status == "running"
    finally:
        lock.release()


def test_the_list_is_printed_whole_and_without_ray(folder):
    printed = rllib("list", str(folder)).splitlines()
    assert printed == lines(runs(folder))
    assert printed[0].split() == [
        "name", "algorithm", "environment", "status", "trials", "score", "steps", "started",
    ]  # fmt: skip
    assert printed[1].split()[:7] == ["sweep", "A2C", "ALE/Pong-v5", "failed", "3", "1.0", "2,000"]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(RequestError, match="missing: does not exist"):
        runs(tmp_path / "missing")


def test_versions_are_printed_without_importing_the_packages():
    printed = rllib("--version")
    assert f"ray {ray.__version__}, torch {torch.__version__}" in printed
    assert re.match(r"rllib-zoo \d", printed)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("rllib example run cartpole-p", ["cartpole-pg", "cartpole-ppo"]),
        ("rllib train --algo A", ["A2C", "A3C"]),
        ("rllib train --algo pp", ["ppo"]),
        ("rllib ev", ["evaluate"]),
        ("rllib train mine.yaml --see", ["--seeds"]),
    ],
)
def test_the_shell_completes_names(words, offered):
    position = str(len(words.split()) - 1)
    environment = {"_RLLIB_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": position}
    assert rllib(**environment).split() == offered


def test_quiet_leaves_out_notes_and_drawings_but_no_errors(capfd):
    set_quiet(True)
    try:
        note("renamed")
        plain_console(stderr=True).print("a bar")
        print_stderr("x.yaml: wrong")
        plain_console().print("result")
    finally:
        set_quiet(False)
    assert capfd.readouterr() == ("result\n", "x.yaml: wrong\n")
    note("renamed")
    assert capfd.readouterr().err == "note: renamed\n"
