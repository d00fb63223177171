"""A study's lines beside published scores: normalised, averaged over what all have, ranked."""

import math

import pytest
from kept_runs import cell, keep_run, row, study

from rllib_zoo.experiments.studies.catalog import STUDIES, Budget
from rllib_zoo.experiments.studies.published_scores import (
    averages,
    compared_envs,
    normalised_scores,
    published_table,
)
from rllib_zoo.experiments.studies.runs import runs_of

TASKS = {"hopper": ("Hopper-v5", 18.01), "reacher": ("Reacher-v5", -42.86)}


def tiny():
    """Two lines on two tasks with seeds 1 and 2."""
    cells = [
        cell(
            f"{task}-{label}",
            file=f"tuned_configs/{task}-ppo.yaml",
            env=env,
            label=label,
            seeds=(1, 2),
            budget=Budget(1_000),
        )
        for task, (env, _) in TASKS.items()
        for label in ("a", "b")
    ]
    return study(*cells, figures=(), published={"a": 0.2, "b": 0.8})


def keep(results, name, seed, score, **about):
    of = tiny().cell(name)
    signed = {"environment_signature": {"id": of.env}}
    keep_run(results, "tiny", of, seed, [row(1_000, score, seconds=60)], **signed, **about)


@pytest.fixture
def results(tmp_path):
    keep(tmp_path, "hopper-a", 1, 1018.01)
    keep(tmp_path, "hopper-a", 2, 518.01)
    keep(tmp_path, "hopper-b", 1, -981.99)
    keep(tmp_path, "reacher-a", 1, -42.86)
    return tmp_path


def test_random_is_0_the_best_run_1_and_worse_than_random_negative(results):
    scores = normalised_scores(tiny(), runs_of(tiny(), results))
    assert scores["a"]["Hopper-v5"] == pytest.approx([1.0, 0.5], rel=1e-4)
    assert scores["b"]["Hopper-v5"] == pytest.approx([-1.0], rel=1e-4)


def test_a_task_where_nobody_beats_chance_has_no_scale(results):
    scores = normalised_scores(tiny(), runs_of(tiny(), results))
    assert all(math.isnan(value) for value in scores["a"]["Reacher-v5"])


def test_only_tasks_that_every_line_has_are_averaged(results):
    scores = normalised_scores(tiny(), runs_of(tiny(), results))
    assert compared_envs(tiny(), scores) == ["Hopper-v5"]
    assert averages(scores, ["Hopper-v5"]) == pytest.approx({"a": 0.75, "b": -1.0}, rel=1e-4)
    assert all(map(math.isnan, averages(scores, []).values()))


def test_the_table_names_ranks_missing_runs_and_the_budget(results):
    text = published_table(tiny(), results)
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert lines[0] == "| `a` | 3 of 4 | 1 not run | 0.75 | – | 0.75 | 1 | 0.20 | 2 |"
    assert lines[1] == "| `b` | 1 of 4 | 3 not run | -1.00 | – | -1.00 | 2 | 0.80 | 1 |"
    assert "Averages are over Hopper" in text
    assert "published scores: -1.00." in text
    assert "4 of 8 runs are done: 4,000 of 8,000 steps, 0.1 hours" in text


def test_a_failed_run_is_no_score_but_is_counted(results):
    keep(results, "hopper-b", 1, 5_000.0, status="failed")
    text = published_table(tiny(), results)
    assert "| `b` | 0 of 4 | 1 failed; 3 not run | – |" in text
    assert "nothing is averaged" in text


def test_the_papers_table_is_whole():
    """Eleven rows, seven tasks, three seeds; the row of the best is the course's bold one."""
    objectives = STUDIES["ppo_objectives"]
    assert len(objectives.published) == 11
    assert len(objectives.envs) == 7
    assert len(objectives.runs) == 11 * 7 * 3
    assert max(objectives.published, key=objectives.published.get) == "clip-0.2"
    assert published_table(STUDIES["worker_scaling"], None) == ""
