"""What may be compared, and what a reader must be told before comparing."""

import json

from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.summary import summarise


def warnings_of(tmp_path):
    return summarise(load([tmp_path / "results"]), resamples=100).warnings


def signed(**facts):
    return {"environment_signature": {"id": "CartPole-v1", **facts}}


def test_empty_facts_are_no_difference(trial, tmp_path):
    trial("a", manifest=signed(clip_rewards=None, exact_resume=False))
    trial("b", config={"seed": 1}, manifest=signed())
    scores = summarise(load([tmp_path / "results"]), resamples=100).scores
    assert set(scores["environment"]) == {"CartPole-v1"}


def test_runs_without_a_signature_are_said(trial, tmp_path):
    trial("a", manifest=signed())
    trial("b", config={"seed": 1})
    said = "1 of 2 runs of CartPole-v1 have no environment signature"
    assert any(warning.startswith(said) for warning in warnings_of(tmp_path))


def test_runs_that_stop_on_a_score_are_said(trial, tmp_path):
    for seed in (0, 1):
        trial(str(seed), config={"seed": seed}, manifest={"stop": {"episode_reward_mean": 3}})
    assert any("final scores only show where they stopped" in w for w in warnings_of(tmp_path))


def test_groups_of_different_lengths_are_said(trial, tmp_path):
    trial("long", config={"lr": 0.1}, returns=(1.0,) * 10)
    trial("short", config={"lr": 0.2}, returns=(1.0,))
    said = "CartPole-v1: groups were trained for different lengths (100 to 1,000 agent steps)"
    assert said in warnings_of(tmp_path)


def test_runs_that_ended_early_are_counted_in_the_table(trial, tmp_path):
    trial("whole", returns=(1.0,) * 10)
    trial("crashed", config={"seed": 1}, returns=(1.0,) * 2, status="ERROR")
    summary = summarise(load([tmp_path / "results"]), resamples=100)
    assert summary.table["early"].tolist() == [1]
    assert any("1 of 2 runs ended early" in warning for warning in summary.warnings)


def test_a_failed_run_is_short_however_long_it_took(trial, tmp_path):
    slow = [
        {
            "env_runners": {"num_env_steps_sampled_lifetime": 100 * i, "episode_return_mean": 1.0},
            "training_iteration": i,
            "time_total_s": 1000.0 * i,
        }
        for i in (1, 2)
    ]
    trial("whole", returns=(1.0,) * 10)
    trial("slow", config={"seed": 1}, lines=[json.dumps(row) for row in slow], status="ERROR")
    assert load([tmp_path / "results"]).runs["short"].tolist() == [True, False]


def test_fewer_rows_than_there_were_are_said(trial, tmp_path):
    trial("a", returns=(1.0,) * 40)
    results = load([tmp_path / "results"], max_rows=10)
    assert any("not all results are read of 1 of 1 runs" in w for w in summarise(results).warnings)


def test_averages_end_where_the_shortest_run_does(trial, tmp_path):
    """Over its own length the slow one would have 5/3: part of what it lost would be hidden."""
    stop = {"stop": {"episode_reward_mean": 5}}
    trial("quick", returns=(5.0, 5.0), manifest=stop)
    trial("slow", config={"seed": 1}, returns=(0.0, 0.0, 5.0, 5.0), manifest=stop)
    averages = summarise(load([tmp_path / "results"]), resamples=100).scores["average"]
    assert averages.tolist() == [5.0, 0.0]


def test_the_configuration_of_the_results_counts_where_its_file_is_lost(trial, tmp_path):
    for seed, lr in enumerate((0.1, 0.1, 0.5)):
        (trial(str(seed), config={"lr": lr, "seed": seed}) / "params.json").unlink()
    groups = load([tmp_path / "results"]).runs["group"].tolist()
    assert groups == ["PPO lr=0.1", "PPO lr=0.1", "PPO lr=0.5"]


def test_a_seed_that_is_no_number_does_not_stop_the_others(trial, tmp_path):
    trial("a", config={"seed": {"grid_search": [0, 1]}})
    assert len(load([tmp_path / "results"]).runs) == 1


def test_a_configuration_in_the_middle_of_a_line_hides_nothing(trial, tmp_path):
    row = {"config": {"lr": 0.1}, "time_total_s": 1.0, "training_iteration": 1, "aaa": 0}
    told = json.dumps({"aaa": 0, **row, "timesteps_total": 100, "episode_reward_mean": 7.0})
    trial("a", lines=[told])
    assert load([tmp_path / "results"]).runs["return_mean"].tolist() == [7.0]


def test_a_run_without_a_step_count_is_said(trial, tmp_path):
    trial("a", lines=['{"episode_reward_mean": 7.0}'])
    assert load([tmp_path / "results"]).runs["message"].tolist() == ["no step count: not compared"]
