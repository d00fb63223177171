"""3D ball balancing as an environment: starts, rewards, ends, seeds, resets of single boards."""

from __future__ import annotations

import math
import pickle
import sys

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

pytest.importorskip("mujoco", reason="the extra mujoco is not installed")

from rllib_zoo.envs import (
    EnvironmentRequestError,
    environment_signature,
    make_single_env,
    make_vector_env,
)
from rllib_zoo.envs.ball_balance.env import BallBalanceVector

ENV = "3DBall-v0"


def actions_of(boards, steps, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (steps, boards, 2)).astype(np.float32)


def played(vector, actions, seed):
    """Everything seen: a list of arrays."""
    seen = [vector.reset(seed=seed)[0]]
    for action in actions:
        obs, rewards, terminated, truncated, info = vector.step(action)
        seen += [obs, rewards, terminated, truncated, info.get("final_obs", obs)]
    return seen


def alike(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_door_leads_to_one_scene_of_all_boards():
    vector = make_vector_env(ENV, 5)
    assert type(vector.unwrapped) is BallBalanceVector
    assert vector.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert vector.unwrapped.scene.position.shape == (5, 3)
    assert (vector.single_observation_space.shape, vector.single_action_space.shape) == ((8,), (2,))
    assert BallBalanceVector().num_envs == 12


def test_starts_are_drawn_as_in_the_unity_scene():
    vector = make_vector_env(ENV, 200)
    obs, _ = vector.reset(seed=0)
    tilt = math.sin(math.radians(5))  # of half of 10°
    assert (np.abs(obs[:, :2]) <= tilt).all()
    assert np.allclose(obs[:, 3], 4.0)
    assert (np.abs(obs[:, [2, 4]]) <= 1.5).all()
    assert (obs[:, 5:] == 0).all()
    # Uniform: the mean of |u| is half of the bound; four standard errors at 200 boards.
    margin = 4 * 0.5 / math.sqrt(12 * 200) * 2
    for column, bound in ((0, tilt), (1, tilt), (2, 1.5), (4, 1.5)):
        assert np.abs(obs[:, column]).mean() / bound == pytest.approx(0.5, abs=margin)
        assert np.abs(obs[:, column]).max() > 0.95 * bound


def test_a_kept_ball_pays_and_a_dropped_one_ends_its_episode_alone():
    vector = make_vector_env(ENV, 3)
    vector.reset(seed=0)
    scene = vector.unwrapped.scene
    scene.position[1] = scene.data.mocap_pos[1] + (2.9, 0.5, 0.0)
    scene.velocity[1] = (3.0, 0.0, 0.0)
    obs, rewards, terminated, truncated, info = vector.step(np.zeros((3, 2), np.float32))
    assert rewards.tolist() == [0.1, -1.0, 0.1]
    assert terminated.tolist() == info["_final_obs"].tolist() == [False, True, False]
    assert not truncated.any()
    assert info["final_obs"][1, 2] > 3.0
    assert obs[1, 3] == 4.0  # already the next episode
    assert np.array_equal(obs[[0, 2]], info["final_obs"][[0, 2]])


def test_a_drop_is_noticed_by_the_script_not_by_the_physics_after_it():
    """Unity's script looks before each of the five physics steps: what is lost in the last of them
    still pays, and ends the next decision."""
    vector = make_vector_env(ENV, 1)
    vector.reset(seed=0)
    scene = vector.unwrapped.scene
    scene.position[0] = (2.995 - 4 * 0.02, 20.0, 0.0)
    scene.velocity[0] = (1.0, 0.0, 0.0)
    still = np.zeros((1, 2), np.float32)
    obs, rewards, terminated, *_ = vector.step(still)
    assert obs[0, 2] > 3.0
    assert (rewards[0], terminated[0]) == (0.1, False)
    _, rewards, terminated, *_ = vector.step(still)
    assert (rewards[0], terminated[0]) == (-1.0, True)


def test_an_episode_is_cut_after_its_decisions():
    vector = make_vector_env(ENV, 2, {"max_decisions": 3})
    vector.reset(seed=0)
    ends = [vector.step(np.zeros((2, 2), np.float32))[2:4] for _ in range(6)]
    assert [truncated.tolist() for _, truncated in ends] == [
        [False] * 2,
        [False] * 2,
        [True] * 2,
    ] * 2
    assert not any(terminated.any() for terminated, _ in ends)


def test_a_whole_episode_returns_a_hundred():
    """Kept by hand: the board is tilted against the ball's place and velocity."""
    env = make_single_env(ENV)
    obs, _ = env.reset(seed=0)
    total, steps, over = 0.0, 0, False
    while not over:
        z, x, right, _, far, *velocity = obs
        wanted = 0.1 * np.array([right + velocity[0], -far - velocity[2]])
        action = np.clip(10 * (np.clip(wanted, -0.2, 0.2) - (z, x)), -1, 1).astype(np.float32)
        obs, reward, terminated, truncated, _ = env.step(action)
        total, steps, over = total + reward, steps + 1, terminated or truncated
    assert (steps, truncated) == (1000, True)
    assert total == pytest.approx(100.0)


def test_the_same_seed_gives_the_same_numbers():
    actions = actions_of(4, 60)
    first = played(make_vector_env(ENV, 4), actions, seed=7)
    assert alike(first, played(make_vector_env(ENV, 4), actions, seed=7))
    assert not alike(first, played(make_vector_env(ENV, 4), actions, seed=8))


def test_a_board_does_not_depend_on_those_beside_it():
    """Five boards in one scene and five scenes of one: starts to the bit, play to rounding errors."""
    actions, seeds = actions_of(5, 80), [3, 1, 4, 1, 5]
    together = played(make_vector_env(ENV, 5), actions, seed=seeds)
    assert any(array.any() for array in together[3::5])  # episodes ended, and others began
    for board, seed in enumerate(seeds):
        alone = played(make_vector_env(ENV, 1), actions[:, board : board + 1], seed=seed)
        assert np.array_equal(together[0][board], alone[0][0])
        for one, other in zip(together, alone, strict=True):
            assert np.allclose(one[board], other[0], atol=1e-5)


def test_boards_of_one_seed_differ_and_do_not_depend_on_their_number():
    few, _ = make_vector_env(ENV, 2).reset(seed=5)
    many, _ = make_vector_env(ENV, 6).reset(seed=5)
    assert np.array_equal(few, many[:2])
    assert len(np.unique(many[:, 2])) == 6


def test_one_board_is_reset_and_the_others_go_on():
    actions = actions_of(3, 12)
    vector, untouched = make_vector_env(ENV, 3), make_vector_env(ENV, 3)
    for env in (vector, untouched):
        env.reset(seed=2)
        for action in actions[:6]:
            before = env.step(action)[0]
    obs, _ = vector.reset(options={"reset_mask": np.array([False, True, False])})
    assert np.array_equal(obs[[0, 2]], before[[0, 2]])
    assert obs[1, 3] == 4.0
    assert (obs[1] != before[1]).any()
    for action in actions[6:]:
        one, other = vector.step(action)[0], untouched.step(action)[0]
        assert np.allclose(one[[0, 2]], other[[0, 2]], atol=1e-5)


def test_a_start_does_not_depend_on_the_episode_before():
    vector = make_vector_env(ENV, 2)
    for action in actions_of(2, 9):
        vector.reset(seed=3) if vector.unwrapped._decisions[0] == 0 else None
        vector.step(action)
    actions = actions_of(2, 20, seed=1)
    assert alike(played(vector, actions, seed=3), played(make_vector_env(ENV, 2), actions, seed=3))


def test_a_running_scene_can_be_saved_and_goes_on_bit_by_bit():
    actions = actions_of(4, 60)
    vector = BallBalanceVector(4)
    vector.reset(seed=0)
    for action in actions[:20]:
        vector.step(action)
    other = pickle.loads(pickle.dumps(vector))
    for action in actions[20:]:
        assert alike(vector.step(action)[:4], other.step(action)[:4])


def test_one_board_alone_is_that_of_a_vector_of_one():
    single, vector = make_single_env(ENV), make_vector_env(ENV, 1)
    assert np.array_equal(single.reset(seed=4)[0], vector.reset(seed=4)[0][0])
    for action in actions_of(1, 10):
        obs, reward, terminated, truncated, _ = single.step(action[0])
        many = vector.step(action)
        assert np.array_equal(obs, many[4].get("final_obs", many[0])[0])
        assert [reward, terminated, truncated] == [column[0] for column in many[1:4]]
        if terminated:
            break


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_actions_that_are_no_numbers_are_refused(value):
    vector = make_vector_env(ENV, 2)
    vector.reset(seed=0)
    with pytest.raises(ValueError, match="finite"):
        vector.step(np.array([[0.0, value], [0.0, 0.0]], np.float32))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gravty": 1.0}, "'gravty' is unknown; did you mean 'gravity'?"),
        ({"mass": 0}, "mass must be a number above 0, got 0"),
        ({"scale": "big"}, "scale must be a number above 0, got 'big'"),
        ({"max_decisions": 2.5}, "max_decisions must be an integer, got 2.5"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, said):
    for build in (lambda: make_vector_env(ENV, 2, options), lambda: make_single_env(ENV, options)):
        with pytest.raises(EnvironmentRequestError) as error:
            build()
        assert said in str(error.value)
        assert "\n" not in str(error.value)


def test_a_near_name_is_found():
    with pytest.raises(EnvironmentRequestError, match="did you mean '3DBall-v0'"):
        make_vector_env("3dBall-v1", 1)


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    for build in (lambda: make_vector_env(ENV, 1), lambda: make_single_env(ENV)):
        with pytest.raises(EnvironmentRequestError, match=r"pip install 'rllib-zoo\[mujoco\]'"):
            build()


def test_the_signature_names_it():
    signature = environment_signature(ENV, {"scale": 2.0})
    assert signature == {"id": ENV, "env_config": {"scale": 2.0}}


def test_one_board_is_drawn():
    env = make_single_env(ENV, render_mode="rgb_array")
    env.reset(seed=0)
    try:
        first = env.render()
    except EnvironmentRequestError as error:
        pytest.skip(str(error))
    for _ in range(4):
        env.step(np.array([1.0, 0.0], np.float32))
    second = env.render()
    env.close()
    assert first.shape == (240, 320, 3)
    assert first.dtype == np.uint8
    orange = [
        ((picture[..., 0] > 180) & (picture[..., 2] < 90)).sum() for picture in (first, second)
    ]
    assert min(orange) > 50  # the ball is seen
    assert (first != second).mean() > 0.05  # and the board has turned
