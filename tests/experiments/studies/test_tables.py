"""The tables of studies, those below `algorithms_compared`, and the README's."""

import json
import math

import pytest
from kept_runs import STARTED, cell, keep_run, row, study

from rllib_zoo.analysis.scoring.comparability import DifferentEnvironmentsError
from rllib_zoo.experiments.paths import RESULTS
from rllib_zoo.experiments.studies.algorithms_compared_tables import (
    STUDY,
    cartpole_table,
    games_table,
)
from rllib_zoo.experiments.studies.catalog import Budget
from rllib_zoo.experiments.studies.measures import parts_of, signal_of, variance_of
from rllib_zoo.experiments.studies.page_sections import BENCHMARKS, benchmark_cell
from rllib_zoo.experiments.studies.readme_tables import results_table, speed_line
from rllib_zoo.experiments.studies.runs import BrokenResultError, runs_of, write_greedy
from rllib_zoo.experiments.studies.tables import provenance, study_table

PONG = cell("pong")


def line_of(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| `{name}")]
    return [part.strip() for part in line.strip("|").split("|")]


def test_a_cell_without_runs_is_a_row(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 5.0)])
    text = study_table(study(PONG, cell("other")), tmp_path)
    assert line_of(text, "other")[1:3] == ["0 of 2", "2 not run"]
    assert line_of(text, "pong")[1:3] == ["1 of 2", "1 not run"]


def test_few_runs_have_a_range_and_five_an_interval(tmp_path):
    for seed in range(4):
        keep_run(tmp_path, "tiny", PONG, seed, [row(10_000, float(seed))])
    four = cell("pong", seeds=(0, 1, 2, 3))
    assert line_of(study_table(study(four), tmp_path), "pong")[4] == "1.5 (0.0 to 3.0)"
    keep_run(tmp_path, "tiny", PONG, 4, [row(10_000, 4.0)])
    five = study_table(study(four), tmp_path)
    assert line_of(five, "pong")[4].startswith("2.0 [")
    assert five == study_table(study(four), tmp_path)


def test_costs_and_staleness(tmp_path):
    one = cell("one", value=1, seeds=(0,))
    rows = [row(1_000, 1.0, seconds=10, staleness=1.0), row(4_600, 19.0, seconds=46, staleness=2.0)]
    keep_run(tmp_path, "tiny", one, 0, rows, reserved_cpus=2.0)
    cells = line_of(study_table(study(one, figures=("efficiency",)), tmp_path), "one")
    # Target, by how many, steps, seconds, 3,600 steps in 36 s, 2 cores for 46 s, efficiency, staleness.
    assert cells[5:] == ["18.0", "1 of 1", "4,600", "46.0", "100", "0.026", "1.00", "1.50"]


def test_runs_that_played_differently_share_no_table(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 5.0)])
    keep_run(tmp_path, "tiny", PONG, 4, [row(1, 5.0)], environment_signature={"screen_size": 84})
    with pytest.raises(DifferentEnvironmentsError, match="pong seed"):
        study_table(study(PONG), tmp_path)


def test_a_kept_run_without_a_signature_is_no_traceback(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 5.0)])
    before = study_table(study(PONG), tmp_path)
    file = tmp_path / "tiny" / "pong" / "seed3.json"
    about = json.loads(file.read_text())
    del about["environment_signature"]
    file.write_text(json.dumps(about))
    assert study_table(study(PONG), tmp_path) == before


def test_the_table_of_games_has_every_wanted_run(tmp_path):
    ppo = STUDY.cell("pong-ppo")
    rows = [row(10_000, 17.9), row(1_000_000, 18.5), row(1_800_000, 19.0, seconds=1_200)]
    keep_run(tmp_path, STUDY.name, ppo, 3, rows)
    keep_run(tmp_path, STUDY.name, ppo, 4, [], status="failed")
    text = games_table(tmp_path)
    assert (
        "| `pong-ppo.yaml` | 3 | done | 1,800,000 | 7,200,000 | 20.0 | 19.0 (17 to 21) | 1.12 "
        "| 16.7 min, 1,000,000 steps |" in text
    )
    assert "| `pong-ppo.yaml` | 4 | failed | – |" in text
    for game in (game for game in STUDY.cells if game.env.startswith("ALE/")):
        for seed in set(game.seeds) - {3, 4}:
            assert f"| `{game.name}.yaml` | {seed} | not run | – |" in text
    assert "A Processor, 2 cores" in text
    assert "0123456" in text


def test_the_table_of_cartpole_counts_every_seed(tmp_path):
    ppo = STUDY.cell("cartpole-ppo")
    ends = [(150_000, 480.0), (200_000, 400.0), (100_000, 475.0)]
    for seed, (steps, mean) in enumerate(ends, 2000):
        keep_run(tmp_path, STUDY.name, ppo, seed, [row(steps, mean), row(200_000, mean - 2.0)])
    write_greedy(STUDY, tmp_path, ppo.name, 2000, {"mean": 500.0}, STARTED)
    write_greedy(STUDY, tmp_path, ppo.name, 2002, {"mean": 450.0}, STARTED)
    text = cartpole_table(tmp_path)
    # Two solved of 30 required, one of them fell later; a seed without a greedy score is named.
    assert (
        "| `cartpole-ppo.yaml` | 2 of 30 (27 not done) | 150,000 (200,000) | 200,000 | 150.0 "
        "| 1 of 3 | 1 of 3 (not played: 2001) | 450.0 |" in text
    )
    assert "| `cartpole-a2c.yaml` | 0 of 30, none run |" in text


def test_the_readme_counts_seeds_and_shows_a_range_below_five(tmp_path):
    pong, cartpole = STUDY.cell("pong-ppo"), STUDY.cell("cartpole-a2c")
    for seed, mean in ((3, 18.0), (4, 20.0)):
        keep_run(tmp_path, STUDY.name, pong, seed, [row(1_840_000, mean)])
    keep_run(tmp_path, STUDY.name, STUDY.cell("pong-a3c"), 3, [row(4_000_000, 15.0)])
    for seed, (steps, mean) in enumerate([(100_000, 480.0), (300_000, 400.0)], 2000):
        rows = [row(steps, mean), row(300_000, mean)]
        keep_run(tmp_path, STUDY.name, cartpole, seed, rows)
    # A seed that may have been used for tuning.
    keep_run(tmp_path, STUDY.name, cartpole, 100, [row(1_000, 480.0)])
    head, _, on_cartpole, on_pong, on_assault = results_table(tmp_path).splitlines()[:5]
    assert head == "|  | A2C | A3C | PPO |"
    assert on_cartpole == (
        "| CartPole-v1: steps to a mean return of 475, fewer is better "
        "| 200,000 (100,000 to 300,000)<br>1 of 30 seeds solved "
        "| –<br>0 of 30 seeds solved | –<br>0 of 30 seeds solved |"
    )
    assert on_pong == (
        "| Pong-v5: final score (random -20.7, human 14.6) | –<br>0 of 1 seeds "
        "| 15.0<br>1 seed, 4M steps | 19.0 (18.0 to 20.0)<br>2 of 3 seeds, 1.8M steps |"
    )
    assert on_assault.count("0 of 2 seeds") == 3


def test_the_line_on_speed_is_of_the_kept_benchmarks(tmp_path):
    line = speed_line(RESULTS)
    for section, ours, peer, column in (
        ("atari", "ours-ppo-as-sb3", "sb3-ppo-all", 2),
        ("atari", "ours-ppo-as-rllib", "rllib-old", 2),
        ("atari", "ours-a2c-as-sb3", "sb3-a2c-all", 2),
        ("speed", "ours-ppo", "sb3-ppo", 3),
    ):
        assert benchmark_cell(RESULTS, section, ours, peer, column) in line
    file = tmp_path / BENCHMARKS["speed"]
    file.parent.mkdir()
    file.write_text("| one | two | 1.0 (0.8–1.1) | 3 |\n\nSettings:\n\n| one | two | 9 |\n")
    assert benchmark_cell(tmp_path, "speed", "one", "two", 2) == "1.0 (0.8–1.1)"
    with pytest.raises(BrokenResultError, match="0 rows"):
        benchmark_cell(tmp_path, "speed", "one", "three", 2)


def test_the_median_of_an_even_number_is_between_the_middle_two(tmp_path):
    ppo = STUDY.cell("cartpole-ppo")
    for seed, steps in enumerate([100_000, 120_000, 150_000, 200_000], 2000):
        keep_run(tmp_path, STUDY.name, ppo, seed, [row(steps, 480.0)])
    text = cartpole_table(tmp_path)
    assert "| 135,000 (200,000) | 200,000 | 135.0 |" in text
    assert line_of(study_table(STUDY, tmp_path), "cartpole-ppo`")[7] == "135,000"
    assert "4 of 30 (26 not done)" in text
    assert "| 4 of 4 | 0 of 4 (not played: 2000, 2001, 2002, 2003) | – |" in text


def test_seeds_that_may_have_been_used_for_tuning_are_not_in_the_table(tmp_path):
    ppo = STUDY.cell("cartpole-ppo")
    for seed, steps in ((2000, 100_000), (100, 1_000)):
        keep_run(tmp_path, STUDY.name, ppo, seed, [row(steps, 480.0)])
    text = cartpole_table(tmp_path)
    assert "| `cartpole-ppo.yaml` | 1 of 30 (29 not done) | 100,000 (100,000)" in text
    assert "Seeds 2000-2029, none of them" in text


def test_commits_of_changed_checkouts_have_a_mark(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 5.0)])
    clean = provenance(runs_of(study(PONG), tmp_path))
    assert clean.endswith("Commits: 0123456.")
    git = {"commit": "0123456789", "dirty": True}
    keep_run(tmp_path, "tiny", PONG, 4, [row(10_000, 5.0)], git=git)
    text = provenance(runs_of(study(PONG), tmp_path))
    assert text.endswith("Commits: 0123456, 0123456+. A commit with + had uncommitted changes.")


