"""A run goes on from the newest whole checkpoint on the disk, and ends as one that was never killed."""

from __future__ import annotations

import os
import shutil

import pytest
from small_runs import (
    as_if_killed,
    checkpoints_of,
    experiment,
    iterations_in,
    run,
    trial_of,
    weights_of,
)

from rllib_zoo.experiments.provenance.trust import mark_as_own
from rllib_zoo.experiments.tune.checkpoint_checks import older_complete
from rllib_zoo.experiments.tune.loggers import REPEATED

pytestmark = pytest.mark.ray
CHECKPOINTS = ["checkpoint_000000", "checkpoint_000001", "checkpoint_000002"]


@pytest.fixture(scope="module")
def finished(ray_session, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
        storage = tmp_path_factory.mktemp("finished")
        assert run(experiment(storage)) == 0
        assert checkpoints_of(trial_of(storage)) == CHECKPOINTS
        yield storage


@pytest.fixture
def killed(finished, tmp_path):
    """Results of a run that was killed when its last checkpoint was there, before Tune noted it."""
    shutil.copytree(finished, tmp_path / "results")
    as_if_killed(tmp_path / "results")
    mark_as_own(tmp_path / "results" / "run")
    return tmp_path / "results"


def damage(checkpoint):
    os.truncate(checkpoint / "algorithm_state.pkl", 100)


@pytest.mark.parametrize(
    "damaged",
    [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)],
    ids=lambda number: f"{number} damaged",
)
def test_it_goes_on_from_the_newest_whole_one(finished, killed, capsys, damaged):
    trial = trial_of(killed)
    # The last one was made when the trial was done: from there training would pass its end.
    for name in CHECKPOINTS[2 - damaged : 2]:
        damage(trial / name)
    with (trial / "result.json").open("a") as file:
        file.write('{"env_runners": {"episode_re')
    assert run(experiment(killed), resume=True) == 0

    start = 4 - 2 * damaged
    assert iterations_in(trial / "result.json") == [1, 2, 3, 4, 5, 6]
    assert iterations_in(trial / REPEATED) == list(range(start + 1, 7))
    assert (trial / "progress.csv").read_text().count("\n") == 7
    assert weights_of(trial / CHECKPOINTS[2]) == weights_of(trial_of(finished) / CHECKPOINTS[2])
    unused = [f"unused_{name}" for name in CHECKPOINTS[2 - damaged :]]
    assert checkpoints_of(trial) == CHECKPOINTS + unused
    output = capsys.readouterr().err
    name = f"checkpoint_{(1 - damaged):06d}" if damaged < 2 else "its beginning"
    assert f"resumes from {name}\n" in output
    assert output.count("algorithm_state.pkl has 100 of") == damaged


def test_the_older_complete_one_is_named(finished):
    trial = trial_of(finished)
    assert older_complete(trial / CHECKPOINTS[2]) == trial / CHECKPOINTS[1]
    assert older_complete(trial / CHECKPOINTS[0]) is None
