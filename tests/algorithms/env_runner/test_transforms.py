"""What clip_rewards means."""

import numpy as np
import pytest

from rllib_zoo.algorithms.env_runner.transforms import learning_rewards

RAW = np.array([-7.0, -0.5, 0.0, 0.5, 21.0])


@pytest.mark.parametrize(
    ("setting", "atari", "expected"),
    [
        (None, True, [-1, -1, 0, 1, 1]),
        (None, False, RAW),
        (True, False, [-1, -1, 0, 1, 1]),
        (False, True, RAW),
        (5, True, [-5, -0.5, 0, 0.5, 5]),
        (0.25, False, [-0.25, -0.25, 0, 0.25, 0.25]),
        (1, True, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_clipping(setting, atari, expected):
    np.testing.assert_array_equal(learning_rewards(setting, atari=atari)(RAW), expected)
