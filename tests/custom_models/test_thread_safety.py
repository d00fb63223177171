"""One TorchModelV2 asked by several threads, whose values must not get mixed up."""

import copy
import pickle
import time

import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import nn

from rllib_zoo.algorithms.runtime import ThreadPool
from rllib_zoo.custom_models.rl_module import ModelV2Module
from rllib_zoo.custom_models.thread_safety import SharedModel

VECTOR = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)


class SelfReferring(TorchModelV2, nn.Module):
    """Its forward goes through a bound method kept as an attribute: a copy would not follow."""

    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)
        self.hidden = nn.Sequential(nn.Linear(4, 64), nn.Tanh())
        self.policy, self.value = nn.Linear(64, num_outputs), nn.Linear(64, 1)
        self.encode = self._encode

    def _encode(self, obs):
        self._features = self.hidden(obs)
        return self._features

    def forward(self, input_dict, state, seq_lens):
        logits = self.policy(self.encode(input_dict["obs"]))
        time.sleep(0.001)  # time enough for another thread
        return logits, state

    def value_function(self):
        return self.value(self._features).squeeze(1)


MODELS = {
    "RLlib's": {"fcnet_hiddens": [64], "vf_share_layers": False},
    "RLlib's with LSTM": {"fcnet_hiddens": [64], "use_lstm": True, "lstm_cell_size": 32},
    "somebody's": {"custom_model": SelfReferring},
}


def hosted(model):
    return ModelV2Module(
        observation_space=VECTOR, action_space=gym.spaces.Discrete(3), model_config=model
    )


def outputs(module, obs):
    if module.recurrent is None:
        return torch.cat([part.reshape(-1) for part in module.policy_and_value(obs)])
    states = torch.zeros(len(obs), module.recurrent.initial_state().numel())
    return torch.cat([part.reshape(-1) for part in module.recurrent.step(obs, states)])


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_threads_get_the_values_of_their_own_observations(model):
    module, pool = hosted(model), ThreadPool(2)
    observations = [torch.randn(1500, 4) for _ in range(2)]
    with torch.no_grad():
        expected = [outputs(module, obs) for obs in observations]

    def ask(obs):
        with torch.no_grad():
            return outputs(module, obs)

    for _ in range(150):
        for found, wanted in zip(pool.map(ask, observations), expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_a_hosted_network_can_be_copied_and_pickled():
    module, obs = hosted(MODELS["RLlib's"]), torch.randn(3, 4)
    shared = pickle.loads(pickle.dumps(module._shared))
    assert isinstance(shared, SharedModel)
    with torch.no_grad():  # torch copies no graphs
        expected = module.policy_and_value(obs)[1]
        torch.testing.assert_close(copy.deepcopy(module).policy_and_value(obs)[1], expected)
