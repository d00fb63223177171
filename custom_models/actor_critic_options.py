"""The options of ``SharedEncoderActorCritic``, validated; the only place with their defaults."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

# Name → class in ``torch.nn``; None: no activation.
ACTIVATIONS = {
    "elu": "ELU", "relu": "ReLU", "tanh": "Tanh", "silu": "SiLU", "gelu": "GELU", "linear": None,
}  # fmt: skip
INITIALIZERS = ("default", "he_uniform", "orthogonal", "xavier_uniform")
PADDINGS = ("valid", "same")

ConvFilter = tuple[int, int, int]


def _option_error(name: object, problem: str) -> ValueError:
    return ValueError(f"custom_model_config key {name!r} {problem}")


def _is_size(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _layer_units(name: str, units: Any) -> tuple[int, ...]:
    if not isinstance(units, list | tuple) or not all(map(_is_size, units)):
        raise _option_error(name, f"must be a list of integers of at least 1, got {units!r}")
    return tuple(int(n) for n in units)


def _conv_filters(filters: Any) -> tuple[ConvFilter, ...] | None:
    """Each entry [channels, kernel, stride]; a kernel may be written [k, k] as RLlib does."""
    if filters is None:
        return None
    if not isinstance(filters, list | tuple):
        raise _option_error("conv_filters", f"must be a list of layers, got {filters!r}")
    layers = []
    for entry in filters:
        values = list(entry) if isinstance(entry, list | tuple) else []
        if len(values) == 3 and isinstance(values[1], list | tuple) and len(set(values[1])) == 1:
            values[1] = values[1][0]
        if len(values) != 3 or not all(map(_is_size, values)):
            raise _option_error(
                "conv_filters", f"needs [channels, kernel, stride] per layer, got {entry!r}"
            )
        layers.append((int(values[0]), int(values[1]), int(values[2])))
    return tuple(layers)


@dataclass(frozen=True)
class ActorCriticOptions:
    """The options of ``custom_model_config``.

    Attributes:
        conv_filters: convolutions in front of the encoder, each [channels, kernel, stride], for
            image observations. None: 84x84 images get Mnih et al. 2015's ("Nature") three, 42x42
            images the Atari lecture's four of [32, 3, 2]; vectors get none. An empty list flattens
            the image.
        conv_padding: ``valid`` (none) or ``same`` (half the kernel, rounded down, on every side).
            None: that of the default filters with ``conv_filters: null``, else ``valid``.
        encoder_hiddens: units of each encoder layer; empty: the heads read its input.
        policy_hiddens: units of each hidden layer of the policy head; empty: one Linear.
        value_hiddens: the same for the value head.
        activation: after every hidden layer: elu, relu, tanh, silu, gelu, or linear (none).
        initializer: of every layer's weight. ``default``: torch's own, bias included; with
            the others biases start at 0. ``he_uniform``: U(±sqrt(6 / fan_in)) (He et al. 2015,
            equation 10). ``xavier_uniform``: U(±sqrt(6 / (fan_in + fan_out))) (Glorot and
            Bengio 2010, equation 16). ``orthogonal`` (Saxe et al. 2014): gain sqrt(2) in
            hidden, 0.01 in policy output and 1 in value output layers.
        layer_norm: LayerNorm (Ba et al. 2016) after every hidden Linear, before the activation.
        shared_encoder: one encoder for both heads; False: one for each, so that no gradient of the
            value loss reaches the policy.
        free_log_std: continuous (Box) actions only: the log standard deviations are a parameter
            instead of a function of the observation.
        log_std_init: start value of that parameter, a natural log; needs ``free_log_std``.

    Raises:
        ValueError: an option has an invalid type or value; the message is one line.
    """

    conv_filters: Sequence[ConvFilter] | None = None
    conv_padding: str | None = None
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
        object.__setattr__(self, "conv_filters", _conv_filters(self.conv_filters))
        for name in ("encoder_hiddens", "policy_hiddens", "value_hiddens"):
            object.__setattr__(self, name, _layer_units(name, getattr(self, name)))
        for name, choices in (
            ("activation", tuple(ACTIVATIONS)),
            ("initializer", INITIALIZERS),
            ("conv_padding", PADDINGS),
        ):
            value = getattr(self, name)
            if value not in choices and (name, value) != ("conv_padding", None):
                raise _option_error(name, f"must be one of {', '.join(choices)}; got {value!r}")
        if self.conv_padding is not None and not self.conv_filters:
            raise _option_error("conv_padding", "needs conv_filters")
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
        """The options of a ``custom_model_config``, with defaults.

        Raises:
            ValueError: unknown key (with the nearest valid one), invalid type or value; the message is
                one line.
        """
        if not isinstance(options, Mapping):
            kind = type(options).__name__
            raise ValueError(f"custom_model_config must map option names to values, got a {kind}")
        names = [field.name for field in fields(cls)]
        for key in options:
            if key not in names:
                near = difflib.get_close_matches(str(key), names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
                raise _option_error(key, f"is unknown; {hint}")
        return cls(**options)
