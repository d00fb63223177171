"""The course's actor-critic network as a TorchModelV2, with its options.

Source: course lecture 12, Code Ex.1 (class ``Agent``); the options also give the networks of the
course's Atari lecture (``OurModel``) and of its 3D-ball document (``Net``).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import gymnasium as gym
import torch
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import nn

_ACTIVATIONS: dict[str, type[nn.Module] | None] = {
    "elu": nn.ELU,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "linear": None,
}
_INITIALIZERS = ("default", "he_uniform", "orthogonal", "xavier_uniform")

# Orthogonal gains usual in PPO code (Huang et al. 2022, "The 37 Implementation Details of PPO",
# detail 2). Andrychowicz et al. 2021 (section 3.2) recommend a last policy layer with 100 times
# smaller weights: the first actions then hardly depend on the observation.
_HIDDEN_GAIN = math.sqrt(2.0)
_POLICY_GAIN = 0.01
_VALUE_GAIN = 1.0


def _option_error(name: object, complaint: str) -> ValueError:
    return ValueError(f"custom_model_config key {name!r} {complaint}")


def _layer_units(name: str, units: Any) -> tuple[int, ...]:
    if not isinstance(units, list | tuple) or not all(
        isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= 1 for n in units
    ):
        raise _option_error(name, f"must be a list of integers of at least 1, got {units!r}")
    return tuple(int(n) for n in units)


@dataclass(frozen=True)
class ActorCriticOptions:
    """What ``custom_model_config`` may say; the only place where the defaults stand.

    Attributes:
        encoder_hiddens: units of each encoder layer; empty: the heads read the observation.
        policy_hiddens: units of each hidden layer of the policy head; empty: one Linear.
        value_hiddens: the same for the value head.
        activation: after every hidden layer: elu, relu, tanh, silu, gelu, or linear (none).
        initializer: of every Linear's weight. ``default``: torch's own, bias included; with
            the others biases start at 0. ``he_uniform``: U(±sqrt(6 / fan_in)) (He et al. 2015,
            equation 10). ``xavier_uniform``: U(±sqrt(6 / (fan_in + fan_out))) (Glorot and
            Bengio 2010, equation 16). ``orthogonal`` (Saxe et al. 2014): gain sqrt(2) in
            hidden, 0.01 in policy output and 1 in value output layers.
        layer_norm: LayerNorm (Ba et al. 2016) after every hidden Linear, before the activation.
        shared_encoder: one encoder for both heads; False gives each head its own, so that no
            gradient of the value loss reaches the policy.
        free_log_std: continuous (Box) actions only: the log standard deviations are a parameter
            of their own instead of a function of the observation.
        log_std_init: start value of that parameter, a natural log; needs ``free_log_std``.

    Raises:
        ValueError: an option has a wrong type or value; the message is one line.
    """

    encoder_hiddens: Sequence[int] = (128, 128)
    policy_hiddens: Sequence[int] = (128,)
    value_hiddens: Sequence[int] = (128,)
    activation: str = "elu"
    initializer: str = "default"
    layer_norm: bool = False
    shared_encoder: bool = True
    free_log_std: bool = False
    log_std_init: float = 0.0

    def __post_init__(self) -> None:
        for name in ("encoder_hiddens", "policy_hiddens", "value_hiddens"):
            object.__setattr__(self, name, _layer_units(name, getattr(self, name)))
        for name, known in (("activation", list(_ACTIVATIONS)), ("initializer", _INITIALIZERS)):
            if (value := getattr(self, name)) not in known:
                raise _option_error(name, f"must be one of {', '.join(known)}; got {value!r}")
        for name in ("layer_norm", "shared_encoder", "free_log_std"):
            if not isinstance(value := getattr(self, name), bool):
                raise _option_error(name, f"must be true or false, got {value!r}")
        start = self.log_std_init
        if not isinstance(start, Real) or isinstance(start, bool) or not math.isfinite(start):
            raise _option_error("log_std_init", f"must be a finite number, got {start!r}")
        if start != 0.0 and not self.free_log_std:
            raise _option_error("log_std_init", f"is {start!r}, but needs free_log_std: true")

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> ActorCriticOptions:
        """Check ``custom_model_config`` as a config file has it and fill in the defaults.

        Raises:
            ValueError: unknown key (the nearest known one is named), wrong type or value; the
                message is one line.
        """
        if not isinstance(options, Mapping):
            kind = type(options).__name__
            raise ValueError(f"custom_model_config must map option names to values, got a {kind}")
        known = [field.name for field in fields(cls)]
        for key in options:
            if key not in known:
                nearest = difflib.get_close_matches(str(key), known, n=1)
                hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}"
                raise _option_error(key, f"is unknown; {hint}")
        return cls(**options)


class SharedEncoderActorCritic(TorchModelV2, nn.Module):
    """Encoder, policy head and value head (course lecture 12, Code Ex.1).

    The lecture's softmax is left out, because RLlib's action distributions take logits. Options
    are the fields of :class:`ActorCriticOptions`, given as ``custom_model_config``.

    =================  =====================  =======  =========================================
    symbol             shape                  dtype    meaning
    =================  =====================  =======  =========================================
    obs                [B, *obs_space.shape]  any      observation, flattened to [B, n] here;
                       or [B, n]                       uint8 is read as image bytes and scaled
                                                       by 1/255, nothing else is scaled
    logits (discrete)  [B, num_outputs]       float32  unnormalised log-probabilities
    logits (Box)       [B, num_outputs]       float32  action means, then log standard deviations
    value              [B]                    float32  V(obs)
    recurrent state    none                   none     ``state`` is returned as it came
    =================  =====================  =======  =========================================

    Raises:
        ValueError: wrong option; observation space that is not a Box; ``num_outputs`` missing
            (a recurrent wrapper), or odd with ``free_log_std``; that option without Box actions.
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
        options = _read_options(model_config, custom_model_kwargs)
        if not isinstance(obs_space, gym.spaces.Box):
            raise ValueError(f"{type(self).__name__} needs Box observations, got {obs_space}")
        n_policy = _policy_units(num_outputs, action_space, options)
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)

        self._value: torch.Tensor | None = None
        self._n_obs = math.prod(obs_space.shape)
        hiddens = options.encoder_hiddens
        self.encoder = _hidden(self._n_obs, hiddens, options)
        self.value_encoder = (
            None if options.shared_encoder else _hidden(self._n_obs, hiddens, options)
        )
        n_in = (self._n_obs, *hiddens)[-1]
        self.value_head = _head(n_in, options.value_hiddens, 1, options, _VALUE_GAIN)
        self.policy_head = _head(n_in, options.policy_hiddens, n_policy, options, _POLICY_GAIN)
        self.log_std: nn.Parameter | None = None
        if options.free_log_std:
            self.log_std = nn.Parameter(torch.full((n_policy,), float(options.log_std_init)))

    def forward(
        self,
        input_dict: Mapping[str, torch.Tensor],
        state: list[torch.Tensor],
        seq_lens: torch.Tensor | None,
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Logits [B, num_outputs] of ``obs_flat`` (else ``obs``); keeps the values for later.

        Raises:
            ValueError: an observation has another size than the observation space.
        """
        obs = input_dict["obs_flat"] if "obs_flat" in input_dict else input_dict["obs"]
        outputs, self._value = self.policy_and_value(obs)
        return outputs, state

    def value_function(self) -> torch.Tensor:
        """V(obs), shape [B], of the last ``forward``, attached to its graph.

        Raises:
            RuntimeError: there was no ``forward`` yet.
        """
        if self._value is None:
            raise RuntimeError("value_function() was called before the first forward()")
        return self._value

    def policy_and_value(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [B, num_outputs] and values [B] of obs [B, ...]; stores nothing.

        Raises:
            ValueError: an observation has another size than the observation space.
        """
        obs = self._flat_float(obs)
        features = self.encoder(obs)
        outputs = self.policy_head(features)
        if self.log_std is not None:
            outputs = torch.cat((outputs, self.log_std.expand_as(outputs)), dim=1)
        if self.value_encoder is not None:
            features = self.value_encoder(obs)
        return outputs, self.value_head(features).squeeze(1)

    def _flat_float(self, obs: torch.Tensor) -> torch.Tensor:
        if obs.dim() != 2:
            # reshape(B, -1) would be ambiguous for an empty batch.
            obs = obs.reshape(obs.shape[0], math.prod(obs.shape[1:]))
        if obs.shape[1] != self._n_obs:
            raise ValueError(
                f"each observation has {obs.shape[1]} numbers, but the observation space of "
                f"shape {self.obs_space.shape} has {self._n_obs}"
            )
        return obs.float().div_(255.0) if obs.dtype == torch.uint8 else obs.float()


def _read_options(
    model_config: Mapping[str, Any], keywords: Mapping[str, Any]
) -> ActorCriticOptions:
    # ModelCatalog.get_model_v2 gives a class or registered name the options as keywords and in
    # custom_model_config, but a dotted name ("custom_models.SharedEncoderActorCritic") gets them
    # AS its model_config, without any of RLlib's own keys.
    if "custom_model_config" not in model_config:
        return ActorCriticOptions.from_dict(keywords or model_config)
    if model_config.get("free_log_std"):
        raise ValueError("free_log_std belongs into custom_model_config for this model")
    return ActorCriticOptions.from_dict(keywords or model_config["custom_model_config"])


def _policy_units(
    num_outputs: int | None, action_space: gym.Space[Any], options: ActorCriticOptions
) -> int:
    """Width of the policy head: all outputs, or with ``free_log_std`` the means only."""
    if num_outputs is None or num_outputs < 1:
        raise ValueError(
            f"num_outputs must be at least 1, got {num_outputs} (None comes from use_lstm or "
            "use_attention, which SharedEncoderActorCritic does not support)"
        )
    if not options.free_log_std:
        return int(num_outputs)
    if not isinstance(action_space, gym.spaces.Box):
        raise ValueError(f"free_log_std needs a Box action space, got {action_space}")
    if num_outputs % 2:
        raise ValueError(
            f"free_log_std needs an even num_outputs (mean and log-std pairs), got {num_outputs}"
        )
    return int(num_outputs) // 2


def _hidden(n_in: int, hiddens: Sequence[int], options: ActorCriticOptions) -> nn.Sequential:
    activation = _ACTIVATIONS[options.activation]
    layers = nn.Sequential()
    for n_out in hiddens:
        layers.append(_linear(n_in, n_out, options.initializer, _HIDDEN_GAIN))
        if options.layer_norm:
            layers.append(nn.LayerNorm(n_out))
        if activation is not None:
            layers.append(activation())
        n_in = n_out
    return layers


def _head(
    n_in: int, hiddens: Sequence[int], n_out: int, options: ActorCriticOptions, gain: float
) -> nn.Sequential:
    layers = _hidden(n_in, hiddens, options)
    return layers.append(_linear((n_in, *hiddens)[-1], n_out, options.initializer, gain))


def _linear(n_in: int, n_out: int, initializer: str, gain: float) -> nn.Linear:
    layer = nn.Linear(n_in, n_out)
    if initializer == "default":
        return layer
    if initializer == "orthogonal":
        nn.init.orthogonal_(layer.weight, gain)
    elif initializer == "xavier_uniform":
        nn.init.xavier_uniform_(layer.weight)
    else:
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer
