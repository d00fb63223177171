"""Lost lives, ended games and the steps that start new ones, in many copies at once."""

import numpy as np
import pytest
from ale_py.vector_env import AtariVectorEnv

from rllib_zoo.envs import make_vector_env

PLAIN = {"repeat_action_probability": 0.0, "noop_max": 0, "use_fire_reset": False}


def actions_of(vector, steps, seed=0):
    """Random actions [steps, N]."""
    size = (steps, vector.num_envs)
    return np.random.default_rng(seed).integers(vector.single_action_space.n, size=size)


@pytest.mark.parametrize("game", ["ALE/Assault-v5", "ALE/Breakout-v5"])
def test_a_lost_life_ends_the_episode_but_not_the_game(game):
    lives_end = make_vector_env(game, 2, {**PLAIN, "terminal_on_life_loss": True})
    whole = make_vector_env(game, 2, PLAIN)
    lives = lives_end.reset(seed=0)[1]["lives"]
    whole.reset(seed=0)
    over, lost_lives = np.zeros(2, bool), np.zeros(2, int)
    for action in actions_of(whole, 900):
        obs, reward, terminated, _, info = lives_end.step(action)
        same, score, ended, _, told = whole.step(action)
        np.testing.assert_array_equal(obs, same)
        np.testing.assert_array_equal(reward, score)
        np.testing.assert_array_equal(info["game_over"], told["game_over"])
        np.testing.assert_array_equal(ended, told["game_over"])
        lost = (info["lives"] < lives) & ~over
        np.testing.assert_array_equal(terminated, lost | ended)
        lives, over = info["lives"], info["game_over"]
        lost_lives += lost
    assert (lost_lives >= 4).all()


@pytest.mark.parametrize(
    "game",
    [
        "breakout",
        "assault",
        *(
            pytest.param(game, marks=pytest.mark.slow)
            for game in ("bank_heist", "atlantis", "demon_attack")
        ),
    ],
)
def test_lost_lives_are_those_that_ale_py_reports(game):
    """Bank Heist plays on with 0 lives; Demon Attack shows 1 at first and may be cut with more."""
    name = "ALE/" + game.title().replace("_", "") + "-v5"
    limit = {"max_num_frames_per_episode": 2000}
    ours = make_vector_env(name, 2, {**PLAIN, **limit, "terminal_on_life_loss": True})
    theirs = AtariVectorEnv(
        game,
        2,
        num_threads=1,
        noop_max=0,
        use_fire_reset=False,
        reward_clipping=False,
        life_loss_info=True,
        **limit,
    )
    ours.reset(seed=0)
    theirs.reset(seed=0)
    ends = 0
    for action in actions_of(ours, 1050):
        *_, terminated, truncated, _ = ours.step(action)
        *_, expected, cut, _ = theirs.step(action)
        np.testing.assert_array_equal(terminated, expected)
        np.testing.assert_array_equal(truncated, cut)
        ends += expected.sum()
    assert ends > 4


def test_a_game_may_end_with_lives_left():
    """Adventure does, so that counting lives would not find its end."""
    vector = make_vector_env("ALE/Adventure-v5", 1, {**PLAIN, "terminal_on_life_loss": True})
    vector.reset(seed=0)
    for action in actions_of(vector, 1000, seed=1):
        *_, terminated, truncated, info = vector.step(action)
        assert terminated[0] == info["game_over"][0]
        if terminated[0]:
            break
    assert info["lives"][0] == 1
    assert info["game_over"][0]
    assert not truncated[0]
    *_, info = vector.step(np.zeros(1, int))
    assert info["episode_frame_number"][0] == 0


