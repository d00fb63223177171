"""Thresholds: met, missed, or missing; never passed for want of runs."""

import pytest
from kept_runs import STARTED, cell, keep_run, row, study, threshold

from rllib_zoo.experiments.studies.catalog import Threshold, UnknownCellError
from rllib_zoo.experiments.studies.runs import write_greedy
from rllib_zoo.experiments.studies.thresholds import lines_of, verdicts

PONG = cell("pong")


def outcome(results, *thresholds, cells=(PONG,)):
    return [v.outcome for v in verdicts(study(*cells, thresholds=thresholds), results)]


@pytest.mark.parametrize(
    ("rows", "measure", "expected"),
    [
        ([row(10_000, 18.0), row(20_000, 3.0)], "reached", "met"),
        ([row(10_000, 18.0), row(20_000, 3.0)], "final", "missed"),
        ([row(10_000, 17.9)], "reached", "missed"),
        ([row(10_000, 18.0, window=99)], "reached", "missed"),
        ([row(40_001, 18.0)], "reached", "missed"),
        ([], "final", "missed"),
    ],
)
def test_every_seed_has_to_show_it(tmp_path, rows, measure, expected):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 20.0)])
    keep_run(tmp_path, "tiny", PONG, 4, rows)
    assert outcome(tmp_path, threshold("pong", measure)) == [expected]


def test_missing_runs_are_not_passed(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 20.0)])
    keep_run(tmp_path, "tiny", PONG, 4, [row(10_000, 20.0)], status="running")
    [verdict] = verdicts(study(PONG, thresholds=[threshold("pong")]), tmp_path)
    assert verdict.outcome == "missing"
    assert lines_of([verdict], met=False) == [
        "missing: pong: 18 reached within 40,000 steps with 2 seeds: 1 of 1 done; seeds 4 (running)"
    ]


@pytest.mark.parametrize(
    ("means", "expected", "measured"),
    [
        ({3: 200.0, 4: 200.0}, "met", "2 of 2 done"),
        ({3: 200.0, 4: 199.9}, "missed", "1 of 2 done"),
        ({3: 200.0}, "missing", "1 of 1 done; seeds 4 (not played)"),
    ],
)
def test_greedy_scores_have_to_be_played(tmp_path, means, expected, measured):
    played = cell("pong", greedy_episodes=100)
    requested_study = study(played, thresholds=[threshold("pong", "greedy", at_least=200.0)])
    for seed in (3, 4):
        keep_run(tmp_path, "tiny", played, seed, [row(10_000, 1.0)])
    for seed, mean in means.items():
        write_greedy(requested_study, tmp_path, "pong", seed, {"mean": mean}, STARTED)
    [verdict] = verdicts(requested_study, tmp_path)
    assert (verdict.outcome, verdict.measured) == (expected, measured)
    assert verdict.required == "greedy return ≥ 200 over 100 episodes with 2 seeds"


def test_a_miss_is_a_miss_while_others_are_missing(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 2.0)])
    assert outcome(tmp_path, threshold("pong")) == ["missed"]


@pytest.mark.parametrize(
    ("means", "expected"),
    [((18.0, 30.0), "met"), ((18.0, 17.9), "missed"), ((18.0, None), "missing")],
)
def test_greedy_scores_are_judged_where_they_were_played(tmp_path, means, expected):
    tiny = study(PONG, thresholds=[threshold("pong", "greedy")])
    for seed, mean in zip((3, 4), means, strict=True):
        keep_run(tmp_path, "tiny", PONG, seed, [row(10_000, 0.0)])
        if mean is not None:
            score = {"mean": mean, "half_width": 0.0, "episodes": 100}
            write_greedy(tiny, tmp_path, "pong", seed, score, STARTED)
    [verdict] = verdicts(tiny, tmp_path)
    assert verdict.outcome == expected
    assert ("seeds 4 (not played)" in verdict.measured) == (None in means)


def scaled(runners):
    return cell(f"r{runners}", seeds=(0,), value=runners)


