"""The hooks of a custom TorchModelV2: which it overrides, which columns it reads, which are not supported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from ray.rllib.models.modelv2 import ModelV2
from ray.rllib.models.torch.recurrent_net import RecurrentNetwork
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from ray.rllib.policy.sample_batch import SampleBatch
from torch import Tensor

from rllib_zoo.custom_models.model_inputs import (
    ACTIONS,
    OBS,
    TRAINING,
    MissingColumnError,
    ModelInputs,
    ModelViews,
    action_kind,
)

# A fast path of this project's networks is left if a subclass overrides one of these.
HOOKS = (
    "__call__",
    "forward",
    "value_function",
    "custom_loss",
    "metrics",
    "last_output",
    "context",
)


def overrides(model: ModelV2, hook: str) -> bool:
    """Whether the model has its own version of one of RLlib's hooks."""
    inherited = {getattr(base, hook, None) for base in (ModelV2, TorchModelV2)}
    return hook in vars(model) or getattr(type(model), hook) not in inherited


def fast_path(model: ModelV2, name: str) -> Any:
    """The model's method of that name, or None if it has none or a subclass of its class overrides a hook."""
    # RLlib's LSTM around a model is not a subclass with hooks of its own.
    order = [cls for cls in type(model).__mro__ if not issubclass(cls, RecurrentNetwork)]
    owner = next((cls for cls in order if name in vars(cls)), None)
    if owner is None or any(
        hook in vars(cls) for cls in order[: order.index(owner)] for hook in HOOKS
    ):
        return None
    return getattr(model, name)


def check_hooks(model: TorchModelV2) -> None:
    """Check that a custom model can be trained here.

    Raises:
        ValueError: names what is not supported.
    """
    kind = type(model).__name__
    if not overrides(model, "value_function"):
        raise ValueError(f"{kind} has no value_function()")
    if model.is_time_major():
        raise ValueError(f"{kind} is time-major: sequences are [B, T, …] here")


def read_columns(model: TorchModelV2, obs: Tensor, views: ModelViews) -> dict[bool, set[str]]:
    """The columns that ``forward`` reads while acting (False) and in training (True).

    Like RLlib, which tries a batch of zeros. Nothing of the model changes: no gradient, no batch
    statistics, no random number of others.

    Args:
        model: on the CPU.
        obs: [B, …] as the model gets them.
        views: all that it may read.

    Raises:
        ValueError: it reads a column that does not exist.
    """
    read = {}
    for training in (False, True):
        inputs = zero_inputs(model, obs, views, training=training)
        state = [torch.as_tensor(part) for part in model.get_initial_state()]
        state = [part.expand(len(obs), *part.shape) for part in state]
        lengths = torch.ones(len(obs), dtype=torch.int64) if state else None
        if lengths is not None:
            inputs["seq_lens"] = lengths
        try:
            with _undisturbed(model):
                model(inputs, state, lengths)
        except MissingColumnError as error:
            raise ValueError(
                f"{type(model).__name__}.forward() reads input_dict: {error}"
            ) from None
        except Exception:  # zeros may be no valid observation; the check tries a real one
            pass
        read[training] = inputs.accessed
    return read


def check_custom_loss(model: TorchModelV2, obs: Tensor, views: ModelViews | None) -> None:
    """Check that every column that the model's ``custom_loss`` reads exists, with zeros.

    Raises:
        ValueError: names the missing one.
    """
    inputs = zero_inputs(model, obs, views, training=True)
    try:
        with torch.random.fork_rng(devices=[]):
            model.custom_loss([torch.zeros((), requires_grad=True)], inputs)
    except MissingColumnError as error:
        kind = type(model).__name__
        raise ValueError(f"{kind}.custom_loss() reads loss_inputs: {error}") from None
    except Exception:  # zeros may be no valid batch
        pass


def zero_inputs(
    model: TorchModelV2, obs: Tensor, views: ModelViews | None, *, training: bool
) -> ModelInputs:
    """Inputs of zeros for some observations."""
    columns: dict[str, Tensor] = {OBS: obs}
    if training:
        columns |= {name: torch.zeros(len(obs)) for name in TRAINING}
        dtype, shape = action_kind(model.action_space)
        columns[ACTIONS] = torch.zeros((len(obs), *shape), dtype=dtype)
        columns[SampleBatch.NEXT_OBS] = obs
        columns[SampleBatch.ACTION_DIST_INPUTS] = torch.zeros(len(obs), model.num_outputs)
    if views is not None:
        columns |= views.columns(torch.zeros(len(obs), views.size), training=training)
    return ModelInputs(columns, is_training=training)


@contextmanager
def _undisturbed(model: Any) -> Iterator[None]:
    """Evaluation mode without gradients; the modes and torch's random numbers are restored."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def custom_loss(model: Any, loss: Tensor, inputs: Mapping[str, Any]) -> Tensor:
    """The loss after the model's ``custom_loss``, which gets a list of one, as in RLlib.

    Raises:
        ValueError: it returns several losses.
    """
    result = model.custom_loss([loss], inputs)
    losses = list(result) if isinstance(result, list | tuple) else [result]
    if len(losses) != 1:
        raise ValueError(
            f"{type(model).__name__}.custom_loss() returned {len(losses)} losses; there is one "
            "optimizer, so it must return one"
        )
    return losses[0]


def model_metrics(model: Any) -> dict[str, Tensor]:
    """The model's ``metrics()``, named as in RLlib's results: ``model/<name>``.

    Raises:
        ValueError: one is not a number.
    """
    metrics = {}
    for name, value in model.metrics().items():
        try:
            metrics[f"model/{name}"] = torch.as_tensor(value).detach().float().cpu().reshape(())
        except (TypeError, ValueError, RuntimeError):
            kind = type(model).__name__
            raise ValueError(f"{kind}.metrics()[{name!r}] is not a number: {value!r}") from None
    return metrics
