"""What a custom TorchModelV2 reads besides observations: RLlib's columns, by their names.

Past steps of an episode ("views") are recorded while acting, so that training sees exactly what acting saw;
the other columns of RLlib's train batch exist in training only. Source: RLlib's ``ViewRequirement`` and
``AgentCollector``.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import torch
from ray.rllib.models.catalog import ModelCatalog
from ray.rllib.policy.sample_batch import SampleBatch
from ray.rllib.policy.view_requirement import ViewRequirement
from torch import Tensor

OBS, ACTIONS, REWARDS, T = SampleBatch.OBS, SampleBatch.ACTIONS, SampleBatch.REWARDS, SampleBatch.T
# Columns whose past can be viewed → the latest step known when the network acts.
VIEWED = {OBS: 0, ACTIONS: -1, REWARDS: -1, T: 0}
# Views that RLlib adds for every model that reads them.
DEFAULT_VIEWS = {
    SampleBatch.PREV_ACTIONS: ViewRequirement(ACTIONS, shift=-1),
    SampleBatch.PREV_REWARDS: ViewRequirement(REWARDS, shift=-1),
    T: ViewRequirement(T),
}
# Columns of the train batch, one row per step.
TRAINING = (
    ACTIONS, REWARDS, SampleBatch.NEXT_OBS, SampleBatch.TERMINATEDS, SampleBatch.TRUNCATEDS, "dones",
    SampleBatch.ACTION_LOGP, SampleBatch.ACTION_PROB, SampleBatch.ACTION_DIST_INPUTS,
    SampleBatch.VF_PREDS, "advantages", "value_targets",
)  # fmt: skip


class MissingColumnError(KeyError):
    """A custom model reads a column that networks do not get."""

    def __str__(self) -> str:
        return str(self.args[0])


class ModelInputs(dict[str, Any]):
    """``input_dict`` of ``forward`` and ``loss_inputs`` of ``custom_loss``: columns by name.

    Attributes:
        is_training: as in RLlib's SampleBatch; also a column.
        accessed: names read so far, of this dict and its copies.
    """

    def __init__(self, columns: Mapping[str, Any], *, is_training: bool):
        super().__init__(columns, is_training=is_training)
        self.is_training = is_training
        self.accessed: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.accessed.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - which would call this

    def __missing__(self, name: str) -> Any:
        others = ", ".join(key for key in self if key != "is_training")
        raise MissingColumnError(f"column {name!r} does not exist here; it has {others}")

    def copy(self, shallow: bool = True) -> ModelInputs:
        """A shallow copy, whose reads count for this dict too."""
        columns = {key: value for key, value in self.items() if key != "is_training"}
        copied = ModelInputs(columns, is_training=self.is_training)
        copied.accessed = self.accessed
        return copied


@dataclass(frozen=True)
class View:
    """A column of steps relative to the current one.

    Attributes:
        name: of the column.
        source: the column whose steps it has, a key of ``VIEWED``.
        shifts: of the steps, ascending; 0 is the current step, -1 the one before.
        shape: of one step.
        dtype: of the column.
        acting: whether the network gets it while acting.
        training: and in training.
    """

    name: str
    source: str
    shifts: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype
    acting: bool
    training: bool

    @property
    def size(self) -> int:
        """Numbers per row."""
        return len(self.shifts) * math.prod(self.shape)

    def column(self, flat: Tensor) -> Tensor:
        """Of flat rows [B, size]: [B, *shape], or [B, steps, *shape] of several steps."""
        steps = () if len(self.shifts) == 1 else (len(self.shifts),)
        return flat.reshape(len(flat), *steps, *self.shape).to(self.dtype)


class ModelViews:
    """The views of a model, side by side in one flat float32 vector of ``size`` numbers per row."""

    def __init__(self, views: Iterable[View], *, channels_last: bool = False):
        """``channels_last``: the model gets images [C, H, W] as [H, W, C], views of them too."""
        self.views = tuple(views)
        self.size = sum(view.size for view in self.views)
        self._channels_last = channels_last

    def columns(self, flat: Tensor, *, training: bool) -> dict[str, Tensor]:
        """The columns by name, of flat rows [B, size]."""
        parts = flat.split([view.size for view in self.views], dim=1)
        columns = {}
        for view, part in zip(self.views, parts, strict=True):
            if view.training if training else view.acting:
                column = view.column(part)
                move = self._channels_last and view.source == OBS
                columns[view.name] = column.movedim(-3, -1) if move else column
        return columns

    def only(self, names: Container[str]) -> ModelViews | None:
        """The views of these names; None without any."""
        views = [view for view in self.views if view.name in names]
        return ModelViews(views, channels_last=self._channels_last) if views else None

    def depth(self, source: str) -> int:
        """How many past steps of a column the views need."""
        shifts = [view.shifts[0] for view in self.views if view.source == source]
        return -min(shifts, default=0)


def model_views(
    requirements: Mapping[str, ViewRequirement],
    obs_space: gym.Space,
    action_space: gym.Space,
    *,
    channels_last: bool = False,
) -> ModelViews:
    """The views that RLlib's view requirements of a model ask for.

    Args:
        requirements: by name of the column.
        obs_space: of the environment.
        action_space: of the environment.
        channels_last: see :class:`ModelViews`.

    Raises:
        ValueError: one cannot be met; names it.
    """
    views = []
    for name, requirement in requirements.items():
        shifts, source = _shifts(name, requirement), requirement.data_col or name
        if (source, shifts) == (name, (0,)) and name == OBS:
            continue
        only_training = not requirement.used_for_compute_actions
        is_training_column = source in TRAINING and shifts == (0,)
        if (source, shifts) == (OBS, (1,)) and name == SampleBatch.NEXT_OBS:
            is_training_column = True
        if is_training_column and (only_training or source == name) and name in TRAINING:
            continue
        if source not in VIEWED:
            raise _refusal(name, f"a view of {source!r}", f"views of {', '.join(VIEWED)}")
        if shifts[-1] > VIEWED[source]:
            latest = VIEWED[source]
            raise _refusal(name, f"shift {shifts[-1]} of {source!r}", f"shifts up to {latest}")
        if source == T and shifts != (0,):
            raise _refusal(name, f"shift {shifts[0]} of 't'", "shift 0")
        dtype, shape = _kind(source, obs_space, action_space)
        views.append(
            View(
                name,
                source,
                shifts,
                shape,
                dtype,
                acting=not only_training,
                training=requirement.used_for_training,
            )
        )
    return ModelViews(views, channels_last=channels_last)


def _shifts(name: str, requirement: ViewRequirement) -> tuple[int, ...]:
    """The steps, ascending; RLlib leaves them out for a range that starts at 0."""
    shifts = getattr(requirement, "shift_arr", None)
    if shifts is None or not len(shifts):
        raise _refusal(
            name, f"shift {requirement.shift!r}", "steps that begin before the current one"
        )
    if requirement.batch_repeat_value != 1 or requirement.index is not None:
        raise _refusal(name, "batch_repeat_value and index", "a shift for every step")
    return tuple(sorted(int(shift) for shift in shifts))


def _kind(
    source: str, obs_space: gym.Space, action_space: gym.Space
) -> tuple[torch.dtype, tuple[int, ...]]:
    """Type and shape of one step of a column."""
    if source == T:
        return torch.int64, ()
    if source == OBS:
        return torch.float32, obs_space.shape or ()
    if source == REWARDS:
        return torch.float32, ()
    return action_kind(action_space)


def action_kind(space: gym.Space) -> tuple[torch.dtype, tuple[int, ...]]:
    """Type and shape of one action in RLlib's columns; Dict and Tuple are flat vectors."""
    if isinstance(space, gym.spaces.MultiBinary):
        return torch.int64, space.shape
    dtype, shape = ModelCatalog.get_action_shape(space, framework="torch")
    return dtype if dtype == torch.float32 else torch.int64, tuple(shape[1:])


def _refusal(name: str, problem: str, supported: str) -> ValueError:
    return ValueError(f"view_requirements[{name!r}]: {problem} is not supported; only {supported}")
