"""Validation builds each thing once and hands it on; a network that cannot run is refused."""

from __future__ import annotations

from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import nn

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation import names as names_module
from rllib_zoo.experiments.validation.check import validate

TINY = {"num_env_runners": 0, "num_envs_per_env_runner": 4, "train_batch_size": 40}


class Counted(gym.Env):
    """Counts how often it is built, reset and stepped."""

    observation_space = gym.spaces.Box(-1, 1, (3,), np.float32)
    action_space = gym.spaces.Discrete(2)
    calls: ClassVar[dict[str, int]] = {}

    def __init__(self, **_):
        self._count("built")

    def _count(self, name):
        self.calls[name] = self.calls.get(name, 0) + 1

    def reset(self, *, seed=None, options=None):
        self._count("reset")
        return np.zeros(3, np.float32), {}

    def step(self, action):
        self._count("stepped")
        return np.zeros(3, np.float32), 1.0, False, False, {}


class Linear(TorchModelV2, nn.Module):
    """Counts how often it is built."""

    built = 0

    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)
        type(self).built += 1
        self.layer = nn.Linear(int(np.prod(obs_space.shape)), num_outputs)

    def forward(self, input_dict, state, seq_lens):
        self.obs = input_dict["obs"].float()
        return self.layer(self.obs), state

    def value_function(self):
        return self.obs.sum(1)


class FailsOnObservations(Linear):
    def forward(self, input_dict, state, seq_lens):
        return self.layer(input_dict["obs"][:, :2]), state


class TooManyOutputs(Linear):
    def forward(self, input_dict, state, seq_lens):
        logits, _ = super().forward(input_dict, state, seq_lens)
        return torch.cat([logits, logits], 1), state


class NoValues(Linear):
    def value_function(self):
        raise NotImplementedError("no critic")


class ColumnOfValues(Linear):
    def value_function(self):
        return self.obs


def experiment(model=None, **config):
    model = {"custom_model": model} if model else {"fcnet_hiddens": [4]}
    config = {**TINY, "model": model, **config}
    return Experiment("x", "A2C", Counted, config, {"training_iteration": 1})


def test_environment_network_and_names_are_built_or_checked_once(monkeypatch):
    names = []
    real = names_module.check_config
    monkeypatch.setattr(
        names_module, "check_config", lambda *given: names.append(given[2]) or real(*given)
    )
    Counted.calls.clear()
    Linear.built = 0
    validated = validate(experiment(Linear))
    assert Counted.calls == {"built": 1, "reset": 1, "stepped": 1}
    assert Linear.built == 1
    assert names == ["config"]
    assert isinstance(validated.module.model, Linear)
    assert validated.spaces == (Counted.observation_space, Counted.action_space)
    assert validated.config.train_batch_size == 40
    assert validated.demand.cpus == 1


def test_every_environment_of_a_grid_is_built_once():
    Counted.calls.clear()
    lengths = {"grid_search": [{"length": 1}, {"length": 2}]}
    validate(experiment(env_config=lengths, lr={"grid_search": [0.1, 0.2]}))
    assert Counted.calls["built"] == 2


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FailsOnObservations, "mat1 and mat2 shapes cannot be multiplied"),
        (TooManyOutputs, "forward() gives outputs (2, 4), not (2, 2)"),
        (NoValues, "NotImplementedError: no critic"),
        (ColumnOfValues, "value_function() gives (2, 3), not (2,)"),
    ],
)
def test_a_network_that_cannot_take_observations_is_one_line(model, message):
    with pytest.raises(RequestError) as refused:
        validate(experiment(model))
    line = str(refused.value)
    assert line.startswith("config.model: the network fails on an observation: ")
    assert message in line
    assert "observations of shape (3,)" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("algorithm", "env", "config"),
    [
        ("A2C", "CartPole-v1", {"model": {"use_lstm": True}}),
        ("PPO", "CartPole-v1", {"minibatch_size": 64}),
        ("DDPG", "Pendulum-v1", {}),
        ("DQN", "CartPole-v1", {}),
    ],
)
def test_every_kind_of_network_takes_its_first_step(algorithm, env, config):
    config = {"num_env_runners": 0, "train_batch_size": 256, **config}
    validated = validate(Experiment("x", algorithm, env, config, {"training_iteration": 1}))
    assert validated.module.observation_space == validated.spaces[0]