def test_a_run_without_a_signature_is_refused_in_words(tmp_path):
    keep_run(tmp_path, "tiny", PONG, 3, [row(10_000, 5.0)])
    keep_run(tmp_path, "tiny", PONG, 4, [row(10_000, 5.0)])
    file = tmp_path / "tiny" / "pong" / "seed4.json"
    about = json.loads(file.read_text())
    del about["environment_signature"]
    file.write_text(json.dumps(about))
    with pytest.raises(DifferentEnvironmentsError, match="pong seed 4: 'absent'"):
        study_table(study(PONG), tmp_path)


def gradients(pairs):
    return [
        {**row(7_000 * n, 1.0), "gradient_variance": v, "gradient_squared_norm": g}
        for n, (v, g) in enumerate(pairs, 1)
    ]


def test_gradient_signal_is_a_ratio_of_sums():
    # 1,000 (3 - 1) / (6 + 2): a negative estimate takes part, a row without one does not.
    rows = gradients([(6.0, 3.0), (2.0, -1.0), (None, None)])
    assert signal_of(rows) == 250.0
    assert variance_of(rows) == 4.0
    for nothing in ([row(1, 1.0)], gradients([(0.0, 0.0)]), []):
        assert math.isnan(signal_of(nothing))
    assert math.isnan(variance_of([row(1, 1.0)]))


