"""Dense actor-critics in numpy, with hand-written forward and backward passes.

A minibatch of 64 rows through two 64-64 networks takes about a hundred torch calls, each with more
overhead than arithmetic. numpy's overhead is a fraction of it, and a hand-written backward pass needs no
graph. Weights share torch's memory: both see every change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic

Array = np.ndarray

# Torch's layer → the activation, in place, and its derivative as a function of its value.
ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Array], Any], Callable[[Array], Array]]] = {
    nn.Tanh: (lambda x: np.tanh(x, out=x), lambda h: 1.0 - h * h),
    nn.ReLU: (lambda x: np.maximum(x, 0.0, out=x), lambda h: (h > 0.0).astype(h.dtype)),
}


@dataclass(frozen=True)
class DenseStack:
    """Linear layers with an activation after all but the last.

    Attributes:
        weights: [out, in] of every layer; biases: [out]. Views of torch's parameters.
        activation: in place; slope: its derivative as a function of its value.
    """

    weights: Sequence[Array]
    biases: Sequence[Array]
    activation: Callable[[Array], Any]
    slope: Callable[[Array], Array]

    def forward(self, inputs_BI: Array) -> list[Array]:
        """The inputs and every layer's outputs, after its activation if it has one."""
        values = [inputs_BI]
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = values[-1] @ weight.T
            out += bias
            if i < last:
                self.activation(out)
            values.append(out)
        return values

    def backward(
        self,
        values: Sequence[Array],
        d_outputs_BO: Array,
        d_weights: Sequence[Array],
        d_biases: Sequence[Array],
    ) -> None:
        """Write the gradients of Σ d_outputs · outputs into arrays shaped as weights and biases.

        Args:
            values: of :meth:`forward`.
            d_outputs_BO: gradient with respect to the last layer's outputs.
        """
        delta = d_outputs_BO
        for i in reversed(range(len(self.weights))):
            np.matmul(delta.T, values[i], out=d_weights[i])
            delta.sum(axis=0, out=d_biases[i])
            if i:
                delta = delta @ self.weights[i]
                delta *= self.slope(values[i])


@dataclass(frozen=True)
class DenseActorCritic:
    """Two separate stacks and free log standard deviations.

    Attributes:
        policy: observations [B, n] → action means [B, D].
        value: observations [B, n] → [B, 1].
        log_std: [D], a view of torch's parameter.
        parameters: torch's, in the order weights and biases of the policy layer by layer, those of the
            value, ``log_std``.
    """

    policy: DenseStack
    value: DenseStack
    log_std: Array
    parameters: Sequence[nn.Parameter]

    def policy_and_value(self, obs_BI: Array) -> tuple[Array, Array]:
        """Dist inputs [B, 2D] (means, log standard deviations) and values [B], float32."""
        mean = self.policy.forward(obs_BI)[-1]
        log_std = np.broadcast_to(self.log_std, mean.shape)
        return np.concatenate((mean, log_std), axis=1), self.value.forward(obs_BI)[-1][:, 0]


def dense_actor_critic(model: Any) -> DenseActorCritic | None:
    """The network as arrays; None if it is unsupported.

    Supported is a :class:`SharedEncoderActorCritic` on the CPU with ``shared_encoder: false``,
    ``free_log_std: true``, no convolutions, no LayerNorm, and an activation of ``ACTIVATIONS``.
    """
    if type(model) is not SharedEncoderActorCritic or model.image is not None:
        return None
    if model.value_encoder is None or model.log_std is None:
        return None
    if any(p.device.type != "cpu" or p.dtype != torch.float32 for p in model.parameters()):
        return None
    stacks, parameters = [], []
    for encoder, head in (
        (model.encoder, model.policy_head),
        (model.value_encoder, model.value_head),
    ):
        layers = [*encoder, *(head or ())]
        stack = _stack(layers)
        if stack is None:
            return None
        stacks.append(stack)
        parameters += [p for layer in layers for p in layer.parameters()]
    log_std = model.log_std.detach().numpy()
    return DenseActorCritic(stacks[0], stacks[1], log_std, [*parameters, model.log_std])


def _stack(layers: Sequence[nn.Module]) -> DenseStack | None:
    """Linear, activation, Linear, …, Linear; None for anything else."""
    linear, between = layers[::2], layers[1::2]
    types = {type(layer) for layer in between}
    if len(types) != 1 or not types <= set(ACTIVATIONS):
        return None
    if len(linear) != len(between) + 1 or not all(isinstance(m, nn.Linear) for m in linear):
        return None
    activation, slope = ACTIVATIONS[types.pop()]
    weights: list[Array] = [m.weight.detach().numpy() for m in linear]
    biases: list[Array] = [m.bias.detach().numpy() for m in linear]
    return DenseStack(weights, biases, activation, slope)
