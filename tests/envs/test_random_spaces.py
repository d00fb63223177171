"""Environments of any spaces: trained on, or refused by name before anything starts."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import torch
from fuzzing import fuzzed
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns

from algorithms.actions import ActionAdapter
from envs import EnvironmentRequestError, environment_spaces, make_vector_env
from experiments.checking import check_experiment
from experiments.errors import RequestError
from experiments.experiment import Experiment
from experiments.preflight import check_environments

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
        low, high = draw(st.sampled_from(((-1, 1), (0, 5), (-np.inf, np.inf), (0, np.inf), (-3, -2))))
    else:
        low, high = draw(st.sampled_from(((0, 1), (0, 100), (3, 7))))
    return spaces.Box(low, high, shape, dtype)


FLAT = (
    boxes()
    | st.builds(lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 5), st.integers(-3, 3))
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
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple)
    | st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3).map(spaces.Dict),
    max_leaves=4,
)


def play(env_class, resolved):
    """Two steps with a network's own actions, as the runner takes them."""
    observation, action = environment_spaces(env_class)
    module = resolved.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: (observation, action)}).build()
    adapter = ActionAdapter(
        action, normalize=resolved.normalize_actions, clip=resolved.clip_actions
    )
    vector = make_vector_env(env_class, 2)
    obs, _ = vector.reset(seed=0)
    for _ in range(2):
        assert obs.shape == (2, *observation.shape)
        with torch.no_grad():
            out = module.forward_exploration({Columns.OBS: torch.as_tensor(np.asarray(obs))})
        inputs = out[Columns.ACTION_DIST_INPUTS]
        assert torch.isfinite(inputs).all()
        actions = module.get_exploration_action_dist_cls().from_logits(inputs).sample()
        obs, *_ = vector.step(adapter.for_env(actions.numpy()))
    vector.close()


def test_any_spaces_are_played_or_refused_by_name():
    counts = {"played": 0, "refused": 0}
    kinds = set()

    @fuzzed(60)
    @given(ANY, ANY | FLAT | FLAT)
    def one(observation, action):
        Spaced.spaces_of_all = (observation, action)
        experiment = Experiment("x", "PPO", Spaced, CONFIG, {"training_iteration": 1})
        try:
            resolved = check_experiment(experiment, available_cpus=1.0, available_gpus=0.0)
            check_environments(experiment, resolved)
        except (RequestError, EnvironmentRequestError) as error:
            message = str(error)
            assert "\n" not in message
            assert "Spaced" in message
            assert "supported are" in message
            counts["refused"] += 1
            return
        kinds.add(type(observation).__name__)
        play(Spaced, resolved)
        counts["played"] += 1

    one()
    assert min(counts.values()) > 5, counts
    assert {"Box", "Discrete", "Dict", "Tuple"} <= kinds
