"""Options of `rllib evaluate` and `rllib agent export` that are refused before an episode is played."""

from __future__ import annotations

import gymnasium as gym
import pytest

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation.evaluate import (
    evaluate_checkpoint,
    evaluation_runner,
    open_trained,
)
from rllib_zoo.experiments.evaluation.export import export
from rllib_zoo.experiments.options import EvaluateOptions
from rllib_zoo.experiments.paths import AGENTS

AGENT = AGENTS / "cartpole-ppo"


@pytest.mark.parametrize(
    ("name", "file", "problem"),
    [
        ("out", "text.txt/scores.csv", "text.txt is not a folder"),
        ("out", "folder.csv", "folder.csv is a folder"),
        ("video", "text.txt", "text.txt is not a folder"),
    ],
)
def test_where_nothing_can_be_written(tmp_path, name, file, problem):
    (tmp_path / "text.txt").touch()
    (tmp_path / "folder.csv").mkdir()
    options = EvaluateOptions(**{name: str(tmp_path / file)})
    with pytest.raises(RequestError) as caught:
        evaluate_checkpoint(AGENT, options)
    assert caught.value.key == f"--{name}"
    assert problem in str(caught.value)


@pytest.mark.parametrize("seed", [-1, 2**32, 2**32 - 1_000_001])
def test_a_seed_that_numpy_does_not_take(seed):
    with pytest.raises(RequestError, match="--seed: must be an integer of at least 0"):
        evaluate_checkpoint(AGENT, EvaluateOptions(seed=seed))
    with pytest.raises(RequestError, match="--seed"):
        export([AGENT], None, episodes=1, seed=seed, force=False)


def test_a_network_of_a_module_that_is_not_imported():
    trained = open_trained(AGENT)
    trained.config.training(model={"custom_model": "TheirNetwork"})
    with pytest.raises(RequestError, match=r"'TheirNetwork' is neither .* --import MODULE"):
        evaluation_runner(trained, EvaluateOptions(episodes=1))


def test_an_environment_of_a_module_that_is_not_imported():
    options = EvaluateOptions(env="TradeEnv", episodes=1)
    with pytest.raises(RequestError) as caught:
        evaluation_runner(open_trained(AGENT), options)
    assert str(caught.value) == (
        f"{AGENT}: environment 'TradeEnv' is not registered with gymnasium; registered by a module? "
        "--import MODULE"
    )


class NeedsData(gym.Env):
    def __init__(self, config):
        self.data = config["dataset"]


def test_an_environment_that_cannot_be_built_is_refused_in_one_line():
    trained = open_trained(AGENT)
    trained.config.env = NeedsData
    with pytest.raises(RequestError, match=r"cannot play .*NeedsData.*: KeyError: 'dataset'$"):
        evaluation_runner(trained, EvaluateOptions(episodes=1))
