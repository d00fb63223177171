"""Names of Atari games: retired ids are translated, misspelt ones refused with the nearest."""

import gymnasium as gym
import pytest

from rllib_zoo.envs import (
    AtariOptions,
    EnvironmentRequestError,
    LegacyAtariId,
    environment_signature,
    is_atari,
    legacy_atari_id,
    make_single_env,
    make_vector_env,
)
from rllib_zoo.envs.atari.ids import atari_games

KINDS = {"": 4, "Deterministic": 4, "NoFrameskip": 4}


def test_what_is_atari():
    assert is_atari("ALE/Pong-v5")
    assert is_atari("ale_py:ALE/Pong-v5")
    assert is_atari("ALE/Pnog-v5")  # so that Atari's door can say what is wrong with it
    for other in ("CartPole-v1", "PongNoFrameskip-v4", "ale/Pong-v5", gym.Env, None):
        assert not is_atari(other)


def test_every_retired_id_of_every_game_is_translated():
    for today in atari_games():
        game = today.removeprefix("ALE/").removesuffix("-v5")
        for kind in KINDS:
            for version, stickiness in (("v0", 0.25), ("v4", 0.0)):
                found = legacy_atari_id(f"{game}{kind}-{version}")
                assert found is not None
                assert found.env == today
                assert found.env_config["repeat_action_probability"] == stickiness
                special = game == "SpaceInvaders" and kind == "Deterministic"
                assert found.env_config["frameskip"] == (3 if special else 4)
    assert len(atari_games()) > 100


def test_stickiness_agrees_with_what_ale_py_registers_under_these_ids():
    atari_games()  # imports ale-py
    specs = [
        spec
        for spec in gym.registry.values()
        if "ale_py" in str(spec.entry_point) and not spec.id.startswith("ALE/")
    ]
    assert len(specs) > 200
    for spec in specs:
        found = legacy_atari_id(spec.id)
        assert found is not None, spec.id
        assert atari_games()[found.env] == spec.kwargs["game"]
        assert (
            found.env_config["repeat_action_probability"]
            == spec.kwargs["repeat_action_probability"]
        )


def test_a_translation_says_what_it_did_and_can_be_built():
    found = legacy_atari_id("SpaceInvadersDeterministic-v4")
    assert found == LegacyAtariId(
        env="ALE/SpaceInvaders-v5",
        env_config={"frameskip": 3, "repeat_action_probability": 0.0},
        note="SpaceInvadersDeterministic-v4 is ALE/SpaceInvaders-v5 with frameskip 3 and "
        "repeat_action_probability 0.0.",
    )
    assert AtariOptions.from_dict(found.env_config).frameskip == 3
    assert "wrappers" in legacy_atari_id("PongNoFrameskip-v4").note
    assert "2 to 4 at random" in legacy_atari_id("Pong-v0").note
    assert "0.25" in legacy_atari_id("Pong-v0").note


@pytest.mark.parametrize(
    "name",
    ["ALE/Pong-v5", "Pong-v5", "Pong-v1", "CartPole-v0", "Pnog-v4", "pong-v4", "my.Pong-v4", ""],
)
def test_other_names_are_left_alone(name):
    assert legacy_atari_id(name) is None


@pytest.mark.parametrize(
    "name", ["Pong-ram-v0", "Pong-ram-v4", "Pong-ramDeterministic-v4", "Pong-ramNoFrameskip-v4"]
)
def test_ram_ids_are_refused_with_the_reason(name):
    for ask in (legacy_atari_id, make_single_env):
        with pytest.raises(EnvironmentRequestError, match=r"RAM .* 'ALE/Pong-v5' shows the screen"):
            ask(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("ALE/Pnog-v5", "ALE/Pong-v5"),
        ("ALE/pong-v5", "ALE/Pong-v5"),
        ("ALE/Pong-v4", "ALE/Pong-v5"),
        ("ALE/Pong", "ALE/Pong-v5"),
        ("ALE/PongNoFrameskip-v4", "ALE/Pong-v5"),
        ("ale_py:ALE/Asault-v5", "ALE/Assault-v5"),
        ("ALE/space_invaders-v5", "ALE/SpaceInvaders-v5"),
        ("ALE/Pong-ram-v5", "ALE/Pong-v5"),
        ("Pong-v5", "ALE/Pong-v5"),
        ("Pnog-v4", "ALE/Pong-v5"),
        ("Breakuot-v5", "ALE/Breakout-v5"),
        ("CartPol-v1", "CartPole-v1"),
    ],
)
def test_a_misspelt_game_is_refused_with_the_nearest(name, nearest):
    asks = [lambda: make_vector_env(name, 1), lambda: make_single_env(name)]
    if is_atari(name):
        asks.append(lambda: environment_signature(name))
    for ask in asks:
        with pytest.raises(EnvironmentRequestError) as error:
            ask()
        assert repr(nearest) in str(error.value)
        assert repr(name.removeprefix("ale_py:")) in str(error.value)
        assert "\n" not in str(error.value)


def test_nothing_is_suggested_for_what_resembles_nothing():
    with pytest.raises(EnvironmentRequestError, match=r"not an Atari game of ale-py$"):
        make_vector_env("ALE/Xyzzyx-v5", 1)


@pytest.mark.parametrize("build", [lambda name: make_vector_env(name, 1), make_single_env])
def test_a_retired_id_is_refused_with_its_translation(build):
    """ale-py registers these ids; built so, they would show raw frames."""
    atari_games()
    assert "PongNoFrameskip-v4" in gym.registry
    with pytest.raises(EnvironmentRequestError) as error:
        build("PongNoFrameskip-v4")
    for piece in (
        "'PongNoFrameskip-v4' is a legacy id",
        "'ALE/Pong-v5'",
        "'frameskip': 4",
        ": 0.0",
    ):
        assert piece in str(error.value)
