"""Episodes that never end: cut, reported as cut, and a line on how far they are."""

from __future__ import annotations

import csv
import json
import re
import threading

import faulty_envs
import pytest
from typer.testing import CliRunner

from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.evaluation import EpisodePlay
from rllib_zoo.experiments.cli.main import app
from rllib_zoo.experiments.console import progress_lines
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation import play as play_module
from rllib_zoo.experiments.evaluation.agent_table import _score as score_cell
from rllib_zoo.experiments.evaluation.evaluate import score_of
from rllib_zoo.experiments.evaluation.export import export
from rllib_zoo.experiments.evaluation.play import PlayProgress, play
from rllib_zoo.experiments.evaluation.video import play_episode
from rllib_zoo.experiments.options import EvaluateOptions
from rllib_zoo.experiments.paths import AGENTS

AGENT = AGENTS / "cartpole-ppo"


def run(*options):
    done = CliRunner().invoke(app, ["evaluate", str(AGENT), *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done


def test_episodes_cut_by_the_option_are_reported_as_cut(tmp_path):
    given = ("--episodes", "3", "--max-steps", "20")
    printed = run(*given, "--out", str(tmp_path / "episodes.csv")).stdout
    assert "over 3 episodes, 3 of them cut at --max-steps 20, 60 steps" in printed
    assert "mean return 20.0" in printed
    rows = list(csv.DictReader((tmp_path / "episodes.csv").open()))
    assert [(row["length"], row["cut"]) for row in rows] == [("20", "True")] * 3
    result = json.loads(run(*given, "--json").stdout)
    assert (result["cut"], result["max_steps"], result["steps"]) == (3, 20, 60)


def test_whole_episodes_are_not_called_cut(tmp_path):
    printed = run("--episodes", "2", "--out", str(tmp_path / "episodes.json")).stdout
    assert "over 2 episodes, 1,000 steps" in printed
    assert [row["cut"] for row in json.loads((tmp_path / "episodes.json").read_text())] == [
        False, False
    ]  # fmt: skip


@pytest.mark.parametrize("given", [{"episodes": 5}, {"steps": 15}])
def test_endless_episodes_end_with_the_option(make_runner, given):
    runner = make_runner(faulty_envs.Endless, evaluation=True, num_envs_per_env_runner=2)
    options = EvaluateOptions(max_steps=6, **{"episodes": 0, **given})
    episodes = play(runner, options)
    # 15 steps are two rounds of two episodes: 12 are not enough.
    assert episodes == [Episode(6.0, 6, cut=True)] * (5 if "episodes" in given else 4)


def test_a_drawn_episode_is_cut_too(make_runner):
    runner = make_runner(faulty_envs.Endless, evaluation=True)
    env = faulty_envs.Endless(render_mode="rgb_array")
    frames, episode = play_episode(env, runner, explore=False, seed=0, limit=5)
    assert episode == Episode(4.0, 4, cut=True)
    assert len(frames) == 5


@pytest.mark.parametrize("number", [0, -3])
def test_a_bound_below_one_is_refused(number):
    for call in (
        lambda: run("--max-steps", str(number)),
        lambda: export([AGENT], None, episodes=1, seed=0, force=False, max_steps=number),
    ):
        with pytest.raises(RequestError, match=f"--max-steps: must be at least 1, got {number}"):
            call()


def test_the_line_tells_how_far_it_is_and_what_bounds_it(make_runner, monkeypatch):
    runner = make_runner(faulty_envs.Endless, evaluation=True, num_envs_per_env_runner=2)
    progress = PlayProgress(runner, EvaluateOptions(episodes=9))
    assert re.fullmatch(r"playing Endless: 0 of 9 episodes after \d+ s", progress.line())
    round_ = EpisodePlay(runner, 2, explore=False)
    for _ in range(3):
        round_.step()
    progress.ended = [Episode(1.0, 1)]
    progress.step(round_)
    assert "1 of 9 episodes after 0 s, running ones at 3 steps" in progress.line()
    assert "max-steps" not in progress.line()
    monkeypatch.setattr(play_module, "HINT_AFTER_S", -1.0)
    assert progress.line().endswith("steps; --max-steps N cuts episodes after N steps")
    by_steps = PlayProgress(runner, EvaluateOptions(steps=100, max_steps=5))
    by_steps.ended = [Episode(1.0, 7)]
    assert by_steps.line().startswith("playing Endless: 1 episodes, 7 of 100 steps after")
    assert "max-steps" not in by_steps.line()


def test_lines_come_while_something_runs_and_not_after(capsys):
    ended = threading.Event()
    with progress_lines(lambda: ended.set() or "how far", period_s=0.01):
        assert ended.wait(20)
    assert capsys.readouterr().err.startswith("how far\n")
    assert not [t for t in threading.enumerate() if t.name == "progress_lines"]


def test_cut_episodes_are_in_the_table_of_agents():
    score = score_of([Episode(1.0, 5), Episode(2.0, 9, cut=True)]).as_json()
    assert score_cell(score).endswith("(1 to 2, 1 cut)")
    assert score_cell({**score, "cut": 0}).endswith("(1 to 2)")
