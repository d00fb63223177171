"""TorchModelV2 networks as RLModules of RLlib's new API stack."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis import ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from ray.rllib.models.catalog import MODEL_DEFAULTS, ModelCatalog
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import Tensor

from rllib_zoo.class_path import import_class
from rllib_zoo.custom_models.model_hooks import (
    check_custom_loss,
    check_hooks,
    fast_path,
    overrides,
    read_columns,
)
from rllib_zoo.custom_models.model_inputs import (
    DEFAULT_VIEWS,
    TRAINING,
    ModelInputs,
    ModelViews,
    model_views,
)
from rllib_zoo.custom_models.model_keys import CHANNELS_LAST, check_model_keys
from rllib_zoo.custom_models.recurrence import (
    RecurrentModel,
    check_recurrence,
    encodes_for_lstm,
    max_seq_len,
)
from rllib_zoo.custom_models.thread_safety import SharedModel

# The name of the recurrent state in RLlib's STATE_IN and STATE_OUT.
STATE = "state"
# Attribute of a flattened observation space: the environment's own, as in RLlib.
ORIGINAL_SPACE = "original_space"


def checked_model_config(model: Mapping[str, Any]) -> dict[str, Any]:
    """RLlib's ``model:`` dict with its defaults, and ``channels_last`` if it is set.

    Raises:
        ValueError: as :func:`check_model_keys`.
    """
    check_model_keys(model)
    return {**MODEL_DEFAULTS, **model}


def resolved_model_class(custom_model: str | type) -> str | type:
    """The class at a dotted path; a class, or a name registered with ModelCatalog, as it is.

    Raises:
        ValueError: the path cannot be imported.
    """
    if isinstance(custom_model, str) and "." in custom_model:
        try:
            return import_class(custom_model)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"custom_model {custom_model!r} cannot be imported") from error
        except Exception as error:  # the module's own code runs here and may raise anything
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise ValueError(
                f"custom_model {custom_model!r} cannot be imported: {reason}"
            ) from error
    return custom_model


def num_dist_inputs(action_space: gym.Space) -> int:
    """K, the policy's outputs: a logit per discrete action or bit, mean and log std per dimension.

    Of Dict and Tuple spaces the sum over their spaces. ModelCatalog's own count differs: it treats
    integer Boxes as categories and rejects matrices.
    """
    if isinstance(action_space, gym.spaces.Discrete):
        return int(action_space.n)
    if isinstance(action_space, gym.spaces.Box):
        return 2 * math.prod(action_space.shape)
    if isinstance(action_space, gym.spaces.MultiDiscrete):
        return int(action_space.nvec.sum())
    if isinstance(action_space, gym.spaces.MultiBinary):
        return math.prod(action_space.shape)
    if isinstance(action_space, gym.spaces.Dict):
        return sum(map(num_dist_inputs, action_space.spaces.values()))
    if isinstance(action_space, gym.spaces.Tuple):
        return sum(map(num_dist_inputs, action_space.spaces))
    raise ValueError(f"no network outputs for {action_space}")


class ModelV2Module(TorchRLModule, ValueFunctionAPI):
    """An RLModule around any TorchModelV2 that ModelCatalog can build.

    | symbol | shape | meaning |
    |---|---|---|
    | obs | [B, *observation_space.shape] | the runner's observations |
    | action_dist_inputs | [B, K] | logits, or [mean, log std]; K is 1 per action or 2 per dimension |
    | vf_preds | [B] | V(s) |

    Attributes:
        recurrent: applies a recurrent network to sequences; None for others, which use
            :meth:`policy_and_value`.
        max_seq_len: steps of the longest sequence in training a recurrent network.
        views: of past steps that a custom model reads; None without any.
        reads_training_columns: whether a custom model reads other columns in training.
        has_custom_loss: whether a custom model overrides ``custom_loss``.
        has_metrics: whether it overrides ``metrics``.

    Raises:
        ValueError: unknown or contradictory ``model`` keys; not a TorchModelV2; ``max_seq_len`` for a
            network without state.
    """

    views: ModelViews | None = None
    reads_training_columns = has_custom_loss = has_metrics = False

    def setup(self) -> None:
        check_recurrence(self.model_config)
        model_config = checked_model_config(self.model_config)
        if model_config["free_log_std"] and not isinstance(self.action_space, gym.spaces.Box):
            raise ValueError(
                f"model.free_log_std needs a Box action space, got {self.action_space}"
            )
        if model_config["use_lstm"]:
            # Its heads read the LSTM: separate value layers would be unused weights.
            model_config["vf_share_layers"] = True
        self._channels_last = bool(model_config.pop(CHANNELS_LAST, False))
        custom = model_config["custom_model"] is not None
        if custom:
            model_config["custom_model"] = resolved_model_class(model_config["custom_model"])
        space = self._model_space(custom)
        with _without_advice() if model_config["use_lstm"] else nullcontext():
            self.model = ModelCatalog.get_model_v2(
                obs_space=space,
                action_space=self.action_space,
                num_outputs=num_dist_inputs(self.action_space),
                model_config=model_config,
                framework="torch",
                name="policy",
            )
        if not isinstance(self.model, TorchModelV2):
            raise ValueError(f"{type(self.model).__name__} is not a TorchModelV2")
        self.recurrent: RecurrentModel | None = None
        self.max_seq_len = max_seq_len(self.model_config)
        copyable = not custom or encodes_for_lstm(self.model)
        self._shared = SharedModel(self.model, copied=copyable)
        # A model may compute policy and value in one pass, without ModelV2's dict unpacking.
        self._direct = fast_path(self.model, "policy_and_value")
        if self.model.get_initial_state():
            self.recurrent = RecurrentModel(self._shared, self.prepared)
        elif "max_seq_len" in self.model_config:
            kind = type(self.model).__name__
            raise ValueError(f"model.max_seq_len has no effect: {kind} is not recurrent")
        if custom:
            self._set_up_hooks()

    def _model_space(self, custom: bool) -> gym.Space:
        """The observation space as the model gets it."""
        space = self.observation_space
        if self._channels_last and not custom:
            raise ValueError("model.channels_last has no effect without custom_model")
        # RLlib's convolutions read [H, W, C] and do not scale; custom models get images unchanged.
        self._images_for_rllib = not custom and is_image(space)
        self._floats = custom and hasattr(space, ORIGINAL_SPACE)
        if self._images_for_rllib:
            channels, height, width = space.shape
            return gym.spaces.Box(0.0, 1.0, (height, width, channels), np.float32)
        if self._channels_last:
            if not isinstance(space, gym.spaces.Box) or len(space.shape) != 3:
                raise ValueError(f"model.channels_last needs images [C, H, W], got {space}")
            self._channels_last = space.shape[0] < space.shape[2]  # else they are already
        if self._channels_last:
            low, high = (np.moveaxis(bound, 0, -1) for bound in (space.low, space.high))
            return gym.spaces.Box(low, high, dtype=space.dtype.type)
        if not custom and hasattr(space, ORIGINAL_SPACE):
            # RLlib would choose a network with a branch for every part.
            return gym.spaces.Box(space.low, space.high, dtype=space.dtype.type)
        return space

    def _set_up_hooks(self) -> None:
        """What a custom model overrides, and the columns that it reads."""
        if self._direct is None and not encodes_for_lstm(self.model):
            check_hooks(self.model)
            requirements = {**DEFAULT_VIEWS, **self.model.view_requirements}
            spaces = self.observation_space, self.action_space
            views = model_views(requirements, *spaces, channels_last=self._channels_last)
            read = read_columns(self.model, self._zeros(), views)
            names = {*self.model.view_requirements, *read[False], *read[True]}
            self.views = views.only(names)
            self.reads_training_columns = bool(read[True] & {*TRAINING})
        self.has_custom_loss = overrides(self.model, "custom_loss")
        self.has_metrics = overrides(self.model, "metrics")
        self.reads_training_columns |= self.has_custom_loss

    def check_custom_loss(self) -> None:
        """See ``model_hooks.check_custom_loss``; without effect if the model has none."""
        if self.has_custom_loss:
            check_custom_loss(self.model, self._zeros(), self.views)

    def _zeros(self) -> Tensor:
        """Observations of zeros as the model gets them, [2, …]."""
        space = self.observation_space
        return self.prepared(torch.from_numpy(np.zeros((2, *space.shape), space.dtype)))

    def prepared(self, obs: Tensor) -> Tensor:
        """Observations in the model's layout and scale."""
        if self._images_for_rllib:
            return obs.permute(0, 2, 3, 1).float() / 255.0
        if self._channels_last:
            return obs.permute(0, 2, 3, 1)
        return obs.float() if self._floats else obs

    def policy_and_value(
        self, obs: Tensor, columns: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Dist inputs [B, K] and values [B] of observations [B, …], for networks without state.

        Args:
            obs: [B, …].
            columns: what a custom model reads besides, [B, …] each.
        """
        if self._direct is not None:
            return self._direct(obs.permute(0, 2, 3, 1) if self._channels_last else obs)
        return self._shared.run(lambda model: self._forward_and_value(model, obs, columns))

    def _forward_and_value(
        self, model: Any, obs: Tensor, columns: Mapping[str, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        inputs = {"obs": self.prepared(obs), **(columns or {})}
        dist_inputs, _ = model(ModelInputs(inputs, is_training=self.training), [], None)
        return dist_inputs, model.value_function()

    def get_initial_state(self) -> dict[str, Tensor]:
        """RLlib's hook: the state [D] before an episode; empty for networks without state."""
        return {} if self.recurrent is None else {STATE: self.recurrent.initial_state()}

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        if self.recurrent is None:
            dist_inputs, values = self.policy_and_value(batch[Columns.OBS])
            return {Columns.ACTION_DIST_INPUTS: dist_inputs, Columns.VF_PREDS: values}
        states = batch[Columns.STATE_IN][STATE]
        dist_inputs, values, after = self.recurrent.step(batch[Columns.OBS], states)
        return {
            Columns.ACTION_DIST_INPUTS: dist_inputs,
            Columns.VF_PREDS: values,
            Columns.STATE_OUT: {STATE: after},
        }

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """V(s), [B]."""
        return self._forward(batch)[Columns.VF_PREDS]


@contextmanager
def _without_advice() -> Iterator[None]:
    """Silence ModelCatalog's warning, which is about options of its own LSTM wrapper."""
    logger = logging.getLogger(ModelCatalog.__module__)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def is_image(space: gym.Space) -> bool:
    """Whether observations are byte images with channels (or stacked frames) first, [C, H, W]."""
    return (
        isinstance(space, gym.spaces.Box)
        and space.dtype == np.uint8
        and len(space.shape) == 3
        and space.shape[0] < space.shape[2]
    )
