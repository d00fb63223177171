"""The network as a runner asks it, one step of several environments at a time, and its memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.runtime import ThreadTeam
from rllib_zoo.custom_models.numpy_mlp import dense_actor_critic

Context = Callable[[], contextlib.AbstractContextManager[Any]]


class Memory:
    """What a recurrent policy remembers of the running episodes of N environments.

    Attributes:
        states: [N, D] float32 on the network's device, before the next step.
        after: [N, D], what the last step left, of episodes that ended with it too.
        fresh: [N] bool, whether an episode begins with the next step.
    """

    def __init__(self, start: Tensor, num_envs: int):
        """``start`` [D] is the state before an episode's first step."""
        self._start = start
        self._num_envs = num_envs
        self.begin()

    def begin(self) -> None:
        """Every episode begins."""
        self.states = self.after = self._start.expand(self._num_envs, -1).clone()
        self.fresh = np.ones(self._num_envs, bool)

    def advance(self, states: Tensor) -> None:
        """A step was played and left these states."""
        self.states = self.after = states
        self.fresh = np.zeros(self._num_envs, bool)

    def forget(self, columns: np.ndarray) -> None:
        """The next observations of these environments, bool [N], are an episode's first.

        In gymnasium's NEXT_STEP mode that is so after the reset step: the final observation is
        still valued with the memory of its own episode.
        """
        self.fresh = columns.copy()
        if columns.any():
            reset = torch.from_numpy(self.fresh).to(self.states.device)
            self.states = torch.where(reset[:, None], self._start, self.states)

    def note(self, rollout: Rollout, t: int, columns: slice, max_seq_len: int) -> None:
        """Write into these columns of a rollout what holds before step t."""
        assert rollout.states is not None
        assert rollout.firsts is not None
        rollout.firsts[t, columns] = self.fresh
        cell, within = divmod(t, max_seq_len)
        if within == 0:
            rollout.states[cell, columns] = self.states.cpu().numpy()

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"states": self.states.cpu().numpy(), "fresh": self.fresh.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state`."""
        self.states = self.after = torch.tensor(state["states"]).to(self._start.device)
        self.fresh = state["fresh"].copy()


class NotHosted:
    """Mixed into a network that hosts no TorchModelV2: what a runner asks every network for."""

    model = None
    recurrent = None
    max_seq_len = 1


class ActingPolicy:
    """Asks a hosted network, with a :class:`Memory` where it is recurrent.

    Observations are numpy [N, …] after the filter; dist inputs [N, K] and values [N] come back as
    float32 on the CPU.
    """

    def __init__(
        self, module: Any, device: torch.device, context: Context, team: ThreadTeam | None
    ):
        """``context`` is what a forward pass runs in, ``team`` the threads that share its rows."""
        self._module = module
        self._device = device
        self._context = context
        self._team = team
        self._dense = dense_actor_critic(module.model) if context is nullcontext else None
        self._start: Tensor | None = None
        if module.recurrent is not None:
            self._start = module.recurrent.initial_state().to(device)

    def new_memory(self, num_envs: int) -> Memory | None:
        """For so many environments; None where the network remembers nothing."""
        return None if self._start is None else Memory(self._start, num_envs)

    def step(self, obs: np.ndarray, memory: Memory | None) -> tuple[Tensor, Tensor]:
        """Dist inputs and values for the step to be played now; the memory goes on by one step."""
        if memory is None:
            return self._shared(self._forward, obs)
        dist_inputs, values, after = self._shared(self._remembering, obs, memory.states)
        memory.advance(after)
        return dist_inputs, values

    def values(
        self, obs: np.ndarray, memory: Memory | None, ended: np.ndarray | None = None
    ) -> Tensor:
        """V of observations that no step answers to (yet); the memory stays as it is.

        Args:
            obs: the next observations [N, …]; with ``ended`` the final ones of these environments.
            memory: of the N environments.
            ended: bool [N].
        """
        if memory is None:
            return self._shared(self._forward, obs)[1]
        states = memory.states
        if ended is not None:
            states = memory.after[torch.from_numpy(ended).to(self._device)]
        return self._shared(self._remembering, obs, states)[1]

    def buffers(self, length: int, num_envs: int) -> dict[str, np.ndarray]:
        """The arrays a rollout has for a recurrent policy only, see :class:`Rollout`."""
        if self._start is None:
            return {}
        cells = -(-length // self._module.max_seq_len)
        return {
            "firsts": np.zeros((length, num_envs), bool),
            "states": np.zeros((cells, num_envs, len(self._start)), np.float32),
        }

    def _shared(self, forward: Callable[..., tuple[Tensor, ...]], *inputs: Any) -> Any:
        """``forward`` of all rows, or of the team's shares of them."""
        if self._team is None or self._dense is not None:
            return forward(*inputs)
        shares = self._team.shares(len(inputs[0]), "forward")
        if shares == 1:
            return forward(*inputs)
        split = zip(*(_split(part, shares) for part in inputs), strict=True)
        parts = self._team.map(lambda share: forward(*share), split)
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    # Each thread of the team has modes of its own, so both forward passes set them.

    def _forward(self, obs: np.ndarray) -> tuple[Tensor, Tensor]:
        if self._dense is not None:
            rows = np.asarray(obs, np.float32).reshape(len(obs), -1)
            dist_inputs, values = self._dense.policy_and_value(rows)
            return torch.from_numpy(dist_inputs), torch.from_numpy(values)
        with torch.inference_mode(), self._context():
            dist_inputs, values = self._module.policy_and_value(
                torch.from_numpy(obs).to(self._device)
            )
        return dist_inputs.float().cpu(), values.float().cpu()

    def _remembering(self, obs: np.ndarray, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.inference_mode(), self._context():
            dist_inputs, values, after = self._module.recurrent.step(
                torch.from_numpy(obs).to(self._device), states
            )
        return dist_inputs.float().cpu(), values.float().cpu(), after


def _split(rows: np.ndarray | Tensor, number: int) -> Any:
    if isinstance(rows, Tensor):
        return rows.tensor_split(number)
    return np.array_split(rows, number)
