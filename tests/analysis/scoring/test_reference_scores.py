"""Random play is 0, the target 1; every number has its source."""

import json

import gymnasium as gym
import pytest

from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.envs.atari.ids import atari_games
from rllib_zoo.experiments.paths import ROOT

RANDOM = ROOT / "results" / "random_play.json"


@pytest.mark.parametrize("env", REFERENCE_SCORES)
def test_the_ends_of_the_scale(env):
    reference = REFERENCE_SCORES[env]
    assert env in gym.registry or env in atari_games()
    assert reference.normalised(reference.random) == 0.0
    assert reference.normalised(reference.target) == 1.0
    assert reference.random < reference.target
    assert reference.normalised(2 * reference.target - reference.random) == pytest.approx(2.0)


def test_the_published_numbers():
    pong, assault = REFERENCE_SCORES["ALE/Pong-v5"], REFERENCE_SCORES["ALE/Assault-v5"]
    assert (pong.random, pong.target, assault.random, assault.target) == (-20.7, 14.6, 222.4, 742.0)


@pytest.mark.parametrize("env", [e for e, r in REFERENCE_SCORES.items() if r.target_is == "solved"])
def test_thresholds_are_those_of_gymnasium(env):
    assert gym.spec(env).reward_threshold == REFERENCE_SCORES[env].target


def test_random_play_is_as_it_was_measured():
    measured = json.loads(RANDOM.read_text())["returns"]
    ours = {e: r.random for e, r in REFERENCE_SCORES.items() if "random_play" in r.source}
    assert ours == {env: found["mean"] for env, found in measured.items()}
