"""The network as env runners call it, one step of N environments at a time, and its recurrent state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.runtime import ThreadPool
from rllib_zoo.custom_models.numpy_mlp import dense_actor_critic

Context = Callable[[], contextlib.AbstractContextManager[Any]]


class NoModelV2Mixin:
    """For networks that wrap no TorchModelV2: the attributes env runners read from every network."""

    model = None
    recurrent = None
    max_seq_len = 1


class RecurrentState:
    """Recurrent state of the running episodes of N environments.

    Attributes:
        states: [N, D] float32 on the network's device, before the next step.
        after: [N, D], after the last step; not reset where that step ended an episode.
        firsts: bool [N], True where the next step is an episode's first.
    """

    def __init__(self, initial: Tensor, num_envs: int):
        """``initial`` [D] is the state before an episode's first step."""
        self._initial = initial
        self._num_envs = num_envs
        self.reset()

    def reset(self) -> None:
        """Start a new episode in every environment."""
        self.states = self.after = self._initial.expand(self._num_envs, -1).clone()
        self.firsts = np.ones(self._num_envs, bool)

    def advance(self, states: Tensor) -> None:
        """Store the states [N, D] after a step."""
        self.states = self.after = states
        self.firsts = np.zeros(self._num_envs, bool)

    def reset_columns(self, columns: np.ndarray) -> None:
        """Reset the state of these environments, bool [N]: their next observation starts an episode.

        In gymnasium's NEXT_STEP mode that is after the reset step: the value of the final
        observation still needs the state of its own episode.
        """
        self.firsts = columns.copy()
        if columns.any():
            mask = torch.from_numpy(self.firsts).to(self.states.device)
            self.states = torch.where(mask[:, None], self._initial, self.states)

    def write(self, rollout: Rollout, t: int, columns: slice, max_seq_len: int) -> None:
        """Write the state before step t into these columns of a rollout."""
        assert rollout.states is not None
        assert rollout.firsts is not None
        rollout.firsts[t, columns] = self.firsts
        sequence, within = divmod(t, max_seq_len)
        if within == 0:
            rollout.states[sequence, columns] = self.states.cpu().numpy()

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"states": self.states.cpu().numpy(), "fresh": self.firsts.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state`."""
        self.states = self.after = torch.tensor(state["states"]).to(self._initial.device)
        self.firsts = state["fresh"].copy()


class ActingPolicy:
    """Forward passes of an env runner's network, with a :class:`RecurrentState` if it is recurrent.

    Observations are NumPy arrays [N, …] after the observation filter; distribution inputs [N, K] and
    values [N] are float32 tensors on the CPU.

    Args:
        module: the network.
        device: where it is.
        context: context manager of a forward pass, see ``runtime.forward_context``.
        pool: threads that split the rows of a forward pass; None for one thread.
    """

    def __init__(
        self, module: Any, device: torch.device, context: Context, pool: ThreadPool | None
    ):
        self._module = module
        self._device = device
        self._context = context
        self._pool = pool
        self._dense = dense_actor_critic(module.model) if context is nullcontext else None
        self._initial_state: Tensor | None = None
        if module.recurrent is not None:
            self._initial_state = module.recurrent.initial_state().to(device)

    def initial_recurrent_state(self, num_envs: int) -> RecurrentState | None:
        """The state at episode starts; None for networks that are not recurrent."""
        start = self._initial_state
        return None if start is None else RecurrentState(start, num_envs)

    def step(
        self, obs: np.ndarray, recurrent_state: RecurrentState | None
    ) -> tuple[Tensor, Tensor]:
        """Distribution inputs and values for the next step; advances the recurrent state."""
        if recurrent_state is None:
            return self._in_chunks(self._forward, obs)
        dist_inputs, values, after = self._in_chunks(
            self._recurrent_forward, obs, recurrent_state.states
        )
        recurrent_state.advance(after)
        return dist_inputs, values

    def values(
        self,
        obs: np.ndarray,
        recurrent_state: RecurrentState | None,
        ended: np.ndarray | None = None,
    ) -> Tensor:
        """Bootstrap values of observations; the recurrent state is left as it is.

        Args:
            obs: the next observations [N, …]; with ``ended`` the final ones of these environments.
            recurrent_state: of the N environments.
            ended: bool [N].
        """
        if recurrent_state is None:
            return self._in_chunks(self._forward, obs)[1]
        states = recurrent_state.states
        if ended is not None:
            states = recurrent_state.after[torch.from_numpy(ended).to(self._device)]
        return self._in_chunks(self._recurrent_forward, obs, states)[1]

    def recurrent_buffers(self, length: int, num_envs: int) -> dict[str, np.ndarray]:
        """The arrays that only rollouts of a recurrent policy have, see :class:`Rollout`."""
        if self._initial_state is None:
            return {}
        num_states = -(-length // self._module.max_seq_len)
        return {
            "firsts": np.zeros((length, num_envs), bool),
            "states": np.zeros((num_states, num_envs, len(self._initial_state)), np.float32),
        }

    def _in_chunks(self, forward: Callable[..., tuple[Tensor, ...]], *inputs: Any) -> Any:
        """``forward`` of all rows, split over the threads of the pool."""
        if self._pool is None or self._dense is not None:
            return forward(*inputs)
        number = self._pool.num_chunks(len(inputs[0]), "forward")
        if number == 1:
            return forward(*inputs)
        chunks = zip(*(_split(rows, number) for rows in inputs), strict=True)
        parts = self._pool.map(lambda chunk: forward(*chunk), chunks)
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    # Inference mode and autocast are per thread, so both forward passes enter them.

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

    def _recurrent_forward(self, obs: np.ndarray, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.inference_mode(), self._context():
            dist_inputs, values, after = self._module.recurrent.step(
                torch.from_numpy(obs).to(self._device), states
            )
        return dist_inputs.float().cpu(), values.float().cpu(), after


def _split(rows: np.ndarray | Tensor, number: int) -> Any:
    if isinstance(rows, Tensor):
        return rows.tensor_split(number)
    return np.array_split(rows, number)
