"""What is committed of an experiment: a thinned curve and the facts, per seed."""

import json

import pytest

from rllib_zoo.analysis.results import load
from rllib_zoo.experiments.studies.keep import keep, seed_of


@pytest.fixture
def experiment(tmp_path):
    """Two seeds of one experiment, the second failed before its first result."""
    folder = tmp_path / "experiment"
    for seed in (0, 11):
        (folder / f"trial{seed}").mkdir(parents=True)
        (folder / f"trial{seed}" / "params.json").write_text(json.dumps({"seed": seed}))
    rows = [
        {"env_runners": {"num_env_steps_sampled_lifetime": 100 * i, "episode_return_mean": i}}
        for i in range(1, 31)
    ]
    (folder / "trial0" / "result.json").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "trial11" / "error.txt").write_text("boom")
    manifest = {"algorithm": "A2C", "env": "CartPole-v1", "status": "failed", "command": "/home/me"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_every_seed_is_kept_with_its_own_status(experiment, tmp_path):
    written = keep(experiment, tmp_path / "kept", every=1_000)
    assert [seed_of(file) for file in written] == [0, 11]
    runs = load([tmp_path / "kept"]).runs.set_index("seed")
    assert runs.loc[11, "status"] == "failed"
    assert runs.loc[11, "message"] == "no results"
    assert (runs.loc[0, "steps"], runs.loc[0, "return_mean"]) == (3_000, 30)
    assert len((tmp_path / "kept" / "seed0.csv").read_text().splitlines()) == 1 + 4


RESOLVED = {
    "num_cpus_for_main_process": 0.5,
    "num_env_runners": 2,
    "num_cpus_per_env_runner": 0.25,
    "num_gpus_per_env_runner": 0,
    "num_learners": 0,
    "num_cpus_per_learner": "auto",
    "num_gpus_per_learner": 0,
    "evaluation_num_env_runners": 1,
}


@pytest.mark.parametrize(
    ("facts", "cpus"),
    [
        ({"reserved_cpus": 3.5, "config_resolved": RESOLVED}, 3.5),
        # Older manifests: the local learner's core, two runners and one that evaluates.
        ({"config_resolved": RESOLVED}, 1.75),
        ({}, None),
    ],
)
def test_reserved_cores_are_those_of_the_launch(experiment, tmp_path, facts, cpus):
    manifest = json.loads((experiment / "manifest.json").read_text())
    (experiment / "manifest.json").write_text(json.dumps(manifest | facts))
    keep(experiment, tmp_path / "kept", every=1_000)
    assert json.loads((tmp_path / "kept" / "seed0.json").read_text())["reserved_cpus"] == cpus


def test_no_folder_of_a_machine_is_kept(experiment, tmp_path):
    keep(experiment, tmp_path / "kept", every=1_000)
    assert "/home/me" not in (tmp_path / "kept" / "seed0.json").read_text()


def test_a_folder_without_a_manifest(tmp_path):
    with pytest.raises(FileNotFoundError):
        keep(tmp_path, tmp_path / "kept", every=1)
