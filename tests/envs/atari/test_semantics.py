"""Many copies in ale-py's vector environment against gymnasium's own wrappers, action by action.

The twin is built here from gymnasium alone: AtariPreprocessing and FrameStackObservation over one
frame at a time. Both get the same actions; starts are equal (no idle frames, no FIRE).
"""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation

from rllib_zoo.envs import make_single_env, make_vector_env

PLAIN = {"repeat_action_probability": 0.0, "noop_max": 0, "use_fire_reset": False}
GAMES = ["ALE/Pong-v5", "ALE/Assault-v5", "ALE/Breakout-v5"]
every_game = pytest.mark.parametrize(
    "game", [*(pytest.param(game, marks=pytest.mark.slow) for game in GAMES[:2]), GAMES[2]]
)


def twin(game, *, stickiness=0.0, frameskip=4, size=84, gray=True, stack=4, limit=108_000):
    env = gym.make(
        game,
        frameskip=1,
        repeat_action_probability=stickiness,
        max_num_frames_per_episode=limit,
        disable_env_checker=True,
    )
    env = AtariPreprocessing(
        env, noop_max=0, frame_skip=frameskip, screen_size=size, grayscale_obs=gray
    )
    return FrameStackObservation(env, stack, padding_type="zero")


def actions_of(vector, steps, seed=0):
    """Actions [steps, N], each held for three steps so that games get somewhere."""
    number, copies = vector.single_action_space.n, vector.num_envs
    drawn = np.random.default_rng(seed).integers(number, size=(steps // 3 + 1, copies))
    return np.repeat(drawn, 3, axis=0)[:steps]


def assert_played_alike(vector, single, steps, first, seed=0):
    """Steps both, ``first`` being the twin's first observation; returns how many games ended."""
    games, over, score, single_score = 0, False, 0.0, 0.0
    for t, action in enumerate(actions_of(vector, steps, seed)):
        obs, reward, _, truncated, info = vector.step(action)
        if over:  # the reset step: the twin's action is none
            expected, paid, ended, cut = single.reset()[0], 0.0, False, False
        else:
            expected, paid, ended, cut, told = single.step(int(action[0]))
            assert info["episode_frame_number"][0] == told["episode_frame_number"], t
            assert info["lives"][0] == told["lives"], t
        np.testing.assert_array_equal(obs[0], expected, err_msg=f"step {t}")
        assert reward[0] == paid, t
        assert truncated[0] == cut, t
        assert info["game_over"][0] == (ended or cut), t
        score, single_score = score + reward[0], single_score + paid
        over = ended or cut
        games += over
    assert score == single_score
    assert first.shape == obs[0].shape
    return games


@pytest.mark.parametrize("lost_lives_end", [False, True])
@every_game
def test_observations_rewards_and_ends_are_gymnasiums(game, lost_lives_end):
    vector = make_vector_env(game, 1, {**PLAIN, "terminal_on_life_loss": lost_lives_end})
    single = twin(game)
    first = single.reset()[0]
    np.testing.assert_array_equal(vector.reset(seed=0)[0][0], first)
    games = assert_played_alike(vector, single, 1100, first)
    assert games >= 1


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"screen_size": 42}, {"size": 42}),
        ({"screen_size": 96}, {"size": 96}),
        ({"stack_size": 1}, {"stack": 1}),
        ({"stack_size": 6}, {"stack": 6}),
        ({"frameskip": 1}, {"frameskip": 1}),
        ({"frameskip": 2}, {"frameskip": 2}),
        ({"frameskip": 7}, {"frameskip": 7}),
        ({"grayscale_obs": False}, {"gray": False}),
        ({"max_num_frames_per_episode": 150}, {"limit": 150}),
    ],
    ids=str,
)
def test_every_option_means_what_gymnasium_means(options, same):
    vector = make_vector_env("ALE/Assault-v5", 1, {**PLAIN, **options})
    single = twin("ALE/Assault-v5", **same)
    first = single.reset()[0]
    np.testing.assert_array_equal(vector.reset(seed=0)[0][0], first)
    assert_played_alike(vector, single, 120, first)


@every_game
def test_sticky_actions_are_drawn_alike_from_the_same_seed(game):
    vector = make_vector_env(game, 1, {**PLAIN, "repeat_action_probability": 0.25})
    obs, _ = vector.reset(seed=np.array([7]))
    single = twin(game, stickiness=0.25)
    single.unwrapped.ale.setInt("random_seed", 7)
    single.unwrapped.load_game()
    first = single.reset()[0]
    np.testing.assert_array_equal(obs[0], first)
    assert_played_alike(vector, single, 400, first)


