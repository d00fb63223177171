"""One training in pieces is one curve; repeats, branches and other settings stay apart."""

from __future__ import annotations

import json

import pytest
from result_folders import result

from rllib_zoo.analysis.results import load


def piece(trial, name, first, last, *, clock=0.0, time=None, old=True, experiment="chain", **more):
    """A trial of iterations first to last, 100 steps each; the clock at its start."""
    rows = []
    for number, iteration in enumerate(range(first, last + 1), 1):
        row = result(iteration, float(iteration), old=old)
        row |= {"time_total_s": clock + 2.0 * number, "time_this_iter_s": 2.0}
        row |= {
            "iterations_since_restore": number,
            **({} if time is None else {"timestamp": time + number}),
        }
        rows.append(json.dumps(row))
    config = {"seed": None, **more.pop("config", {})}
    return trial(experiment, name, config=config, lines=rows, **more)


def loaded(tmp_path):
    return load([tmp_path / "results"])


def test_pieces_that_follow_each_other_are_one_curve(trial, tmp_path):
    # Two repeats of three pieces each: only steps and clocks tell which belong together.
    for repeat, seconds in (("a", 0.0), ("b", 7.0)):
        piece(trial, f"PPO_{repeat}1", 1, 4, clock=seconds)
        piece(trial, f"PPO_{repeat}2", 5, 6, clock=seconds + 8.0)
        piece(trial, f"PPO_{repeat}3", 6, 9, clock=seconds + 10.0)
    results = loaded(tmp_path)
    assert results.runs["group"].tolist() == ["PPO", "PPO"]
    assert [message.split(": ")[0] for message in results.runs["message"]] == [
        "3 pieces joined"
    ] * 2
    for run, seconds in ((0, 0.0), (1, 7.0)):
        curve = results.curves[results.curves["run"] == run]
        assert curve["iterations"].tolist() == list(range(1, 10))
        # Iteration 6 was repeated: the later piece's counts.
        expected = [2, 4, 6, 8, 10, 12, 14, 16, 18]
        assert curve["seconds"].tolist() == [seconds + s for s in expected]
    assert results.runs["steps"].tolist() == [900, 900]


def test_a_restored_run_is_known_by_its_checkpoint_and_its_clock_goes_on(trial, tmp_path):
    first = piece(trial, "PPO_x_1", 1, 3, experiment="one", old=False)
    start = f"/moved/one/{first.name}/checkpoint_000000"
    piece(
        trial, "PPO_x_2", 4, 5, experiment="two", old=False,
        config={"restore_from": start}, manifest={"stop": {"training_iteration": 5}},
    )  # fmt: skip
    results = loaded(tmp_path)
    assert results.runs["message"].tolist() == ["2 pieces joined: PPO_x_1, PPO_x_2"]
    assert results.curves["seconds"].tolist() == [2, 4, 6, 8, 10]
    assert results.configs[0]["stop.training_iteration"] == 5
    assert "restore_from" not in results.configs[0]


@pytest.mark.parametrize("changes", [{"lr": 0.5}, {"seed": 7}])
def test_other_settings_are_another_training(trial, tmp_path, changes):
    first = piece(trial, "PPO_x_1", 1, 3, experiment="one")
    start = f"/moved/one/{first.name}/checkpoint_000000"
    piece(trial, "PPO_x_2", 4, 5, experiment="two", config={"restore_from": start, **changes})
    results = loaded(tmp_path)
    assert len(results.runs) == results.runs["group"].nunique() == 2
    assert f"starts from a checkpoint ({start})" in results.runs["message"][1]


def test_a_copy_of_a_run_counts_once(trial, tmp_path):
    for experiment in ("original", "moved"):
        piece(trial, "PPO_x_1", 1, 3, time=100, experiment=experiment)
        piece(trial, "PPO_x_2", 4, 6, time=103, experiment=experiment, clock=6.0)
    early = piece(trial, "PPO_x_3", 1, 2, time=100, experiment="early")
    # The same results at another time are another run.
    piece(trial, "PPO_y", 1, 3, time=200, clock=50.0)
    runs = loaded(tmp_path).runs
    assert runs["rows"].tolist() == [3, 6]
    assert runs["message"].str.contains("copies").tolist() == [False, True]
    message = runs["message"][1]
    assert "2 pieces joined: PPO_x_1, PPO_x_2; 3 copies left out: " in message
    assert message.count(str(tmp_path)) == 3
    assert str(early) in message


def test_folders_of_other_names_are_grouped_by_them(trial, tmp_path):
    for name, clock in (("large_model_1", 0.0), ("large_model_2", 0.5)):
        folder = piece(trial, name, 1, 3, clock=clock)
        for state in folder.parent.glob("experiment_state*"):
            state.unlink()
    runs = loaded(tmp_path).runs
    assert runs["algorithm"].tolist() == ["large_model"] * 2
    assert runs["group"].nunique() == 1
    assert "algorithm unknown: grouped by the folder's name" in runs["message"][0]


def test_branches_are_not_joined_nor_pooled_with_their_stem(trial, tmp_path):
    piece(trial, "PPO_stem", 1, 4)
    piece(trial, "PPO_x", 5, 6, clock=8.0)
    piece(trial, "PPO_y", 5, 7, clock=8.0)
    runs = loaded(tmp_path).runs
    assert runs["group"].nunique() == 2
    assert runs["group"][1] == runs["group"][2] != runs["group"][0]


def test_a_last_piece_alone_is_no_repeat(trial, tmp_path):
    piece(trial, "PPO_whole", 1, 6)
    piece(trial, "PPO_z_end", 4, 6, clock=500.0)
    runs = loaded(tmp_path).runs
    assert runs["group"].nunique() == 2
    assert "starts from a checkpoint (unknown, at iteration 3)" in runs["message"][1]


def test_a_first_line_that_is_lost_is_no_piece(trial, tmp_path):
    rows = [json.dumps({**result(i, 1.0), "iterations_since_restore": i}) for i in (2, 3)]
    trial("a", lines=["{broken", *rows])
    trial("b", config={"seed": 1})
    assert loaded(tmp_path).runs["group"].tolist() == ["PPO", "PPO"]
