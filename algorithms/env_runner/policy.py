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
from rllib_zoo.algorithms.env_runner.view_history import ViewHistory
from rllib_zoo.algorithms.runtime import ThreadPool
from rllib_zoo.custom_models.model_inputs import ModelViews
from rllib_zoo.custom_models.numpy_mlp import dense_actor_critic

Context = Callable[[], contextlib.AbstractContextManager[Any]]


class NoModelV2Mixin:
    """For networks that wrap no TorchModelV2: the attributes env runners read from every network."""

    model = None
    recurrent = None
    views = None
    reads_training_columns = has_custom_loss = has_metrics = False
    max_seq_len = 1


class RecurrentState:
    """Recurrent state of the running episodes of N environments.

    Attributes:
        states: [N, D] float32 on the network's device, before the next step.
        after: [N, D], after the last step; not reset where that step ended an episode.
        firsts: bool [N], True where the next step is an episode's first.
        history: past steps, if a custom model views them.
    """

    def __init__(self, initial: Tensor, num_envs: int, views: ModelViews | None = None):
        """``initial`` [D] is the state before an episode's first step; D may be 0."""
        self._initial = initial
        self._num_envs = num_envs
        self.history = None if views is None else ViewHistory(views, num_envs)
        self.reset()

    def reset(self) -> None:
        """Start a new episode in every environment."""
        if self.history is not None:
            self.history.reset()
        self._acted: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
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

    def hold(self, obs: np.ndarray, actions: np.ndarray, firsts: np.ndarray) -> None:
        """Keep what the history needs of a step until :meth:`record`: actions as sampled."""
        self._acted = obs, actions, firsts

    def record(self, rewards: np.ndarray) -> None:
        """Append the step of :meth:`hold` to the history, with its rewards [N] for learning."""
        if self.history is not None and self._acted is not None:
            obs, actions, firsts = self._acted
            self.history.record(obs, actions, rewards, firsts, self.firsts)

    def write(self, rollout: Rollout, t: int, columns: slice, max_seq_len: int) -> None:
        """Write the state before step t into these columns of a rollout, if it has one."""
        if rollout.states is None or rollout.firsts is None:
            return
        rollout.firsts[t, columns] = self.firsts
        sequence, within = divmod(t, max_seq_len)
        if within == 0:
            rollout.states[sequence, columns] = self.states.cpu().numpy()

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        history = {} if self.history is None else {"history": self.history.state()}
        return {"states": self.states.cpu().numpy(), "fresh": self.firsts.copy(), **history}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state`."""
        self.states = self.after = torch.tensor(state["states"]).to(self._initial.device)
        self.firsts = state["fresh"].copy()
        if self.history is not None and "history" in state:
            self.history.set_state(state["history"])


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
        """The state at episode starts; None for networks that read the observation only."""
        start, views = self._initial_state, self._module.views
        if start is None and views is None:
            return None
        return RecurrentState(torch.zeros(0) if start is None else start, num_envs, views)

    def step(
        self, obs: np.ndarray, recurrent_state: RecurrentState | None
    ) -> tuple[Tensor, Tensor]:
        """Distribution inputs and values for the next step; advances the recurrent state."""
        if recurrent_state is None:
            return self._in_chunks(self._forward, obs)
        history, firsts = recurrent_state.history, recurrent_state.firsts
        views = () if history is None else (history.step(obs, firsts),)
        if self._initial_state is None:
            recurrent_state.advance(recurrent_state.states)
            return self._in_chunks(self._forward, obs, *views)
        dist_inputs, values, after = self._in_chunks(
            self._recurrent_forward, obs, recurrent_state.states, *views
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
        history, firsts = recurrent_state.history, recurrent_state.firsts
        views = () if history is None else (history.peek(obs, firsts, ended),)
        if self._initial_state is None:
            return self._in_chunks(self._forward, obs, *views)[1]
        states = recurrent_state.states
        if ended is not None:
            states = recurrent_state.after[torch.from_numpy(ended).to(self._device)]
        return self._in_chunks(self._recurrent_forward, obs, states, *views)[1]

    def recurrent_buffers(self, length: int, num_envs: int) -> dict[str, np.ndarray]:
        """The arrays of states and views that only some rollouts have, see :class:`Rollout`."""
        buffers = {}
        if self._module.views is not None:
            buffers["views"] = np.zeros((length, num_envs, self._module.views.size), np.float32)
        if self._initial_state is not None:
            num_states, size = -(-length // self._module.max_seq_len), len(self._initial_state)
            buffers["firsts"] = np.zeros((length, num_envs), bool)
            buffers["states"] = np.zeros((num_states, num_envs, size), np.float32)
        return buffers

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

    def _forward(self, obs: np.ndarray, views: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
        if self._dense is not None:
            rows = np.asarray(obs, np.float32).reshape(len(obs), -1)
            dist_inputs, values = self._dense.policy_and_value(rows)
            return torch.from_numpy(dist_inputs), torch.from_numpy(values)
        with torch.inference_mode(), self._context():
            dist_inputs, values = self._module.policy_and_value(
                torch.from_numpy(obs).to(self._device), *self._columns(views)
            )
        return dist_inputs.float().cpu(), values.float().cpu()

    def _recurrent_forward(
        self, obs: np.ndarray, states: Tensor, views: np.ndarray | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        with torch.inference_mode(), self._context():
            dist_inputs, values, after = self._module.recurrent.step(
                torch.from_numpy(obs).to(self._device), states, *self._columns(views)
            )
        return dist_inputs.float().cpu(), values.float().cpu(), after

    def _columns(self, views: np.ndarray | None) -> tuple[dict[str, Tensor], ...]:
        """The columns of views that the network gets while acting; an empty tuple without views."""
        if views is None:
            return ()
        flat = torch.from_numpy(views).to(self._device)
        return (self._module.views.columns(flat, training=False),)


def _split(rows: np.ndarray | Tensor, number: int) -> Any:
    if isinstance(rows, Tensor):
        return rows.tensor_split(number)
    return np.array_split(rows, number)