@pytest.mark.parametrize(("rate_of_4", "expected"), [(320, "met"), (319, "missed")])
def test_efficiency_is_of_one_runner(tmp_path, rate_of_4, expected):
    for cell_, rate in ((scaled(1), 100), (scaled(4), rate_of_4)):
        # The ten seconds to the first result are left out.
        rows = [row(1_000, None, seconds=10), row(1_000 + 10 * rate, None, seconds=20)]
        keep_run(tmp_path, "tiny", cell_, 0, rows)
    required = threshold("r4", "efficiency", 0.8, seeds=1)
    assert outcome(tmp_path, required, cells=(scaled(1), scaled(4))) == [expected]


def test_efficiency_wants_as_many_runs_of_one_runner(tmp_path):
    """Three seeds of four runners, one of one: that one would carry the threshold."""
    cells = [cell(f"r{n}", seeds=(0, 1, 2), value=n) for n in (1, 4)]
    for cell_, seeds in zip(cells, ((0,), (0, 1, 2)), strict=True):
        for seed in seeds:
            rows = [
                row(1_000, None, seconds=10),
                row(1_000 + 1_000 * cell_.value, None, seconds=20),
            ]
            keep_run(tmp_path, "tiny", cell_, seed, rows)
    requested_study = study(*cells, thresholds=[threshold("r4", "efficiency", 0.8, seeds=3)])
    [verdict] = verdicts(requested_study, tmp_path)
    assert (verdict.outcome, verdict.measured) == (
        "missing",
        "3 of 3 seeds measured, 1 of 3 with one runner, 1.00 so far",
    )
    for seed in (1, 2):
        rows = [row(1_000, None, seconds=10), row(2_000, None, seconds=20)]
        keep_run(tmp_path, "tiny", cells[0], seed, rows)
    assert [v.outcome for v in verdicts(requested_study, tmp_path)] == ["met"]


def test_efficiency_without_one_runner_is_missing(tmp_path):
    keep_run(tmp_path, "tiny", scaled(4), 0, [row(1, None), row(1_000, None)])
    required = threshold("r4", "efficiency", 0.8, seeds=1)
    assert outcome(tmp_path, required, cells=(scaled(1), scaled(4))) == ["missing"]


def test_a_threshold_of_no_cell(tmp_path):
    with pytest.raises(UnknownCellError, match="no cell 'pog'"):
        outcome(tmp_path, threshold("pog"))


@pytest.mark.parametrize(
    ("failing", "number", "expected"),
    [(0, 4, "met"), (1, 4, "met"), (2, 4, "missed"), (0, 3, "missing"), (1, 3, "missing")],
)
def test_few_seeds_may_fail_where_the_threshold_allows_it(tmp_path, failing, number, expected):
    four = cell("pong", seeds=(1, 2, 3, 4))
    for seed in range(1, number + 1):
        keep_run(tmp_path, "tiny", four, seed, [row(10_000, 0.0 if seed <= failing else 20.0)])
    allowed = Threshold("pong", "final", 18.0, seeds=3, of=4)
    [verdict] = verdicts(study(four, thresholds=[allowed]), tmp_path)
    assert verdict.outcome == expected
    assert verdict.required == "final score ≥ 18 with 3 of 4 seeds"


def test_a_score_may_have_to_be_reached_early(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 20.0)])
    keep_run(tmp_path, "tiny", PONG, 4, [row(10_000, 1.0), row(20_000, 20.0)])
    within = [Threshold("pong", "reached", 18.0, 2, within=steps) for steps in (20_000, 19_999)]
    assert outcome(tmp_path, *within) == ["met", "missed"]


def test_the_worst_quarter_of_enough_seeds_is_judged(tmp_path):
    eight = cell("pong", seeds=tuple(range(8)))
    for seed in range(7):
        keep_run(tmp_path, "tiny", eight, seed, [row(10_000, 10.0 + seed)])
    gates = [Threshold("pong", "worst_quarter", bound, 8) for bound in (9.5, 9.6)]
    assert outcome(tmp_path, *gates, cells=[eight]) == ["missing", "missing"]
    keep_run(tmp_path, "tiny", eight, 7, [row(10_000, 9.0)])
    assert outcome(tmp_path, *gates, cells=[eight]) == ["met", "missed"]
