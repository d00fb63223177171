"""The door to Atari games: options and their refusals, seeds, threads, signatures, pictures."""

import json
import re
import subprocess
import sys
from dataclasses import asdict, fields

import gymnasium as gym
import numpy as np
import pytest
from ray.tune.registry import ENV_CREATOR, _global_registry, register_env

from rllib_zoo.envs import (
    AtariOptions,
    EnvironmentRequestError,
    environment_signature,
    environment_spaces,
    make_single_env,
    make_vector_env,
)
from rllib_zoo.envs.atari.vector_env import GameVector
from rllib_zoo.envs.probes import ConstantReward
from rllib_zoo.experiments.paths import ROOT

OTHER_VALUES = {
    "frameskip": 3,
    "repeat_action_probability": 0.5,
    "screen_size": 42,
    "grayscale_obs": False,
    "stack_size": 2,
    "noop_max": 1,
    "terminal_on_life_loss": True,
    "use_fire_reset": False,
    "full_action_space": True,
    "max_num_frames_per_episode": 100,
}


def played(game="ALE/Breakout-v5", options=None, *, steps=60, seed=0, threads=1, copies=2):
    """Everything seen in some steps of fixed actions: list of arrays."""
    vector = make_vector_env(game, copies, options, num_threads=threads)
    obs, info = vector.reset(seed=seed)
    seen = [obs, info["lives"], info["episode_frame_number"]]
    for action in np.random.default_rng(0).integers(4, size=(steps, copies)):
        obs, reward, terminated, truncated, info = vector.step(action)
        seen += [obs, reward, terminated, truncated, info["lives"], info["game_over"]]
    vector.close()
    return seen


