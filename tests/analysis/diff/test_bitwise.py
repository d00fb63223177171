"""Comparing a run with its repetition: rows without tolerance, seeds by their spread."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from rllib_zoo.analysis.diff.bitwise import bit_by_bit, is_copy, pairs, rows_of
from rllib_zoo.analysis.diff.seed_spread import by_spread, groups, predicted
from rllib_zoo.analysis.readers.registry import find_trials
from rllib_zoo.experiments.studies.keep import keep


def row(iteration, mean, **more):
    runner = {
        "episode_return_mean": mean,
        "episode_return_min": mean - 10,
        "episode_return_max": mean + 10,
        "episode_window_size": 100,
        "num_env_steps_sampled_lifetime": 100 * iteration,
        "num_env_steps_sampled_per_second": 1000.0 + iteration,
    }
    return {
        "training_iteration": iteration,
        "time_total_s": 0.1 * iteration,
        "env_runners": runner,
        "timers": {"sample": 0.1},
        **more,
    }


def write_trial(experiment, seed, means, *, lr=0.1, stop=None, clock=0.0):
    folder = experiment / f"PPO_seed{seed}_{lr}"
    folder.mkdir(parents=True)
    rows = [row(number, mean) for number, mean in enumerate(means, start=1)]
    for result in rows:
        result["time_total_s"] += clock
        result["timers"]["sample"] += clock
    (folder / "result.json").write_text("".join(json.dumps(result) + "\n" for result in rows))
    config = {"env": "CartPole-v1", "seed": seed, "lr": lr}
    (folder / "params.json").write_text(json.dumps(config))
    manifest = {"algorithm": "PPO", "stop": stop or {"timesteps_total": 300}, "env": "CartPole-v1"}
    (experiment / "manifest.json").write_text(json.dumps(manifest))
    return folder


def trials(folder):
    return list(find_trials([folder]))


def compared(tmp_path, first, second, *, prefix=False):
    write_trial(tmp_path / "a", 0, first)
    write_trial(tmp_path / "b", 0, second, clock=5.0)
    return bit_by_bit(trials(tmp_path / "a")[0], trials(tmp_path / "b")[0], prefix=prefix)


def test_equal_rows_are_equal_whatever_the_clock_says(tmp_path):
    check = compared(tmp_path, [20.0, 30.5, math.nan], [20.0, 30.5, math.nan])
    assert (check.same, check.text) == (True, "equal bit by bit, 3 rows")


def test_the_smallest_difference_is_named(tmp_path):
    other = float(np.nextafter(30.5, 31))
    check = compared(tmp_path, [20.0, 30.5, 40.0], [20.0, other, 41.0])
    assert not check.same
    assert check.text.startswith("row 2 differs: env_runners.episode_return_")
    assert f"env_runners.episode_return_mean 30.5 then, {other!r} now" in check.text


def test_a_missing_row_differs_unless_a_clock_ended_it(tmp_path):
    check = compared(tmp_path, [20.0, 30.0, 40.0], [20.0, 30.0])
    assert not check.same
    assert "common 2 rows, of 3 and 2" in check.text
    again = compared(tmp_path / "clock", [20.0, 30.0, 40.0], [20.0, 30.0], prefix=True)
    assert again.same


def test_nothing_in_common_is_never_equal(tmp_path):
    assert not compared(tmp_path, [], []).same
    assert not compared(tmp_path / "prefix", [1.0], [], prefix=True).same


def test_of_rows_played_twice_the_second_counts(tmp_path):
    folder = write_trial(tmp_path / "a", 0, [1.0, 2.0, 3.0])
    with (folder / "result.json").open("a") as file:
        file.write(json.dumps(row(2, 2.5)) + "\n")
        file.write('{"training_iteration": 3, "env_r')
    rows = rows_of(folder / "result.json")
    assert sorted(rows) == [1, 2]
    assert rows[2]["env_runners.episode_return_mean"] == 2.5


def test_a_kept_curve_is_compared_in_its_digits(tmp_path):
    means = [20.123456789, 30.987654321, 40.0]
    write_trial(tmp_path / "a", 0, means)
    keep(tmp_path / "a", tmp_path / "kept", every=200)
    write_trial(tmp_path / "b", 0, means, clock=3.0)
    (kept,) = trials(tmp_path / "kept")
    check = bit_by_bit(kept, trials(tmp_path / "b")[0], prefix=False)
    assert (check.same, check.text) == (True, "equal bit by bit, 3 rows (thinned to five digits)")
    write_trial(tmp_path / "c", 0, [20.123456789, 30.99, 40.0])
    other = bit_by_bit(kept, trials(tmp_path / "c")[0], prefix=False)
    assert not other.same
    assert "return_mean 30.988 then, 30.99 now" in other.text


def test_a_repetition_that_goes_on_longer_is_not_equal_to_a_kept_curve(tmp_path):
    write_trial(tmp_path / "a", 0, [20.0, 30.0])
    keep(tmp_path / "a", tmp_path / "kept", every=100)
    write_trial(tmp_path / "b", 0, [20.0, 30.0, 40.0])
    (kept,), (again,) = trials(tmp_path / "kept"), trials(tmp_path / "b")
    check = bit_by_bit(kept, again, prefix=False)
    assert not check.same
    assert "ends at 200 steps, and the repetition continues to 300" in check.text
    assert bit_by_bit(kept, again, prefix=True).same


def test_trials_are_paired_by_seed_and_configuration(tmp_path):
    for experiment in ("a", "b"):
        for seed in (0, 1):
            for lr in (0.1, 0.2):
                if (experiment, seed, lr) != ("b", 1, 0.2):
                    write_trial(tmp_path / experiment, seed, [1.0], lr=lr)
    first, second = trials(tmp_path / "a"), trials(tmp_path / "b")
    found = [(a.path.name, b and b.path.name) for a, b in pairs(first, list(reversed(second)))]
    assert [b for a, b in found if a == "PPO_seed1_0.2"] == [None]
    assert all(a == b for a, b in found if b is not None)
    assert len(found) == 4
    assert sorted(len(members) for members in groups(first).values()) == [2, 2]


# --- by the spread of seeds ------------------------------------------------------------------


def seeds(folder, ends, **keys):
    for seed, end in enumerate(ends):
        write_trial(folder, seed, [5.0, end], **keys)
    return trials(folder)


def test_the_interval_widens_with_fewer_new_runs():
    scores = np.array([10.0, 12.0, 14.0, 16.0, 18.0])
    one, five = predicted(scores, 1), predicted(scores, 5)
    assert one[0] < five[0] < scores.mean() < five[1] < one[1]
    assert predicted(scores, 1) == one


@pytest.mark.parametrize("number", [1, 3])
def test_nine_in_ten_new_means_fall_into_the_interval(number):
    """Of normal scores of 10 seeds; 95 % would be the whole truth."""
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        low, high = predicted(generator.normal(size=10), number, resamples=500)
        inside += low <= generator.normal(size=number).mean() <= high
    assert 0.88 <= inside / 300 <= 0.98


def test_a_new_score_is_judged_by_the_spread_of_seeds(tmp_path):
    originals = seeds(tmp_path / "a", [90.0, 100.0, 110.0])
    inside = by_spread(originals, seeds(tmp_path / "b", [104.0]))
    assert inside.same
    assert inside.text.startswith("final score: mean 104 of 1 run, ")
    outside = by_spread(originals, seeds(tmp_path / "c", [60.0]))
    assert not outside.same


def test_runs_that_end_on_a_score_are_judged_by_their_steps(tmp_path):
    stop = {"episode_reward_mean": 475, "timesteps_total": 900}
    for seed, length in enumerate((3, 4, 5)):
        write_trial(tmp_path / "a", seed, [9.0] * length, stop=stop)
    write_trial(tmp_path / "b", 0, [9.0] * 4, stop=stop)
    write_trial(tmp_path / "c", 0, [9.0] * 9, stop=stop)
    known = trials(tmp_path / "a")
    near = by_spread(known, trials(tmp_path / "b"))
    assert near.same
    assert near.text.startswith("steps to the end: mean 400 of 1 run")
    assert not by_spread(known, trials(tmp_path / "c")).same


def test_few_seeds_are_judged_by_their_last_episodes(tmp_path):
    originals = seeds(tmp_path / "a", [100.0])
    check = by_spread(originals, seeds(tmp_path / "b", [109.0]))
    assert check.same
    assert "90 to 110 were the last 100 episodes" in check.text
    assert "a weak test" in check.text
    assert not by_spread(originals, seeds(tmp_path / "c", [111.0])).same


def test_a_run_without_a_score_does_not_pass(tmp_path):
    originals = seeds(tmp_path / "a", [90.0, 100.0, 110.0])
    write_trial(tmp_path / "c", 0, [])
    assert not by_spread(originals, trials(tmp_path / "c")).same
    assert not by_spread(originals, []).same


def test_a_copy_is_known_by_its_clock(tmp_path):
    first = write_trial(tmp_path / "a", 0, [1.0, 2.0, 3.0])
    write_trial(tmp_path / "copy", 0, [1.0, 2.5])
    write_trial(tmp_path / "again", 0, [1.0, 2.0, 3.0], clock=0.01)
    original, copied, again = (trials(tmp_path / name)[0] for name in ("a", "copy", "again"))
    assert is_copy(original, copied)
    assert not is_copy(original, again)
    keep(first.parent, tmp_path / "kept", every=100)
    kept = trials(tmp_path / "kept")[0]
    assert kept.path.suffix == ".csv"
    assert is_copy(kept, original)
    assert not is_copy(kept, again)
