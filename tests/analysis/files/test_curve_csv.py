"""Curves thinned to one row per so many steps."""

import json

import pytest

from rllib_zoo.analysis.diff.bitwise import rows_of
from rllib_zoo.analysis.files import result_json as reading
from rllib_zoo.analysis.files.columns import COLUMNS as COLUMNS_READ
from rllib_zoo.analysis.files.curve_csv import KEPT as COLUMNS
from rllib_zoo.analysis.files.curve_csv import read_results, read_rows, thinned, write_curve
from rllib_zoo.analysis.files.result_json import map_results


def rows_at(*steps):
    return [{**dict.fromkeys(COLUMNS), "steps": s} for s in steps]


def steps_of(rows):
    return [row["steps"] for row in rows]


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ((5, 10, 20, 25, 30, 31), [5, 10, 20, 30, 31]),
        ((3, 4, 9), [3, 9]),
        ((1, 100, 101, 109, 110), [1, 100, 110]),
        ((7,), [7]),
        ((), []),
        ((10, 35, 39, 40), [10, 35, 40]),
    ],
)
def test_the_first_row_beyond_each_multiple_and_the_last(steps, kept):
    assert steps_of(thinned(rows_at(*steps), 10)) == kept


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="at least 1 agent step, got 0"):
        thinned(rows_at(1), 0)


def test_reading_and_writing(tmp_path):
    lines = [
        {"env_runners": {"num_env_steps_sampled_lifetime": 100}, "time_total_s": 1.5},
        {
            "env_runners": {
                "num_env_steps_sampled_lifetime": 200,
                "episode_return_mean": -20.123456,
            },
            "learners": {"default_policy": {"entropy": 1.25}},
            "time_total_s": 3,
        },
    ]
    source = tmp_path / "result.json"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"env_runners": {"nu')
    rows = list(read_results(source))
    assert steps_of(rows) == [100, 200]
    assert rows[0]["return_mean"] is None
    file = tmp_path / "new" / "curve.csv"
    write_curve(file, rows)
    back = read_rows(file)
    assert list(back[0]) == list(COLUMNS)
    assert [row["seconds"] for row in back] == [1.5, 3.0]
    assert (back[0]["return_mean"], back[1]["return_mean"]) == (None, -20.123)
    assert back[1]["entropy"] == 1.25
    assert [path.name for path in file.parent.iterdir()] == ["curve.csv"]


def played(*iterations):
    """A line per iteration of 100 steps, as Tune writes them."""
    results = [
        {
            "env_runners": {"num_env_steps_sampled_lifetime": 100 * n},
            "of": {"a": {"b": 1}},
            "training_iteration": n,
            "config": {"lr": 0.1, "model": {"layers": [8]}},
        }
        for n in iterations
    ]
    return [json.dumps(result) + "\n" for result in results]


@pytest.mark.parametrize("left", [40, -20])
def test_a_restart_and_a_cut_in_the_middle(tmp_path, left):
    """Killed while writing the fifth result, gone on from the checkpoint of the second."""
    file = tmp_path / "result.json"
    first, second = played(1, 2, 3, 4), played(3, 4, 5)
    second[0] = second[0].replace('"b": 1', '"b": 2')
    cut = played(5)[0][:left]
    file.write_text("".join([*first, cut, *second]))
    assert steps_of(read_results(file)) == [100, 200, 300, 400, 500]
    values = map_results(file, lambda result: result["of"]["a"]["b"])
    assert values == [1, 1, 2, 1, 1]
    whole = rows_of(file)
    assert list(whole) == [1, 2, 3, 4, 5]
    assert whole[3]["of.a.b"] == 2
    curve = reading.read_curve(file)
    assert curve.values_TC[:, COLUMNS_READ.index("steps")].tolist() == [100, 200, 300, 400, 500]
    assert (curve.broken, curve.repeated) == (1, 2)
    assert curve.config["lr"] == 0.1


def test_a_broken_line_is_no_end(tmp_path):
    file = tmp_path / "result.json"
    lines = played(1, 2, 3)
    file.write_text(lines[0] + lines[1][:30] + "\n" + lines[2])
    assert steps_of(read_results(file)) == [100, 300]
    assert list(rows_of(file)) == [1, 3]
    assert len(reading.read_curve(file).values_TC) == 2
