"""Random play is 0, the human 1."""

import pytest

from analysis.reference_scores import REFERENCE_SCORES
from envs.atari_ids import atari_games


@pytest.mark.parametrize("env", REFERENCE_SCORES)
def test_the_ends_of_the_scale(env):
    reference = REFERENCE_SCORES[env]
    assert env in atari_games()
    assert reference.human_normalised(reference.random) == 0.0
    assert reference.human_normalised(reference.human) == 1.0
    assert reference.random < reference.human
    assert reference.human_normalised(2 * reference.human - reference.random) == pytest.approx(2.0)


def test_the_published_numbers():
    pong, assault = REFERENCE_SCORES["ALE/Pong-v5"], REFERENCE_SCORES["ALE/Assault-v5"]
    assert (pong.random, pong.human, assault.random, assault.human) == (-20.7, 14.6, 222.4, 742.0)
