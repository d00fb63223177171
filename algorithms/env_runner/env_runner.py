"""VectorEnvRunner: one vector environment, one network, rollouts of [T, N] without per-step objects."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import ray
import torch
from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.framework import get_device
from ray.rllib.utils.metrics import WEIGHTS_SEQ_NO

from rllib_zoo.algorithms.env_runner.env_group import make_groups, start_groups
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.normalization import MeanStdFilter, ReturnScale
from rllib_zoo.algorithms.env_runner.player import Player
from rllib_zoo.algorithms.env_runner.policy import ActingPolicy, Memory
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.running_moments import FILTER, RETURNS, CommonMoments, Moments
from rllib_zoo.algorithms.env_runner.step_watchdog import StepWatch
from rllib_zoo.algorithms.env_runner.transforms import action_map, learning_rewards
from rllib_zoo.algorithms.ops.distributions import distribution_for
from rllib_zoo.algorithms.runtime import forward_context, num_threads, set_up_process, team_of
from rllib_zoo.envs import EnvironmentFault, is_atari

# Large and odd, so that runner seeds derived from neighbouring user seeds do not meet.
EVALUATION_STREAM = 1_000_003


class RunnerParts(EnvRunner, Checkpointable):
    """``num_envs_per_env_runner`` environments and a copy of the network; :class:`VectorEnvRunner` plays."""

    player_class = Player

    def __init__(self, *, config: Any, **kwargs: Any):
        # The base class seeds Python, NumPy and torch globally from `seed + worker_index`; this
        # class draws from generators of its own, derived so that no two runners share a stream.
        super().__init__(config=config, **kwargs)
        self._given_spaces = kwargs.get("spaces")
        stream = (self.worker_index or 0) + EVALUATION_STREAM * bool(self.config.in_evaluation)
        entropy = [self.config.seed, stream] if self.config.seed is not None else None
        if entropy is not None and self.worker_index and _started_again():
            # Else it would play the episodes of its first life over again.
            entropy.append(time.time_ns())
        env_seed, action_seed = np.random.SeedSequence(entropy).generate_state(2)
        # Copies are seeded with env_seed + i, and ale-py's vector environment takes 31 bits only.
        self._env_seed = int(env_seed) >> 2
        self._generator = torch.Generator().manual_seed(int(action_seed))
        self._device = get_device(self.config, self.config.num_gpus_per_env_runner)
        self._weights_seq_no = 0
        cpus = (
            self.config.num_cpus_per_env_runner
            if self.worker_index
            else self.config.num_cpus_for_main_process
        )
        self._num_threads = num_threads(self.config, cpus=cpus)
        set_up_process(self.config, threads=self._num_threads)
        on_cpu = self._device.type == "cpu" and (self._num_threads or 1) > 1
        self._team = team_of(self._num_threads) if on_cpu else None
        self._forward_context = forward_context(self.config.autocast, self._device)
        self.module: Any = None
        self._policy: Any = None
        self._filter: MeanStdFilter | None = None
        self._return_scale: ReturnScale | None = None
        self._distribution: Any = None
        self._watch: StepWatch | None = None
        if self._has_env():
            self.make_env()
        self.make_module()

    def _has_env(self) -> bool:
        return (
            self.worker_index is None
            or self.worker_index > 0
            or self.config.create_env_on_local_worker
            or self.config.num_env_runners == 0
        )

    # --- building ---------------------------------------------------------------------------

    def make_env(self) -> None:
        """(Re)build the vector environment and start its episodes."""
        self.stop()
        self.num_envs = self.config.num_envs_per_env_runner
        self._groups = make_groups(self.config, self._num_threads, self._team)
        if len(self._groups) == 1:  # several are the emulator's threads
            self._watch = StepWatch(self._groups[0], self.config.sample_timeout_s / 2)
        start_groups(self._groups, self._env_seed)
        self._distribution = self._make_distribution()
        if self.config.observation_filter == "MeanStdFilter":
            self._filter = MeanStdFilter(self.env.single_observation_space.shape)
        # Evaluation first: it plays RLlib's DQN, too, whose configuration has no such key.
        if not self.config.in_evaluation and self.config.normalize_returns:
            self._return_scale = ReturnScale(self.num_envs, self.config.gamma)
        self._make_player()

    def _make_distribution(self) -> Any:
        """What the network's outputs describe."""
        return distribution_for(self.env.single_action_space)

    @property
    def env(self) -> Any:
        """The vector environment (the first, where there are several); None without."""
        return self._groups[0].env if self._groups else None

    @env.setter
    def env(self, value: Any) -> None:
        # RLlib's base class says "none yet" by assignment.
        assert value is None
        self._groups = []

    def make_module(self) -> None:
        """Build the network from the configuration's RLModuleSpec."""
        spec = self.config.get_rl_module_spec(
            env=self.env, spaces=self.get_spaces(), inference_only=True
        )
        self.module = spec.build().to(self._device)
        self.module.eval()
        self._state_tensors = [*self.module.parameters(), *self.module.buffers()]
        # Where every thread has a group of its own it is not asked to help another.
        team = self._team if len(self._groups) == 1 else None
        self._policy = ActingPolicy(self.module, self._device, self._forward_context, team)
        self._make_player()

    def _make_player(self) -> None:
        """Once there are both environments and a network."""
        if self._policy is None or not self._groups:
            return
        for group in self._groups:
            group.memory = self._policy.new_memory(group.env.num_envs)
        self._player = self.player_class(
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
            collects=not self.config.in_evaluation,
            max_seq_len=self.module.max_seq_len,
        )

    def get_spaces(self) -> dict[str, tuple[Any, Any]]:
        """Spaces by RLlib's names; a local runner without environments repeats what it was told."""
        if self.env is None:
            assert self._given_spaces is not None
            return self._given_spaces
        single = (self.env.single_observation_space, self.env.single_action_space)
        return {
            INPUT_ENV_SPACES: (self.env.observation_space, self.env.action_space),
            INPUT_ENV_SINGLE_SPACES: single,
            DEFAULT_MODULE_ID: single,
        }

    def assert_healthy(self) -> None:
        """Raises AssertionError when construction did not finish."""
        assert self.module is not None
        assert self.env is not None or not self._has_env()

    def stop(self) -> None:
        """Close the environments."""
        if self._watch is not None:
            self._watch.stop()
        for group in self._groups:
            group.env.close()

    # --- state ------------------------------------------------------------------------------

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Weights, and where RLlib asks for everything also what an exact resume needs."""
        state: dict[str, Any] = {WEIGHTS_SEQ_NO: self._weights_seq_no}
        if self._check_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(**kwargs)
        if components is None and self.env is not None:
            state["generator"] = self._generator.get_state()
            state["groups"] = [group.state() for group in self._groups]
            if self._return_scale is not None:
                state["returns"] = self._return_scale.running()
        return state

    def set_state(self, state: Any) -> None:
        """Adopt what :meth:`get_state` gave, or the weights RLlib sends (also as a reference)."""
        if isinstance(state, ray.ObjectRef):
            state = ray.get(state)
        seq_no = state.get(WEIGHTS_SEQ_NO, 0)
        if COMPONENT_RL_MODULE in state and (seq_no == 0 or seq_no > self._weights_seq_no):
            weights = state[COMPONENT_RL_MODULE]
            if isinstance(weights, ray.ObjectRef):
                weights = ray.get(weights)
            self.module.set_state(weights.get(DEFAULT_MODULE_ID, weights))
        self._weights_seq_no = max(seq_no, self._weights_seq_no)
        # RLlib sends the local runner's state to one that was started again, too.
        if "generator" in state and self.env is not None and not self.worker_index:
            self._generator.set_state(state["generator"])
            # Another number of threads makes other groups: their episodes start anew.
            if len(state["groups"]) == len(self._groups):
                for group, saved in zip(self._groups, state["groups"], strict=True):
                    group.set_state(saved)
                if self._return_scale is not None and "returns" in state:
                    self._return_scale.set_running(state["returns"])

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """For RLlib's checkpoints."""
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """For RLlib's checkpoints."""
        return [(COMPONENT_RL_MODULE, self.module)]


