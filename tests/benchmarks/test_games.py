"""The table of games tells every run, and only what was kept."""

import json

import pytest

from analysis.keeping import keep
from analysis.signatures import DifferentEnvironmentsError
from analysis.thinning import KEPT, write_curve
from benchmarks.games import EVERY_STEPS, FILES, SEEDS, _numbers, solved_after, table


def row(steps, seconds, mean, window=100):
    return {
        **dict.fromkeys(KEPT),
        "steps": steps,
        "frames": 4 * steps,
        "seconds": seconds,
        "return_mean": mean,
        "return_min": mean - 1,
        "return_max": mean + 1,
        "window": window,
    }


def result_line(steps, mean):
    runners = {
        "num_env_steps_sampled_lifetime": steps,
        "num_frames_sampled_lifetime": 4 * steps,
        "episode_return_mean": mean,
        "episode_return_min": mean - 2,
        "episode_return_max": mean + 2,
        "episode_window_size": 100,
    }
    return json.dumps({"env_runners": runners, "time_total_s": steps / 1000}) + "\n"


@pytest.fixture
def experiment(tmp_path):
    folder = tmp_path / "pong-ppo-seed2"
    (folder / "trial").mkdir(parents=True)
    manifest = {
        "env": "ALE/Pong-v5",
        "environment_signature": {"id": "ALE/Pong-v5", "screen_size": 42},
        "status": "done",
        "trials": [{"folder": str(folder / "trial"), "status": "done"}],
        "machine": {"cpu": "A Processor", "cores": 2},
        "git": {"commit": "0123456789"},
        "config_resolved": {"long": "story"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "trial" / "params.json").write_text(json.dumps({"seed": 2}))
    lines = [result_line(1000 * i, -21 + i) for i in range(1, 41)]
    (folder / "trial" / "result.json").write_text("".join(lines))
    return folder


def test_a_run_is_kept_small(experiment, tmp_path):
    into = tmp_path / "results" / "pong-ppo"
    keep(experiment, into, EVERY_STEPS)
    assert sorted(path.name for path in into.iterdir()) == ["seed2.csv", "seed2.json"]
    assert len((into / "seed2.csv").read_text().splitlines()) == 1 + 5
    assert "config_resolved" not in json.loads((into / "seed2.json").read_text())


def test_the_table_has_a_line_for_every_file_and_run(experiment, tmp_path):
    results = tmp_path / "results"
    keep(experiment, results / "pong-ppo", EVERY_STEPS)
    text = table(results)
    assert (
        "| `pong-ppo.yaml` | 2 | done | 40,000 | 160,000 | 0.7 | 19.0 (17 to 21) | 1.12 "
        "| 0.7 min, 40,000 steps |" in text
    )
    for name in set(FILES) - {"pong-ppo"}:
        assert f"| `{name}.yaml` | – | not run |" in text
    assert "A Processor, 2 cores" in text
    assert "0123456" in text


def test_runs_that_played_differently_share_no_table(experiment, tmp_path):
    results = tmp_path / "results"
    keep(experiment, results / "pong-ppo", EVERY_STEPS)
    manifest = json.loads((experiment / "manifest.json").read_text())
    manifest["environment_signature"]["screen_size"] = 84
    (experiment / "manifest.json").write_text(json.dumps(manifest))
    keep(experiment, results / "pong-a2c", EVERY_STEPS)
    with pytest.raises(DifferentEnvironmentsError, match=r"pong-a2c seed2: 84; pong-ppo seed2: 42"):
        table(results)


def test_a_run_without_a_finished_game_is_a_line(experiment, tmp_path):
    (experiment / "trial" / "result.json").write_text("")
    keep(experiment, tmp_path / "results" / "pong-ppo", EVERY_STEPS)
    assert "| `pong-ppo.yaml` | 2 | done | – |" in table(tmp_path / "results")


@pytest.mark.parametrize(
    ("rows", "threshold", "said"),
    [
        ([row(10_000, 60, 17.9), row(20_000, 120, 18.0)], 18.0, "2.0 min, 20,000 steps"),
        ([row(10_000, 60, 19.0, window=99), row(20_000, 90, 18.5)], 18.0, "1.5 min, 20,000 steps"),
        ([row(10_000, 60, 17.9)], 18.0, "not"),
        ([row(10_000, 60, 500.0)], None, "–"),
    ],
)
def test_solved_needs_a_hundred_games(rows, threshold, said):
    assert solved_after(rows, threshold) == said


def test_curves_survive_the_disk(tmp_path):
    write_curve(tmp_path / "c.csv", [row(10_000, 61.25, -3.5)])
    assert "10000,40000,61.25,,-3.5,-4.5,-2.5,100," in (tmp_path / "c.csv").read_text()


def test_seeds():
    assert (_numbers("2"), _numbers("2-4")) == ([2], [2, 3, 4])
    assert all(_numbers(seeds) for seeds in SEEDS.values())
    with pytest.raises(SystemExit, match="one seed or a range"):
        _numbers("2,4")
