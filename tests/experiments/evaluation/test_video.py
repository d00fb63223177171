"""Videos: whole Atari games, in colour; and environments that draw in other ways, or not at all."""

import gymnasium as gym
import imageio.v2 as imageio
import numpy as np
import pytest
import ray

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.envs import EnvironmentFault
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation import evaluate
from rllib_zoo.experiments.evaluation.video import (
    FRAMES,
    WINDOW,
    drawing_env,
    frames_per_second,
    record_episodes,
)
from rllib_zoo.experiments.options import EvaluateOptions


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
    record_episodes(runner, drawing_env(runner, FRAMES), tmp_path, 2, explore=True)
    files = sorted(tmp_path.iterdir())
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


class Drawing(gym.Env):
    """render() gives a picture only with render_mode, as gymnasium's environments."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, render_mode=None, length=5):
        self.render_mode, self.length = render_mode, length

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.zeros(2, np.float32), 1.0, self.steps >= self.length, False, {}

    def picture(self):
        return np.full((63, 65, 3), 10 * self.steps, np.uint8)

    def render(self):
        return self.picture() if self.render_mode == "rgb_array" else None


class OfConfig(Drawing):
    def __init__(self, config):
        super().__init__(length=config.get("length", 5))


class OfNothing(Drawing):
    def __init__(self):
        super().__init__()


class Strict(Drawing):
    """Refuses options that it does not know."""

    def __init__(self, config):
        super().__init__(**{"length": 5, **config} if set(config) <= {"length"} else {"no": 1})


class Retired(Drawing):
    """OpenAI Gym's render(mode)."""

    def render(self, mode="human"):
        assert mode == "rgb_array"
        return self.picture()


class Gray(Drawing):
    def picture(self):
        return super().picture()[..., 0]


class Blind(Drawing):
    render = gym.Env.render


class Empty(Drawing):
    def render(self):
        return None


class Floating(Drawing):
    def picture(self):
        return super().picture() / 255.0


class Broken(Drawing):
    def render(self):
        raise OSError("no display")


class Grows(Drawing):
    def picture(self):
        return np.zeros((64 + 2 * self.steps, 64, 3), np.uint8)


class Ends(Drawing):
    """No picture of the last step."""

    def picture(self):
        return super().picture() if self.steps < self.length else None


class Quits(Drawing):
    def picture(self):
        return super().picture() if self.steps < 2 else exit("no display")


class Awkward(Drawing):
    """A frame rate that is none, and an error when it is closed."""

    metadata = {**Drawing.metadata, "render_fps": "fast"}

    def close(self):
        if self.render_mode is not None:
            raise RuntimeError("cannot be closed")


ray.tune.register_env("tests_drawing", lambda config: Drawing(length=config.get("length", 5)))


def small_runner(env, **settings):
    config = config_class("A2C")().update_from_dict(
        {"env": env, "seed": 0, "num_env_runners": 0, "num_envs_per_env_runner": 2, **settings}
    )
    config.in_evaluation = True
    return VectorEnvRunner(config=config, worker_index=0)


@pytest.mark.parametrize(
    "env",
    [Drawing, OfConfig, OfNothing, Strict, Retired, Gray, Awkward, "tests_drawing", "CartPole-v1"],
)
def test_whatever_can_draw_is_recorded(env, tmp_path):
    runner = small_runner(env)
    drawing = drawing_env(runner, FRAMES)
    [episode] = record_episodes(runner, drawing, tmp_path, 1, explore=True)
    with imageio.get_reader(tmp_path / "episode-0.mp4") as reader:
        frames = [np.asarray(frame) for frame in reader]
    assert len(frames) == episode.length + 1
    if env != "CartPole-v1":
        assert episode == Episode(5.0, 5)
        assert frames[0].shape == (64, 66, 3)  # even sides
        assert abs(int(frames[5].mean()) - 50) < 5
    assert [file.name for file in tmp_path.iterdir()] == ["episode-0.mp4"]


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        (Blind, "it has no render()"),
        (Empty, "render() returned None, not bytes [H, W, 3]"),
        (Floating, "render() returned float64 of shape (63, 65, 3), not bytes [H, W, 3]"),
        (Broken, "OSError: no display"),
    ],
)
def test_what_cannot_draw_is_refused_before_anything_is_played(env, reason):
    runner = small_runner(env)
    with pytest.raises(RequestError) as error:
        drawing_env(runner, FRAMES)
    name = env.__name__
    assert str(error.value) == f"--video: environment '{name}' draws no pictures: {reason}"


class Failing(Drawing):
    def step(self, action):
        raise LookupError("no such item")


def test_an_episode_that_fails_while_it_is_drawn_is_named(tmp_path):
    runner = small_runner(Failing)
    line = r"^environment 'Failing', drawn episode 0: LookupError: no such item$"
    with pytest.raises(EnvironmentFault, match=line):
        record_episodes(runner, drawing_env(runner, FRAMES), tmp_path, 1, explore=True)


def test_a_window_needs_the_mode_human():
    with pytest.raises(RequestError, match=r"--render: .*: it has no render mode 'human'"):
        drawing_env(small_runner(Drawing), WINDOW)


@pytest.mark.parametrize(
    ("options", "recorded", "total"),
    [
        ({"episodes": 7}, 3, 7),
        ({"episodes": 2}, 2, 2),
        ({"episodes": 0, "steps": 22}, 3, 5),  # 3 of 5 steps, then rounds of two
        ({"episodes": 0, "steps": 10}, 3, 3),
    ],
)
def test_the_recorded_episodes_are_the_first_of_the_reported(options, recorded, total, tmp_path):
    runner = small_runner(Drawing)
    given = EvaluateOptions(video=str(tmp_path), **options)
    first = evaluate._recorded(runner, given)
    rest = evaluate.play(runner, given, first)
    assert len(first) == len(list(tmp_path.iterdir())) == recorded
    assert len(first) + len(rest) == total


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        (Grows, "ValueError: render() returned pictures of several sizes, (64, 64) and (66, 64)"),
        (Ends, "ValueError: render() returned None, not bytes [H, W, 3]"),
        (Quits, "SystemExit: no display"),
    ],
)
def test_a_picture_that_cannot_be_used_fails_the_episode(env, reason, tmp_path):
    runner = small_runner(env)
    with pytest.raises(EnvironmentFault) as error:
        record_episodes(runner, drawing_env(runner, FRAMES), tmp_path, 1, explore=True)
    assert str(error.value) == f"environment '{env.__name__}', drawn episode 0: {reason}"
    assert list(tmp_path.iterdir()) == []
