"""Curves thinned to one row per so many steps."""

import json

import pytest

from analysis.thinning import KEPT as COLUMNS
from analysis.thinning import read_curve, read_results, thinned, write_curve


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
    back = read_curve(file)
    assert list(back[0]) == list(COLUMNS)
    assert [row["seconds"] for row in back] == [1.5, 3.0]
    assert (back[0]["return_mean"], back[1]["return_mean"]) == (None, -20.123)
    assert back[1]["entropy"] == 1.25
    assert [path.name for path in file.parent.iterdir()] == ["curve.csv"]
