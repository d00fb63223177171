"""Environments of any spaces: trained on, or refused by name before anything starts."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
from fuzzing import fuzzed
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.envs import EnvironmentRequestError
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate

DTYPES = (np.float32, np.float64, np.float16, np.uint8, np.int8, np.int32, np.int64)
CONFIG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 2,
    "train_batch_size": 8,
    "minibatch_size": 4,
    "model": {"fcnet_hiddens": [4]},
}


class Spaced(gym.Env):
    """Observations and actions of given spaces; says when an action is not in its space."""

    spaces_of_all: ClassVar[tuple[gym.Space, gym.Space]]

    def __init__(self) -> None:
        self.observation_space, self.action_space = self.spaces_of_all

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if not self.action_space.contains(action):
            raise AssertionError(f"{action!r} is not in {self.action_space}")
        return self.observation_space.sample(), 1.0, False, False, {}


@st.composite
def boxes(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    if np.issubdtype(dtype, np.floating):
        low, high = draw(
            st.sampled_from(((-1, 1), (0, 5), (-np.inf, np.inf), (0, np.inf), (-3, -2)))
        )
    else:
        low, high = draw(st.sampled_from(((0, 1), (0, 100), (3, 7))))
    return spaces.Box(low, high, shape, dtype)


FLAT = (
    boxes()
    | st.builds(
        lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 5), st.integers(-3, 3)
    )
    | st.lists(st.integers(1, 4), min_size=1, max_size=3).map(spaces.MultiDiscrete)
    | st.just(spaces.MultiDiscrete([[2, 3], [3, 2]]))
    | st.sampled_from((1, 3, (2, 2))).map(spaces.MultiBinary)
)
UNFLAT = st.sampled_from(
    (
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Graph(spaces.Box(-1, 1, (2,)), None),
        spaces.Text(4),
        spaces.OneOf((spaces.Discrete(2), spaces.Box(-1, 1, (2,)))),
    )
)
ANY = st.recursive(
    FLAT | FLAT | FLAT | UNFLAT,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3).map(spaces.Dict)
    ),
    max_leaves=4,
)


def play(resolved):
    """A few steps of the real runner: environments, network, and its actions in their space."""
    runner = VectorEnvRunner(config=resolved, worker_index=0)
    rollout = runner.sample(num_steps=3)
    runner.stop()
    assert np.isfinite(rollout.dist_inputs).all()
    return rollout


def test_any_spaces_are_played_or_refused_by_name():
    counts = {"played": 0, "refused": 0}
    kinds = set()

    @fuzzed(60)
    @given(ANY | st.integers(1, 5).map(spaces.Discrete), ANY | FLAT | FLAT)
    def one(observation, action):
        Spaced.spaces_of_all = (observation, action)
        experiment = Experiment("x", "PPO", Spaced, CONFIG, {"training_iteration": 1})
        try:
            resolved = validate(experiment, cpus=1.0, gpus=0.0).config
        except (RequestError, EnvironmentRequestError) as error:
            message = str(error)
            assert "\n" not in message
            assert "Spaced" in message
            # Of images RLlib has networks for some sizes, and asks for layers otherwise.
            assert "supported are" in message or "conv_filters" in message
            counts["refused"] += 1
            return
        kinds.add(type(observation).__name__)
        assert play(resolved).num_steps == 6
        counts["played"] += 1

    one()
    assert min(counts.values()) > 5, counts
    assert {"Box", "Discrete", "Dict", "Tuple"} <= kinds


def test_an_image_without_a_network_is_refused_with_its_shape():
    Spaced.spaces_of_all = (spaces.Box(-1, 1, (3, 1, 1)), spaces.Discrete(2))
    experiment = Experiment("x", "PPO", Spaced, CONFIG, {"training_iteration": 1})
    with pytest.raises(RequestError) as caught:
        validate(experiment)
    message = str(caught.value)
    assert "config.model: the network cannot be built: " in message
    assert "Spaced' has observations of shape (3, 1, 1)" in message
