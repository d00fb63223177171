"""The env runner: vector environments and one network, rollouts of [T, N] without per-step objects."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import ray
import torch
from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_context import EnvContext
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.framework import get_device
from ray.rllib.utils.metrics import WEIGHTS_SEQ_NO

from rllib_zoo.algorithms.env_runner.collector import RolloutCollector
from rllib_zoo.algorithms.env_runner.env_group import EnvGroup, make_groups, reset_groups
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.normalization import MeanStdFilter, ReturnNormalizer
from rllib_zoo.algorithms.env_runner.policy import ActingPolicy, RecurrentState
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.runner_errors import ReturnsErrors
from rllib_zoo.algorithms.env_runner.running_moments import FILTER, RETURNS, Moments, SharedMoments
from rllib_zoo.algorithms.env_runner.transforms import action_map, learning_rewards
from rllib_zoo.algorithms.ops.distributions import distribution_for
from rllib_zoo.algorithms.runtime import (
    forward_context,
    limit_kernel_caches,
    num_threads,
    pool_for,
    set_up_process,
)
from rllib_zoo.envs import EnvironmentFault, close_environment, is_atari
from rllib_zoo.envs.restart_policy import KEY, RESTARTS_IN_A_ROW

logger = logging.getLogger(__name__)

# Large and odd, so that seeds of training and evaluation runners of neighbouring user seeds differ.
EVALUATION_STREAM = 1_000_003


class VectorEnvRunner(ReturnsErrors, EnvRunner, Checkpointable):
    """Steps ``num_envs_per_env_runner`` environments with a copy of the network and fills a :class:`Rollout`.

    The arrays of a rollout are the runner's own buffers: valid until the next :meth:`sample`.
    """

    collector_class = RolloutCollector
    module: Any = None
    _distribution: Any = None
    _collector: Any = None
    _groups: list[EnvGroup]
    _buffers: Rollout | None = None
    # Of an evaluation in parts, see ``remote_evaluation.py``.
    episode_play: Any = None

    # --- construction -----------------------------------------------------------------------

    def __init__(self, *, config: Any, **kwargs: Any):
        # The base class seeds Python, NumPy and torch globally from `seed + worker_index`; this
        # class draws from generators of its own, derived so that no two runners share a stream.
        super().__init__(config=config, **kwargs)
        self._spaces_argument = kwargs.get("spaces")
        stream = (self.worker_index or 0) + EVALUATION_STREAM * bool(self.config.in_evaluation)
        entropy = [self.config.seed, stream] if self.config.seed is not None else None
        if entropy is not None and self.worker_index and is_restarted_actor():
            # With the same seed a restarted runner would repeat the episodes of the first one.
            entropy.append(time.time_ns())
        env_seed, action_seed = np.random.SeedSequence(entropy).generate_state(2)
        # Copies are seeded with env_seed + i, and ale-py's vector environment takes 31 bits only.
        self._env_seed = int(env_seed) >> 2
        self._generator = torch.Generator().manual_seed(int(action_seed))
        self._device = get_device(self.config, self.config.num_gpus_per_env_runner)
        self._weights_seq_no = 0
        is_remote = bool(self.worker_index)
        cpus = config.num_cpus_per_env_runner if is_remote else config.num_cpus_for_main_process
        self._num_threads = num_threads(self.config, cpus=cpus)
        set_up_process(self.config, threads=self._num_threads)
        self._pool = pool_for(self._device, self._num_threads)
        self._forward_context = forward_context(self.config.autocast, self._device)
        self._filter: MeanStdFilter | None = None
        self._return_normalizer: ReturnNormalizer | None = None
        if self._needs_env():
            self.make_env()
        self.make_module()

    def _needs_env(self) -> bool:
        return (
            self.worker_index is None
            or self.worker_index > 0
            or self.config.create_env_on_local_worker
            or self.config.num_env_runners == 0
        )

    def make_env(self) -> None:
        """(Re)build the vector environment and start its episodes."""
        self.stop()
        self.num_envs = self.config.num_envs_per_env_runner
        self._groups = make_groups(
            self.config, environment_context(self), self._num_threads, self._pool
        )
        reset_groups(self._groups, self._env_seed)
        self._distribution = self._make_distribution()
        if self.config.observation_filter == "MeanStdFilter":
            self._filter = MeanStdFilter(self.env.single_observation_space.shape)
        # Evaluation is checked first: it also runs RLlib's DQN, whose configuration has no such key.
        if not self.config.in_evaluation and self.config.normalize_returns:
            self._return_normalizer = ReturnNormalizer(self.num_envs, self.config.gamma)
        if self.module is not None:
            self._make_collector()

    def _make_distribution(self) -> Any:
        """The action distribution that the network's outputs parameterize."""
        return distribution_for(self.env.single_action_space)

    @property
    def env(self) -> Any:
        """The (first) vector environment; None without environments."""
        return self._groups[0].env if self._groups else None

    @env.setter
    def env(self, value: Any) -> None:
        # RLlib's base class assigns None in its constructor.
        assert value is None
        self._groups = []

    def make_module(self) -> None:
        """Build the network from the configuration's RLModuleSpec."""
        spec = self.config.get_rl_module_spec(
            env=self.env, spaces=self.get_spaces(), inference_only=True
        )
        self.module = spec.build().to(self._device)
        limit_kernel_caches(self.module)
        self.module.eval()
        self._state_tensors = [*self.module.parameters(), *self.module.buffers()]
        if self._groups:
            self._make_collector()

    def _make_collector(self) -> None:
        """Connect network and environments."""
        # With several groups every thread is busy with a group of its own.
        pool = self._pool if len(self._groups) == 1 else None
        self._policy = ActingPolicy(self.module, self._device, self._forward_context, pool)
        for group in self._groups:
            group.recurrent_state = self._policy.initial_recurrent_state(group.env.num_envs)
        self._collector = self.collector_class(
            policy=self._policy,
            distribution=self._distribution,
            to_env=action_map(
                self.env.single_action_space,
                normalize_actions=self.config.normalize_actions,
                clip_actions=self.config.clip_actions,
            ),
            learning_rewards=learning_rewards(
                self.config.clip_rewards, atari=is_atari(self.config.env)
            ),
            filter=self._filter,
            update_filter=not self.config.in_evaluation,
            max_seq_len=self.module.max_seq_len,
        )

    def get_spaces(self) -> dict[str, tuple[Any, Any]]:
        """Spaces by RLlib's names; without environments the ``spaces`` argument of the constructor."""
        if self.env is None:
            assert self._spaces_argument is not None
            return self._spaces_argument
        single = (self.env.single_observation_space, self.env.single_action_space)
        return {
            INPUT_ENV_SPACES: (self.env.observation_space, self.env.action_space),
            INPUT_ENV_SINGLE_SPACES: single,
            DEFAULT_MODULE_ID: single,
        }

    def assert_healthy(self) -> None:
        """Raises AssertionError when construction did not finish."""
        assert self.module is not None
        assert self.env is not None or not self._needs_env()

    def stop(self) -> None:
        """Close the environments."""
        for group in self._groups:
            if error := close_environment(group.env):
                logger.warning("environment %r: %s in close()", self.config.env, error)

    # --- sampling ---------------------------------------------------------------------------

    def sample(self, *, num_steps: int | None = None, **_: Any) -> Rollout:
        """T steps in every environment with the current weights.

        Args:
            num_steps: T; the configured fragment length when None.

        Raises:
            EnvironmentFault: an environment failed and was not restarted.
            FloatingPointError: a network output is not finite.
        """
        length = num_steps or self.config.get_rollout_fragment_length(self.worker_index or 0)
        rollout, ended = self._collect(length)
        rollout.episodes = [episode for _, _, episode in ended]
        return rollout

    def _collect(self, length: int) -> tuple[Rollout, list[tuple[int, int, Episode]]]:
        """``length`` steps in every environment; the finished episodes, with step and column."""
        rollout = self._rollout_buffers(length)
        noise = self._distribution.noise((length, self.num_envs), self._generator)
        if len(self._groups) == 1:
            ended = self._collector.collect(self._groups[0], rollout, noise)
        else:
            assert self._pool is not None
            parts = self._pool.map(
                lambda group: self._collector.collect(group, rollout, noise), self._groups
            )
            ended = sorted((entry for part in parts for entry in part), key=lambda entry: entry[:2])
        rollout.env_restarts = self.take_env_restarts()
        if self._return_normalizer is not None:
            self._return_normalizer(rollout)
        rollout.log_probs[:] = self._distribution.log_prob(
            torch.from_numpy(rollout.dist_inputs), torch.from_numpy(rollout.actions)
        ).numpy()
        return rollout, ended

    def _rollout_buffers(self, length: int) -> Rollout:
        """The runner's buffers, allocated again only when T changes."""
        if self._buffers is None or len(self._buffers.mask) != length:
            self._buffers = Rollout.empty(
                (length, self.num_envs),
                self.env.single_observation_space,
                self._distribution,
                filtered=self._filter is not None,
                **self._policy.recurrent_buffers(length, self.num_envs),
            )
            if self.module.reads_training_columns:
                self._buffers.next_obs = np.zeros_like(self._buffers.obs)
        return self._buffers

    def take_env_restarts(self) -> int:
        """Number of environments restarted since the last call."""
        return sum(group.take_num_restarts() for group in self._groups)

    # --- evaluation -------------------------------------------------------------------------

    def reset_episodes(self) -> None:
        """Start new episodes in every environment."""
        for group in self._groups:
            group.reset()
        if self._return_normalizer is not None:
            self._return_normalizer.reset()

    def step_episodes(self, *, explore: bool) -> list[tuple[int, Episode]]:
        """Step all environments once without storing it; the finished episodes, with their index.

        Raises:
            EnvironmentFault: as :meth:`sample`.
        """
        ended: list[tuple[int, Episode]] = []
        for group in self._groups:
            actions = self.act(group.obs, explore=explore, recurrent_state=group.recurrent_state)
            rewards, *_, finished = group.step(actions)
            self.record(group.recurrent_state, rewards)
            ended += finished
            if group.restarts_since_end.max() > RESTARTS_IN_A_ROW:
                copy = group.columns.start + int(group.restarts_since_end.argmax())
                raise EnvironmentFault(
                    f"environment {group.name!r}, copy {copy}: {RESTARTS_IN_A_ROW} restarts without "
                    f"the end of an episode; {KEY}: false gives the error"
                )
        for index, episode in ended:
            if not np.isfinite(episode.episode_return):
                raise EnvironmentFault(
                    f"environment {self._groups[0].name!r}, copy {index}: an episode's return is "
                    f"{episode.episode_return}"
                )
        return ended

    def running_episodes(self) -> list[Episode]:
        """The running episodes so far, of every environment."""
        return [episode for group in self._groups for episode in group.counter.running()]

    def initial_recurrent_state(self, num_envs: int) -> RecurrentState | None:
        """The state at episode starts for :meth:`act`; None if the network is not recurrent."""
        return self._policy.initial_recurrent_state(num_envs)

    def act(
        self, obs: np.ndarray, *, explore: bool, recurrent_state: RecurrentState | None = None
    ) -> np.ndarray:
        """Environment actions for raw observations [N, …]; the filter is not updated.

        Args:
            obs: raw observations.
            explore: sample actions; False selects the most probable ones.
            recurrent_state: see :meth:`initial_recurrent_state`; advanced by one step.
        """
        noise = self._distribution.noise((len(obs),), self._generator) if explore else None
        return self._collector.actions(obs, recurrent_state, noise)

    def record(self, recurrent_state: RecurrentState | None, rewards: np.ndarray) -> None:
        """Store the raw rewards [N] of the actions of :meth:`act`, for networks that view past steps."""
        if recurrent_state is not None:
            recurrent_state.record(self._collector.learning_rewards(rewards))

    # --- weights and state --------------------------------------------------------------------

    @torch.no_grad()
    def copy_weights(self, source: list[torch.Tensor]) -> None:
        """Copy the parameters and buffers of an equal network in this process."""
        for target, tensor in zip(self._state_tensors, source, strict=True):
            target.copy_(tensor)

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """The weights, and without ``components`` also what an exact resume needs."""
        state: dict[str, Any] = {WEIGHTS_SEQ_NO: self._weights_seq_no}
        if self._check_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(**kwargs)
        if components is None and self.env is not None:
            state["generator"] = self._generator.get_state()
            state["groups"] = [group.state() for group in self._groups]
            if self._return_normalizer is not None:
                state["returns"] = self._return_normalizer.running_returns.copy()
        return state

    def set_state(self, state: Any) -> None:
        """Restore :meth:`get_state`, or set weights that RLlib sends (also as an object reference)."""
        if isinstance(state, ray.ObjectRef):
            state = ray.get(state)
        seq_no = state.get(WEIGHTS_SEQ_NO, 0)
        if COMPONENT_RL_MODULE in state and (seq_no == 0 or seq_no > self._weights_seq_no):
            weights = state[COMPONENT_RL_MODULE]
            if isinstance(weights, ray.ObjectRef):
                weights = ray.get(weights)
            self.module.set_state(weights.get(DEFAULT_MODULE_ID, weights))
        self._weights_seq_no = max(seq_no, self._weights_seq_no)
        # RLlib sends the local runner's state to restarted remote runners, too.
        if "generator" in state and self.env is not None and not self.worker_index:
            self._generator.set_state(state["generator"])
            # Another number of threads forms other groups, which start new episodes.
            if len(state["groups"]) == len(self._groups):
                for group, saved in zip(self._groups, state["groups"], strict=True):
                    group.set_state(saved)
                if self._return_normalizer is not None and "returns" in state:
                    self._return_normalizer.running_returns = state["returns"].copy()

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """For RLlib's checkpoints."""
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """For RLlib's checkpoints."""
        return [(COMPONENT_RL_MODULE, self.module)]

    def get_metrics(self) -> Any:
        """RLlib's hook; this runner's metrics are part of the rollout."""
        return self.metrics.reduce()

    # --- shared moments of observation filter and return normalization --------------------------

    def _shared_moments(self) -> dict[str, SharedMoments]:
        moments = {FILTER: self._filter, RETURNS: self._return_normalizer}
        return {name: shared for name, shared in moments.items() if shared is not None}

    def take_moments(self) -> dict[str, Moments]:
        """The moments collected since the last call, of those that are on."""
        return {name: shared.take_collected() for name, shared in self._shared_moments().items()}

    def set_moments(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Set the shared moments; those that are off here (returns in evaluation) are ignored."""
        for name, shared in self._shared_moments().items():
            if name in states:
                shared.set_state(states[name])


def environment_context(runner: Any) -> EnvContext:
    """The options of a runner's environments, with its index: 0 in the training process, else from 1.

    ``num_workers`` is the number of runner processes of its group: of training, or of evaluation.
    """
    return EnvContext(
        runner.config.environment_options,
        worker_index=runner.worker_index or 0,
        vector_index=0,
        num_workers=runner.num_workers,
        recreated_worker=is_restarted_actor(),
    )


def is_restarted_actor() -> bool:
    """Whether Ray started this runner's process in place of one that died."""
    if not ray.is_initialized():
        return False
    context = ray.get_runtime_context()
    return context.get_actor_id() is not None and bool(context.was_current_actor_reconstructed)