@pytest.mark.parametrize(
    ("game", "use_fire_reset"),
    [
        (GAMES[1], False),
        (GAMES[2], True),
        pytest.param(GAMES[1], True, marks=pytest.mark.slow),
        pytest.param(GAMES[2], False, marks=pytest.mark.slow),
    ],
)
def test_one_copy_for_videos_starts_and_goes_on_as_one_of_many(game, use_fire_reset):
    options = {"repeat_action_probability": 0.0, "use_fire_reset": use_fire_reset}
    vector, single = make_vector_env(game, 6, options), make_single_env(game, options)
    obs, info = vector.reset(seed=0)
    starts = list(info["episode_frame_number"])
    # A seed loads the ROM anew; Assault starts otherwise the third time since it was loaded.
    resets = (single.reset(seed=seed) for seed in range(100))
    first, told = next(r for r in resets if r[1]["episode_frame_number"] in starts)
    copy, actions = starts.index(told["episode_frame_number"]), iter(actions_of(vector, 1500))
    np.testing.assert_array_equal(obs[copy], first)
    ended, steps = False, 0
    while not ended:
        action = next(actions)
        seen, rewards, *_, info = vector.step(action)
        expected, paid, ended, *_ = single.step(int(action[copy]))
        np.testing.assert_array_equal(seen[copy], expected)
        assert rewards[copy] == paid
        assert info["game_over"][copy] == ended
        steps += 1
    assert steps > 50


@pytest.mark.parametrize("use_fire_reset", [False, True])
def test_idle_frames_at_the_start_are_fewer_than_noop_max(use_fire_reset):
    """From 0 to noop_max - 1, one of which is FIRE where it is pressed."""
    options = {"noop_max": 5, "use_fire_reset": use_fire_reset, "max_num_frames_per_episode": 1}
    vector, single = make_vector_env(GAMES[2], 4, options), make_single_env(GAMES[2], options)
    seen = [vector.reset(seed=0)[1]["episode_frame_number"]]
    for _ in range(6):
        vector.step(np.zeros(4, int))
        seen.append(vector.step(np.zeros(4, int))[-1]["episode_frame_number"])
    expected = set(range(int(use_fire_reset), 5))
    assert set(np.concatenate(seen)) == expected
    single.reset(seed=0)
    assert {single.reset()[1]["episode_frame_number"] for _ in range(30)} == expected


def test_limits_of_one_copy_and_of_many_count_from_the_start_of_play():
    options = {"repeat_action_probability": 0.0, "max_num_frames_per_episode": 42}
    vector, single = make_vector_env(GAMES[0], 8, options), make_single_env(GAMES[0], options)
    for _ in range(2):
        starts = vector.reset(seed=0)[1]["episode_frame_number"]
        single.reset(seed=0)
        for t in range(11):  # 10 steps of 4 frames and one of 2
            *_, terminated, truncated, info = vector.step(np.zeros(8, int))
            *_, ended, cut, _ = single.step(0)
            assert truncated.all() == cut == (t == 10)
            assert not terminated.any()
            assert not ended
    np.testing.assert_array_equal(info["episode_frame_number"] - starts, 42)
    assert info["game_over"].all()


def test_a_game_over_at_its_limit_is_over_and_not_cut():
    free = make_vector_env("ALE/Breakout-v5", 1, PLAIN)
    free.reset(seed=0)
    actions, info = iter(actions_of(free, 1500)), {"game_over": [False]}
    while not info["game_over"][0]:
        *_, info = free.step(next(actions))
    options = PLAIN | {"max_num_frames_per_episode": int(info["episode_frame_number"][0])}
    vector = make_vector_env("ALE/Breakout-v5", 1, options)
    single = make_single_env("ALE/Breakout-v5", options)
    vector.reset(seed=0)
    single.reset(seed=0)
    ended, actions = False, iter(actions_of(free, 1500))
    while not ended:
        action = next(actions)
        *_, terminated, truncated, told = vector.step(action)
        *_, ended, cut, _ = single.step(int(action[0]))
        assert (terminated[0], truncated[0]) == (ended, cut) == (told["game_over"][0], False)
    assert told["episode_frame_number"][0] == options["max_num_frames_per_episode"]