def alike(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_door_leads_to_ale_pys_vector_environment():
    vector = make_vector_env("ale_py:ALE/Assault-v5", 3)
    assert type(vector) is GameVector
    assert vector.metadata["autoreset_mode"] == gym.vector.AutoresetMode.NEXT_STEP
    assert (vector.num_envs, vector.single_action_space.n) == (3, 7)
    obs, info = vector.reset(seed=0)
    assert obs.dtype == np.uint8
    assert obs.shape == vector.observation_space.shape == (3, 4, 84, 84)
    assert info["game_over"].dtype == bool
    assert info["game_over"].shape == (3,)
    _, reward, *_ = vector.step(np.zeros(3, int))
    assert reward.dtype == np.float64
    assert reward.shape == (3,)


@pytest.fixture(scope="module")
def default_play():
    return played()


@pytest.mark.parametrize("field", [field.name for field in fields(AtariOptions)])
def test_every_option_changes_an_outcome(default_play, field):
    options = {field: OTHER_VALUES[field]}
    assert options[field] != getattr(AtariOptions(), field)
    assert not alike(default_play, played(options=options))


def test_options_change_what_they_say():
    def first(options):
        vector = make_vector_env("ALE/Breakout-v5", 2, options)
        return vector.reset(seed=0)[0], vector

    assert first({"screen_size": 42})[0].shape == (2, 4, 42, 42)
    assert first({"stack_size": 2})[0].shape == (2, 2, 84, 84)
    assert first({"grayscale_obs": False})[0].shape == (2, 4, 84, 84, 3)
    assert first({})[1].single_action_space.n == 4
    assert first({"full_action_space": True})[1].single_action_space.n == 18
    for fire in (False, True):  # the ball flies, or waits
        obs, vector = first({"use_fire_reset": fire, "noop_max": 0})
        pictures = np.array([vector.step(np.zeros(2, int))[0][:, -1] for _ in range(10)])
        assert (pictures != obs[:, -1]).any() == fire


def test_scores_are_raw():
    rewards = np.array(played("ALE/Assault-v5", steps=200)[4::6])
    assert set(np.unique(rewards)) == {0.0, 21.0}


def test_the_same_seed_plays_the_same_games_on_any_number_of_threads():
    one = played(steps=300, copies=3)
    assert alike(one, played(steps=300, copies=3, threads=2))
    assert not alike(one, played(steps=300, copies=3, seed=1))


def test_neighbouring_seeds_share_no_game():
    """ale-py's own seeds are consecutive: copy 1 of seed 0 would play the game of copy 0 of seed 1."""
    pictures = []
    for seed in (0, 1, 2**40):
        vector = make_vector_env("ALE/Assault-v5", 4, {"noop_max": 0})
        vector.reset(seed=seed)
        for action in np.random.default_rng(0).integers(7, size=80):
            obs, *_ = vector.step(np.full(4, action))
        pictures += [copy.tobytes() for copy in obs]
    assert len(set(pictures)) == 12


def test_arrays_once_given_stay_as_they_are():
    vector = make_vector_env("ALE/Breakout-v5", 2)
    given = [vector.reset(seed=0)[0], *vector.step(np.ones(2, int))[:-1]]
    copies = [array.copy() for array in given]
    for _ in range(20):
        vector.step(np.ones(2, int))
    assert alike(given, copies)


@pytest.mark.parametrize("actions", [[0, 4], [-1, 0]])
def test_an_action_the_game_does_not_have_is_an_error(actions):
    """ale-py itself waits for ever for the copy whose thread it killed."""
    vector = make_vector_env("ALE/Breakout-v5", 2)
    vector.reset(seed=0)
    with pytest.raises(ValueError, match="actions must be 0 to 3"):
        vector.step(np.array(actions))
    assert vector.step(np.array([0, 3]))[0].shape == (2, 4, 84, 84)


def test_other_vector_environments_keep_their_metadata(monkeypatch):
    """ale-py writes into a dict which all classes without one of their own share."""
    monkeypatch.setitem(gym.vector.VectorEnv.metadata, "autoreset_mode", "another")
    make_vector_env("ALE/Pong-v5", 1)
    assert gym.vector.VectorEnv.metadata["autoreset_mode"] == "another"


@pytest.mark.parametrize(
    ("options", "pieces"),
    [
        ({"frameskip": 0}, ["frameskip must be an integer of at least 1, not 0"]),
        ({"frameskip": True}, ["frameskip must be an integer", "not True"]),
        ({"frameskip": 4.0}, ["not 4.0"]),
        ({"frameskip": [2, 5]}, ["not [2, 5]"]),
        ({"repeat_action_probability": 1.5}, ["from 0 to below 1, not 1.5"]),
        ({"repeat_action_probability": 1}, ["not 1"]),
        ({"repeat_action_probability": -0.1}, ["not -0.1"]),
        ({"repeat_action_probability": False}, ["not False"]),
        ({"repeat_action_probability": float("nan")}, ["not nan"]),
        ({"screen_size": [84, 84]}, ["screen_size must be an integer"]),
        ({"screen_size": None}, ["not None"]),
        ({"stack_size": 0}, ["stack_size must be an integer of at least 1"]),
        ({"noop_max": -1}, ["noop_max must be an integer of at least 0"]),
        ({"max_num_frames_per_episode": 0}, ["at least 1, not 0"]),
        ({"grayscale_obs": 1}, ["grayscale_obs must be true or false, not 1"]),
        ({"terminal_on_life_loss": "yes"}, ["terminal_on_life_loss", "not 'yes'"]),
        ({"frame_skip": 4}, ["'frame_skip' is not", "did you mean 'frameskip'?"]),
        ({"grayscale": True}, ["did you mean 'grayscale_obs'?"]),
        ({"framestack": True}, ["did you mean 'stack_size'?"]),
        ({"episodic_life": True}, ["did you mean 'terminal_on_life_loss'?"]),
        ({"noopmax": 1}, ["did you mean 'noop_max'?"]),
        ({"dim": 42}, ["did you mean 'screen_size'?"]),
        ({"qqq": 1}, ["choose from frameskip, repeat_action_probability"]),
        ({"mode": 1}, ["'mode' is not an option", "first mode"]),
        ({"difficulty": 1}, ["first difficulty"]),
        ({"obs_type": "ram"}, ["set grayscale_obs", "RAM"]),
        ({"render_mode": "human"}, ["only videos are rendered"]),
        ({"sound_obs": True}, ["no sound"]),
        ({"reward_clipping": True}, ["raw", "clip_rewards"]),
    ],
    ids=str,
)
def test_refusals_are_one_line_everywhere(options, pieces):
    asks = (make_single_env, environment_signature, lambda *a: make_vector_env(a[0], 2, a[1]))
    for ask in asks:
        with pytest.raises(EnvironmentRequestError) as error:
            ask("ALE/Pong-v5", options)
        for piece in [*pieces, next(iter(options))]:
            assert piece in str(error.value)
        assert "\n" not in str(error.value)


def test_other_ways_of_stepping_and_no_copies_are_refused():
    for mode in ("sync", "async"):
        with pytest.raises(EnvironmentRequestError, match=f"'{mode}' is not supported, leave it"):
            make_vector_env("ALE/Pong-v5", 2, vectorize_mode=mode)
    for copies, threads in ((0, 1), (1, 0)):
        with pytest.raises(EnvironmentRequestError, match=f"not {copies} and {threads}$"):
            make_vector_env("ALE/Pong-v5", copies, num_threads=threads)


def test_a_registered_name_wins():
    register_env("ALE/Pong-v5", lambda options: ConstantReward())
    try:
        assert make_vector_env("ALE/Pong-v5", 1).single_observation_space.shape == (1,)
    finally:
        _global_registry.unregister(ENV_CREATOR, "ALE/Pong-v5")


def test_a_signature_holds_every_option_and_the_rom():
    signature = environment_signature("ale_py:ALE/Pong-v5", {"frameskip": 3})
    assert signature["id"] == "ALE/Pong-v5"
    assert signature["frameskip"] == 3
    assert signature["repeat_action_probability"] == 0.25
    assert set(signature) == {"id", "rom_md5"} | {field.name for field in fields(AtariOptions)}
    # As in the list of ROMs that ale-py and its predecessors support.
    assert signature["rom_md5"] == "60e0ea3cbe0913d39803477945e9e5ec"
    assert environment_signature("ALE/Assault-v5")["rom_md5"] != signature["rom_md5"]
    plain = environment_signature("CartPole-v1", {"sutton_barto_reward": True})
    assert plain == {"id": "CartPole-v1", "env_config": {"sutton_barto_reward": True}}


@pytest.mark.parametrize("options", [{}, {"screen_size": 42, "stack_size": 3}], ids=str)
def test_one_copy_has_the_spaces_of_many_and_a_picture(options):
    vector = make_vector_env("ALE/Assault-v5", 1, options)
    spaces = (vector.single_observation_space, vector.single_action_space)
    assert environment_spaces("ALE/Assault-v5", options) == spaces
    single = make_single_env("ALE/Assault-v5", options, render_mode="rgb_array")
    assert spaces[0].contains(single.reset(seed=0)[0])
    assert single.render().shape == (210, 160, 3)


def test_the_documented_options_are_the_options():
    page = (ROOT / "docs" / "environments.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| .+ \| .+ \|$", page, re.MULTILINE)
    assert {name: json.loads(default) for name, default in rows} == asdict(AtariOptions())


def test_building_games_says_nothing():
    program = (
        "from rllib_zoo.envs import *; make_single_env('ALE/Pong-v5'); "
        "make_vector_env('ALE/Pong-v5', 1)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
