"""Videos of Atari games: whole games, in colour, at the console's size and pace."""

import imageio.v2 as imageio
import numpy as np
import pytest

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.experiments.evaluation.video import frames_per_second, record_episodes


@pytest.fixture
def runner():
    config = config_class("A2C")().update_from_dict(
        {
            "env": "ALE/Breakout-v5",
            "env_config": {
                "screen_size": 42,
                "terminal_on_life_loss": True,
                "frameskip": 4,
                "max_num_frames_per_episode": 1200,
            },
            "seed": 0,
            "num_env_runners": 0,
            "num_envs_per_env_runner": 1,
            "model": {"custom_model": "custom_models.SharedEncoderActorCritic"},
        }
    )
    config.in_evaluation = True
    built = VectorEnvRunner(config=config, worker_index=0)
    yield built
    built.stop()


def test_a_whole_game_is_recorded(runner, tmp_path, capsys):
    files = record_episodes(runner, tmp_path, 2, explore=True)
    assert [file.name for file in files] == ["episode-0.mp4", "episode-1.mp4"]
    with imageio.get_reader(files[0]) as reader:
        frames = [np.asarray(frame) for frame in reader]
        assert reader.get_meta_data()["fps"] == 15
    # Random play loses a life every 40 steps or so; the game ends with the fifth.
    assert 100 < len(frames) <= 301
    assert frames[0].shape == (210, 160, 3)
    red, green, blue = frames[0].reshape(-1, 3).astype(int).T
    assert (np.abs(red - green) + np.abs(green - blue)).max() > 100
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{len(frames)} frames" in captured.err


@pytest.mark.parametrize(("frameskip", "pace"), [(4, 15), (1, 60), (3, 20)])
def test_the_pace_follows_the_frameskip(runner, frameskip, pace):
    runner.config.env_config["frameskip"] = frameskip
    assert frames_per_second(None, runner.config) == pace