def test_rows_by_parts_of_the_budget(tmp_path):
    one = cell("one", seeds=(0,), budget=Budget(4_000))
    rows = [row(steps, 1.0) for steps in (500, 1_999, 2_000, 4_100)]
    keep_run(tmp_path, "tiny", one, 0, rows)
    [run] = runs_of(study(one), tmp_path)
    parts = parts_of(run, 2)
    assert {end: [r["steps"] for r in rows] for end, rows in parts.items()} == {
        2_000.0: [500.0, 1_999.0],
        4_000.0: [2_000.0, 4_100.0],
    }


def test_the_first_gradient_and_the_signal_of_the_first_fifth(tmp_path):
    one = cell("one", seeds=(0, 1, 2))
    for seed, first in ((0, 1_234.0), (1, 5.0), (2, 2_000.0)):
        keep_run(tmp_path, "tiny", one, seed, gradients([(first, 1.0), (2_500.0, 4.0)]))
    text = study_table(study(one, figures=("gradient_variance",)), tmp_path)
    assert line_of(text, "one")[-2:] == ["1,230", "0.81"]


def test_greedy_scores_stand_where_they_were_played(tmp_path):
    one = cell("one", seeds=(0, 1, 2), greedy_episodes=100)
    tiny = study(one, cell("two"))
    for seed in (0, 1, 2):
        keep_run(tmp_path, "tiny", one, seed, [row(1_000, 1.0)])
    for seed, mean in ((0, 200.0), (2, 150.0)):
        write_greedy(tiny, tmp_path, "one", seed, {"mean": mean}, STARTED)
    text = study_table(tiny, tmp_path)
    assert line_of(text, "one")[-1] == "175.0 (150.0 to 200.0); 1 not played"
    assert line_of(text, "two")[-1] == "–"
    assert "greedy" not in study_table(study(cell("two")), tmp_path)
