"""The course's actor-critic network as a TorchModelV2, with its options.

Source: course lecture 12, Code Ex.1 (class ``Agent``); the options also give the networks of the
course's Atari lecture (``OurModel``, and the convolutions of its Pong file) and of its 3D-ball
document (``Net``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import torch
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import Tensor, nn

from rllib_zoo.custom_models.actor_critic_options import ActorCriticOptions
from rllib_zoo.custom_models.layers import (
    POLICY_GAIN,
    VALUE_GAIN,
    ImageEncoder,
    head,
    hidden_layers,
    uses_convolutions,
)


class SharedEncoderActorCritic(TorchModelV2, nn.Module):
    """Encoder, policy head and value head (course lecture 12, Code Ex.1).

    The lecture's softmax is left out, because RLlib's action distributions take logits. Options
    are the fields of :class:`ActorCriticOptions`, set by ``custom_model_config``.

    | symbol            | shape                               | dtype   | meaning                        |
    |-------------------|-------------------------------------|---------|--------------------------------|
    | obs               | `[B, *obs_space.shape]` or `[B, n]` | any     | observation                    |
    | logits (discrete) | `[B, num_outputs]`                  | float32 | unnormalised log-probabilities |
    | logits (Box)      | `[B, num_outputs]`                  | float32 | means, log standard deviations |
    | value             | `[B]`                               | float32 | V(obs)                         |
    | recurrent state   | none                                | none    | `state` is returned as it came |
    | features          | `[B, num_outputs]`                  | float32 | instead of logits; no heads    |

    Image observations go through the convolutions, others are flattened; uint8 is scaled by 1/255,
    nothing else is scaled. Features are the output where ``num_outputs``
    is None, as for RLlib's LSTM wrapper (``use_lstm``): its LSTM follows the encoder and has linear
    heads of its own. Options of heads and of a second encoder are errors then.

    Under ``torch.autocast`` convolutions and encoder run in its dtype, the heads in float32: with logits
    and values in bfloat16 Pong collapsed at a learning rate of 1e-3.

    Raises:
        ValueError: invalid option; observation space that is not a Box; image too small for the
            convolutions; odd ``num_outputs`` with ``free_log_std``; that option without Box
            actions; an option of heads without heads.
    """

    def __init__(
        self,
        obs_space: gym.Space[Any],
        action_space: gym.Space[Any],
        num_outputs: int | None,
        model_config: dict[str, Any],
        name: str,
        **custom_model_kwargs: Any,
    ) -> None:
        config = _model_options(model_config, custom_model_kwargs)
        options = ActorCriticOptions.from_dict(config)
        if not isinstance(obs_space, gym.spaces.Box):
            raise ValueError(f"{type(self).__name__} needs Box observations, got {obs_space}")
        if num_outputs is None:
            _require_no_heads(config, options)
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)

        self._value: Tensor | None = None
        self._n_obs = math.prod(obs_space.shape)
        shared = options.shared_encoder
        self.image: ImageEncoder | None = None
        self.value_image: ImageEncoder | None = None
        n_flat = self._n_obs
        if uses_convolutions(obs_space.shape, options):
            self.image = ImageEncoder(obs_space.shape, options)
            self.value_image = None if shared else ImageEncoder(obs_space.shape, options)
            n_flat = self.image.num_outputs
        hiddens = options.encoder_hiddens
        self.encoder = hidden_layers(n_flat, hiddens, options)
        self.value_encoder = None if shared else hidden_layers(n_flat, hiddens, options)
        n_in = (n_flat, *hiddens)[-1]
        self.value_head: nn.Module | None = None
        self.policy_head: nn.Module | None = None
        self.log_std: nn.Parameter | None = None
        if num_outputs is None:
            self.num_outputs = n_in
            return
        n_policy = _policy_units(num_outputs, action_space, options)
        self.value_head = head(n_in, options.value_hiddens, 1, options, VALUE_GAIN)
        self.policy_head = head(n_in, options.policy_hiddens, n_policy, options, POLICY_GAIN)
        if options.free_log_std:
            self.log_std = nn.Parameter(torch.full((n_policy,), float(options.log_std_init)))

    def forward(
        self, input_dict: Mapping[str, Tensor], state: list[Tensor], seq_lens: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits [B, num_outputs] of ``obs_flat`` (else ``obs``); stores values for ``value_function``.

        Without heads: the features.

        Raises:
            ValueError: the size of an observation differs from the observation space.
        """
        obs = input_dict["obs_flat"] if "obs_flat" in input_dict else input_dict["obs"]
        if self.policy_head is None:
            return self.lstm_features(obs), state
        outputs, self._value = self.policy_and_value(obs)
        return outputs, state

    def value_function(self) -> Tensor:
        """V(obs), shape [B], of the last ``forward``, with its graph.

        Raises:
            RuntimeError: called before the first ``forward``.
        """
        if self._value is None:
            raise RuntimeError("value_function() was called before the first forward()")
        return self._value

    def lstm_features(self, obs: Tensor) -> Tensor:
        """The encoder's features for an LSTM, [B, n] float32, of obs [B, ...].

        Raises:
            ValueError: the size of an observation differs from the observation space.
        """
        obs = self._floats(obs)
        return self.encoder(obs if self.image is None else self.image(obs)).float()

    def policy_and_value(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, num_outputs] and values [B] of obs [B, ...]; does not store the values.

        Raises:
            ValueError: the size of an observation differs from the observation space.
        """
        obs = self._floats(obs)
        features = self.encoder(obs if self.image is None else self.image(obs))
        value_features = features
        if self.value_encoder is not None:
            value_features = self.value_encoder(
                obs if self.value_image is None else self.value_image(obs)
            )
        if features.dtype == torch.float32:
            return self._heads(features, value_features)
        with torch.autocast(features.device.type, enabled=False):
            return self._heads(features.float(), value_features.float())

    def _heads(self, features: Tensor, value_features: Tensor) -> tuple[Tensor, Tensor]:
        assert self.policy_head is not None
        assert self.value_head is not None
        outputs = self.policy_head(features)
        if self.log_std is not None:
            outputs = torch.cat((outputs, self.log_std.expand_as(outputs)), dim=1)
        return outputs, self.value_head(value_features).squeeze(1)

    def _floats(self, obs: Tensor) -> Tensor:
        """Floating-point observations, images [B, *obs_space.shape] and others [B, n]."""
        count = math.prod(obs.shape[1:])
        if count != self._n_obs:
            raise ValueError(
                f"each observation has {count} numbers, but the observation space of "
                f"shape {self.obs_space.shape} has {self._n_obs}"
            )
        # With the batch size: reshape(-1, ...) would be ambiguous for an empty batch.
        shape = (self._n_obs,) if self.image is None else self.obs_space.shape
        if obs.shape[1:] != shape:
            obs = obs.reshape(obs.shape[0], *shape)
        if obs.dtype != torch.uint8:
            return obs.float()
        device = obs.device.type
        fast = torch.is_autocast_enabled(device)  # bytes are exact in bfloat16
        dtype = torch.get_autocast_dtype(device) if fast else torch.float32
        return obs.to(dtype).mul_(1.0 / 255.0)


def _model_options(
    model_config: Mapping[str, Any], keywords: Mapping[str, Any]
) -> Mapping[str, Any]:
    # ModelCatalog.get_model_v2 gives a class or registered name the options as keywords and in
    # custom_model_config, but a dotted name ("custom_models.SharedEncoderActorCritic") gets them
    # AS its model_config, without any of RLlib's own keys.
    if "custom_model_config" not in model_config:
        return keywords or model_config
    if model_config.get("free_log_std"):
        raise ValueError("free_log_std belongs in custom_model_config for this model")
    return keywords or model_config["custom_model_config"]


def _require_no_heads(config: Mapping[str, Any], options: ActorCriticOptions) -> None:
    """Raises ValueError for options that a network without heads would ignore."""
    problems = {
        "policy_hiddens": bool(config.get("policy_hiddens")),
        "value_hiddens": bool(config.get("value_hiddens")),
        "shared_encoder": not options.shared_encoder,
        "free_log_std": options.free_log_std,
    }
    for name, problem in problems.items():
        if problem:
            raise ValueError(
                f"custom_model_config key {name!r} is not supported with use_lstm: one LSTM reads one "
                "encoder and has its own linear heads"
            )


def _policy_units(
    num_outputs: int, action_space: gym.Space[Any], options: ActorCriticOptions
) -> int:
    """Width of the policy head: all outputs, or with ``free_log_std`` the means only."""
    if num_outputs < 1:
        raise ValueError(f"num_outputs must be at least 1, got {num_outputs}")
    if not options.free_log_std:
        return int(num_outputs)
    if not isinstance(action_space, gym.spaces.Box):
        raise ValueError(f"free_log_std needs a Box action space, got {action_space}")
    if num_outputs % 2:
        raise ValueError(
            f"free_log_std needs an even num_outputs (mean and log-std pairs), got {num_outputs}"
        )
    return int(num_outputs) // 2