def _started_again() -> bool:
    """Whether this is a runner process that Ray started in place of one that died."""
    if not ray.is_initialized():
        return False
    context = ray.get_runtime_context()
    return context.get_actor_id() is not None and bool(context.was_current_actor_reconstructed)


logger = logging.getLogger(__name__)


class VectorEnvRunner(RunnerParts):
    """Steps ``num_envs_per_env_runner`` environments together and fills a :class:`Rollout`.

    The returned rollout's arrays are the runner's own buffers: valid until the next ``sample``.
    """

    _buffers: Rollout | None = None

    def sample(self, *, num_steps: int | None = None, **_: Any) -> Rollout:
        """T steps in every environment under the current weights.

        Args:
            num_steps: T; the configured fragment length when None.

        Raises:
            EnvironmentFault: an environment broke its contract and was not built anew.
            FloatingPointError: the network's outputs are not finite.
        """
        length = num_steps or self.config.get_rollout_fragment_length(self.worker_index or 0)
        rollout, ended = self._play(length)
        rollout.episodes = [episode for _, _, episode in ended]
        return rollout

    def _play(self, length: int) -> tuple[Rollout, list[tuple[int, int, Episode]]]:
        """``length`` steps in every environment; the episodes that ended, with step and column."""
        self._plays_here()
        rollout = self._buffers_of(length)
        noise = self._distribution.noise((length, self.num_envs), self._generator)
        if len(self._groups) == 1:
            ended = self._player.play(self._groups[0], rollout, noise)
        else:
            assert self._team is not None
            parts = self._team.map(
                lambda group: self._player.play(group, rollout, noise), self._groups
            )
            ended = sorted((entry for part in parts for entry in part), key=lambda entry: entry[:2])
        rollout.env_restarts = self.take_env_restarts()
        if self._return_scale is not None:
            self._return_scale(rollout)
        rollout.log_probs[:] = self._distribution.log_prob(
            torch.from_numpy(rollout.dist_inputs), torch.from_numpy(rollout.actions)
        ).numpy()
        return rollout, ended

    def sample_or_fault(self) -> Rollout | EnvironmentFault | FloatingPointError:
        """As :meth:`sample`; an error that is to stop training comes back as a value.

        RLlib would take a raising runner out of service, start it again after a while and train on,
        and nobody would learn why.
        """
        try:
            return self.sample()
        except (EnvironmentFault, FloatingPointError) as fault:
            logger.error("sampling stopped", exc_info=fault)  # what travels has lost its traceback
            return fault

    def _plays_here(self) -> None:
        if self._watch is not None:
            self._watch.player = threading.get_ident()

    def take_env_restarts(self) -> int:
        """How many environments were built anew since the last call."""
        return sum(group.take_restarts() for group in self._groups)

    def restart_episodes(self) -> None:
        """Begin fresh episodes in every environment, as evaluation needs them."""
        for group in self._groups:
            group.restart()
        if self._return_scale is not None:
            self._return_scale.restart()

    def step_episodes(self, *, explore: bool) -> list[tuple[int, Episode]]:
        """One step of all environments without keeping it; episodes that ended, with their index.

        Raises:
            EnvironmentFault: as :meth:`sample`.
        """
        self._plays_here()
        ended: list[tuple[int, Episode]] = []
        for group in self._groups:
            actions = self.act(group.obs, explore=explore, memory=group.memory)
            ended += group.step(actions)[-1]
        for index, episode in ended:
            if not np.isfinite(episode.episode_return):
                raise EnvironmentFault(
                    f"environment {self._groups[0].name!r}, copy {index}: an episode's return is "
                    f"{episode.episode_return}"
                )
        return ended

    def new_memory(self, num_envs: int) -> Memory | None:
        """What :meth:`act` needs for so many environments of somebody else, at episode starts."""
        return self._policy.new_memory(num_envs)

    def act(self, obs: np.ndarray, *, explore: bool, memory: Memory | None = None) -> np.ndarray:
        """Environment actions for raw observations [N, …], the filter frozen.

        Args:
            obs: what the environments show now.
            explore: sample; False takes the most probable actions.
            memory: of a recurrent policy, see :meth:`new_memory`; goes on by one step.
        """
        noise = self._distribution.noise((len(obs),), self._generator) if explore else None
        return self._player.actions(obs, memory, noise)

    def _buffers_of(self, length: int) -> Rollout:
        """The runner's buffers, made anew only when T changes."""
        if self._buffers is None or len(self._buffers.mask) != length:
            self._buffers = Rollout.empty(
                (length, self.num_envs),
                self.env.single_observation_space,
                self._distribution,
                filtered=self._filter is not None,
                **self._policy.buffers(length, self.num_envs),
            )
        return self._buffers

    @torch.no_grad()
    def copy_weights(self, source: list[torch.Tensor]) -> None:
        """Adopt the parameters and buffers of an equal network in this process."""
        for own, other in zip(self._state_tensors, source, strict=True):
            own.copy_(other)

    # --- observation filter and return normalisation ------------------------------------------

    def _common_moments(self) -> dict[str, CommonMoments]:
        both = {FILTER: self._filter, RETURNS: self._return_scale}
        return {name: moments for name, moments in both.items() if moments is not None}

    def take_moments(self) -> dict[str, Moments]:
        """What those that are on collected since the last call."""
        return {name: own.take_collected() for name, own in self._common_moments().items()}

    def set_moments(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Adopt common moments; those of what is off here, as returns in evaluation, are let go."""
        for name, own in self._common_moments().items():
            if name in states:
                own.set_state(states[name])

    def get_metrics(self) -> Any:
        """RLlib's hook; our numbers travel with the rollout."""
        return self.metrics.reduce()
