"""A recurrent model of a user's own."""

import torch
from ray.rllib.models.torch.recurrent_net import RecurrentNetwork
from torch import nn


class Gated(RecurrentNetwork, nn.Module):
    """A user's recurrent model in RLlib's own style, without ``use_lstm``."""

    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        nn.Module.__init__(self)
        super().__init__(obs_space, action_space, num_outputs, model_config, name)
        self.cell = nn.GRU(4, 8, batch_first=True)
        self.policy, self.value = nn.Linear(8, num_outputs), nn.Linear(8, 1)

    def get_initial_state(self):
        return [torch.full((8,), 0.5)]

    def forward_rnn(self, inputs, state, seq_lens):
        self._features, after = self.cell(inputs, state[0][None])
        return self.policy(self._features), [after[0]]

    def value_function(self):
        return self.value(self._features).reshape(-1)