@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_the_step_after_a_game_is_its_reset(end):
    """The action does nothing, nothing is paid, and no frame of the ended game is left."""
    options = PLAIN | ({"max_num_frames_per_episode": 222} if end == "truncated" else {})
    vectors = [make_vector_env("ALE/Breakout-v5", 2, options) for _ in range(2)]
    (first, told), _ = [vector.reset(seed=0) for vector in vectors]
    over, actions = np.zeros(2, bool), iter(actions_of(vectors[0], 1500))
    while not over.any():
        action = next(actions)
        (*_, terminated, truncated, info), _ = [vector.step(action) for vector in vectors]
        over = info["game_over"]
    np.testing.assert_array_equal({"terminated": terminated, "truncated": truncated}[end], over)
    for button, vector in enumerate(vectors):
        obs, reward, terminated, truncated, info = vector.step(np.full(2, button + 2))
        np.testing.assert_array_equal(obs[over], first[over])
        assert obs[over][:, -1].any()
        assert not obs[over][:, :-1].any()
        assert not reward[over].any()
        assert not (terminated | truncated)[over].any()
        assert not info["game_over"].any()
        np.testing.assert_array_equal(info["lives"][over], told["lives"][over])
        np.testing.assert_array_equal(info["episode_frame_number"] == 0, over)
    # The other copy, had it played on, would have seen the two buttons.
    moved = [vector.step(np.full(2, button + 2))[0] for button, vector in enumerate(vectors)]
    assert (moved[0][over] != moved[1][over]).any()


def test_every_step_is_frameskip_frames_except_the_reset():
    vector = make_vector_env("ALE/Assault-v5", 3, {"frameskip": 3, "noop_max": 10})
    frames, over, resets = vector.reset(seed=0)[1]["episode_frame_number"], np.zeros(3, bool), 0
    for action in actions_of(vector, 1300):
        *_, info = vector.step(action)
        played = info["episode_frame_number"] - frames
        assert (played[~over & ~info["game_over"]] == 3).all()
        assert ((played[info["game_over"]] > 0) & (played[info["game_over"]] <= 3)).all()
        assert (info["episode_frame_number"][over] <= 10).all()
        resets += over.sum()
        frames, over = info["episode_frame_number"], info["game_over"]
    assert resets >= 3


def test_new_games_begun_from_outside_are_no_lost_lives():
    vector = make_vector_env("ALE/DemonAttack-v5", 2, {**PLAIN, "terminal_on_life_loss": True})
    vector.reset(seed=0)
    for _ in range(30):
        *_, info = vector.step(np.zeros(2, int))
    np.testing.assert_array_equal(info["lives"], 4)
    mask = np.array([True, False])
    _, info = vector.reset(seed=3, options={"reset_mask": mask})
    np.testing.assert_array_equal(info["lives"], [1, 4])
    assert info["episode_frame_number"][0] == 0 < info["episode_frame_number"][1]
    assert not vector.step(np.zeros(2, int))[2].any()


def test_a_game_begun_from_outside_is_not_over():
    limit = {"max_num_frames_per_episode": 4}
    vector = make_vector_env("ALE/Breakout-v5", 2, {**PLAIN, **limit})
    vector.reset(seed=0)
    assert vector.step(np.zeros(2, int))[-1]["game_over"].all()
    _, info = vector.reset(options={"reset_mask": np.array([True, False])})
    np.testing.assert_array_equal(info["game_over"], [False, True])
    *_, info = vector.step(np.zeros(2, int))
    np.testing.assert_array_equal(info["game_over"], [True, False])
    np.testing.assert_array_equal(info["episode_frame_number"], [4, 0])
    assert not vector.reset()[1]["game_over"].any()


def test_a_life_lost_at_the_limit_is_a_lost_life_and_the_end_of_the_game():
    """Nothing is to be expected after it, so it counts as terminated, not as cut."""
    options = {**PLAIN, "terminal_on_life_loss": True}
    vector = make_vector_env("ALE/Breakout-v5", 1, options)
    vector.reset(seed=0)
    actions = actions_of(vector, 300)
    first = next(t for t, action in enumerate(actions) if vector.step(action)[2][0])
    limit = {"max_num_frames_per_episode": 4 * (first + 1)}
    cut = make_vector_env("ALE/Breakout-v5", 1, options | limit)
    cut.reset(seed=0)
    for action in actions[: first + 1]:
        *_, terminated, truncated, info = cut.step(action)
    assert (terminated[0], truncated[0], info["game_over"][0]) == (True, False, True)
    assert info["lives"][0] == 4
    assert cut.step(actions[0])[-1]["episode_frame_number"][0] == 0
