"""Every run a study needs is listed with its status; a broken or different one is not counted as done."""

import pytest
from kept_runs import STARTED, cell, keep_run, row, study

from rllib_zoo.experiments.studies.runs import (
    BrokenResultError,
    counts,
    difference,
    runs_of,
    write_greedy,
)

PONG = cell("pong", changes={"lr": 0.1})
ROWS = [row(10_000, 5.0), row(40_000, 18.5)]


@pytest.fixture
def results(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, ROWS)
    return tmp_path


def states(results):
    return [(run.seed, run.status) for run in runs_of(study(PONG), results)]


def test_missing_and_further_seeds_are_rows(results):
    keep_run(results, "tiny", PONG, 11, ROWS)
    assert states(results) == [(3, "done"), (4, "not run"), (11, "done")]
    assert counts(runs_of(study(PONG), results)) == (1, 0, 1)


def test_a_run_keeps_its_own_status(results):
    keep_run(results, "tiny", PONG, 4, ROWS[:1], status="interrupted")
    assert states(results) == [(3, "done"), (4, "interrupted")]
    assert counts(runs_of(study(PONG), results)) == (1, 1, 0)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"stop": {"timesteps_total": 1}}, "stop rule"),
        ({"config_given": {"lr": 0.2}}, "its lr is 0.2, the study's 0.1"),
        ({"algorithm": "A2C"}, "its algorithm is A2C, the study's PPO"),
        ({"env": "ALE/Assault-v5"}, "its env is ALE/Assault-v5, the study's ALE/Pong-v5"),
        ({"config_given": None}, "its lr is None"),
    ],
)
def test_a_run_of_other_settings_is_not_done(results, about, message):
    keep_run(results, "tiny", PONG, 3, ROWS, **about)
    run = runs_of(study(PONG), results)[0]
    assert run.status == "other settings"
    assert message in difference(PONG, run.about)


def test_greedy_scores_belong_to_their_run(results):
    keep_run(results, "tiny", PONG, 4, ROWS)
    write_greedy(study(PONG), results, "pong", 3, {"mean": 20.0}, STARTED)
    write_greedy(study(PONG), results, "pong", 4, {"mean": 1.0}, STARTED)
    assert means(results) == [20.0, 1.0]


def test_a_greedy_score_does_not_outlive_its_run(results):
    keep_run(results, "tiny", PONG, 4, ROWS)
    for seed in (3, 4):
        write_greedy(study(PONG), results, "pong", seed, {"mean": 20.0}, STARTED)
    keep_run(results, "tiny", PONG, 4, ROWS, started="2026-02-02T00:00:00+00:00")
    assert means(results) == [20.0, None]


def means(results):
    scores = [run.greedy for run in runs_of(study(PONG), results)]
    return [greedy and greedy["mean"] for greedy in scores]


def test_seeds_of_an_edited_file_are_not_pooled(results, tmp_path):
    """A tuned file is edited between two sessions: runs trained with the old one are recognised."""
    file = tmp_path / "edited.yaml"
    edited = cell("pong", file=str(file), changes={"lr": 0.1})
    entry = "pong: {run: PPO, env: ALE/Pong-v5, config: {gamma: %s, lr: 3, seed: 7}}"
    file.write_text(entry % 0.99)
    keep_run(results, "tiny", edited, 3, ROWS)
    assert next(run.status for run in runs_of(study(edited), results)) == "done"
    file.write_text(entry % "0.9, clip_param: 0.2")
    run = runs_of(study(edited), results)[0]
    assert run.status == "other settings"
    assert difference(edited, run.about) == f"its gamma is 0.99, that of {file} 0.9"
    file.write_text("pong: {run: PPO, env: ALE/Pong-v5}")
    assert "its gamma is 0.99" in difference(edited, run.about)
    file.unlink()
    with pytest.raises(BrokenResultError, match=r"edited.yaml: cannot be read"):
        runs_of(study(edited), results)


def test_smoke_runs_are_no_results(results):
    """Kept beside results by mistake, they would still be distinguished."""
    tiny = study(PONG).smoke()
    keep_run(results, "tiny", tiny.cells[0], 3, ROWS)
    assert states(results)[0] == (3, "other settings")
    assert runs_of(tiny, results)[0].done
