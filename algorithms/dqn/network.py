"""The Q network of RLlib's DQN with uint8 images, SoftQ, parameter noise and noisy layers."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from ray.rllib.algorithms.dqn.default_dqn_rl_module import QF_PREDS
from ray.rllib.algorithms.dqn.dqn_catalog import DQNCatalog
from ray.rllib.algorithms.dqn.torch.default_dqn_torch_rl_module import DefaultDQNTorchRLModule
from ray.rllib.core.columns import Columns
from torch import Tensor

from rllib_zoo.algorithms.dqn.weight_noise import ParameterNoise, make_noisy, sampled_noise
from rllib_zoo.algorithms.env_runner.policy import NoModelV2Mixin


class QCatalog(DQNCatalog):
    """RLlib's networks, and for integers, which the replay buffer stores; uint8 is scaled to [0, 1]."""

    def build_encoder(self, framework: str) -> Any:
        """RLlib's hook."""
        encoder = super().build_encoder(framework)
        dtype = self.observation_space.dtype
        if np.issubdtype(dtype, np.floating):
            return encoder
        return IntegerEncoder(encoder, divisor=255.0 if dtype == np.uint8 else 1.0)


class IntegerEncoder(torch.nn.Module):
    """An encoder of RLlib, which requires floating-point numbers, for observations of integers."""

    def __init__(self, encoder: torch.nn.Module, divisor: float):
        super().__init__()
        self.encoder, self._divisor = encoder, divisor

    def forward(self, batch: dict[str, Any]) -> Any:
        """The encoder's output for the observations over ``divisor``."""
        return self.encoder({**batch, Columns.OBS: batch[Columns.OBS].float() / self._divisor})


class QModule(NoModelV2Mixin, DefaultDQNTorchRLModule):
    """RLlib's Q network, with further exploration types and the interface of `rllib evaluate`.

    Raises:
        ValueError: actions are not Discrete.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        # RLlib would take a MultiBinary(n) for a Discrete(n), and fail on others with advice of its own.
        if not isinstance(actions := kwargs.get("action_space"), gym.spaces.Discrete):
            raise ValueError(f"DQN requires Discrete actions, the environment has {actions}")
        kwargs["catalog_class"] = kwargs.get("catalog_class") or QCatalog
        super().__init__(*args, **kwargs)

    def setup(self) -> None:
        """RLlib's hook."""
        super().setup()
        stddev = self.model_config.get("parameter_noise_stddev")
        self.parameter_noise = None if stddev is None else ParameterNoise(stddev)
        if self.model_config.get("noisy"):
            for head in (self.af, *([self.vf] if self.uses_dueling else [])):
                make_noisy(head, self.model_config["sigma0"])

    def _forward_train(self, batch: dict[str, Any]) -> dict[str, Any]:
        with sampled_noise(self):
            return super()._forward_train(batch)

    def _forward_exploration(self, batch: dict[str, Any], t: int) -> dict[str, Any]:
        noise = self.parameter_noise
        if noise is None:
            with sampled_noise(self):
                return self._explore(batch, t)
        q_values_BA = self.compute_q_values(batch)[QF_PREDS]
        with noise.applied_to(self):
            noisy_BA = self.compute_q_values(batch)[QF_PREDS]
            explored = self._explore(batch, t)
        noise.record_distance(
            q_values_BA, noisy_BA, float(self.epsilon_schedule.get_current_value())
        )
        return explored

    def _explore(self, batch: dict[str, Any], t: int) -> dict[str, Any]:
        temperature = self.model_config.get("exploration_temperature")
        if temperature is None:
            return super()._forward_exploration(batch, t)
        values_BA = self.compute_q_values(batch)[QF_PREDS]
        probabilities = torch.softmax(values_BA / temperature, dim=-1)
        return {Columns.ACTIONS: torch.multinomial(probabilities, 1).squeeze(-1)}

    def policy_and_value(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Q(s, ·) [N, A] as inputs of a categorical distribution, and max Q(s, ·) [N] as values."""
        if channels_first(obs.shape[1:]):
            obs = obs.movedim(1, -1)
        values_NA = self.compute_q_values({Columns.OBS: obs.float()})[QF_PREDS]
        return values_NA, values_NA.max(dim=-1).values


def channels_first(shape: Any) -> bool:
    """Whether a shape is of an image [C, H, W], as of our Atari games: fewer channels than columns."""
    return len(shape) == 3 and shape[0] < shape[2]
