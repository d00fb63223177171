"""VectorEnvRunner: one vector environment, one network, rollouts of [T, N] without per-step objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import ray
import torch
from gymnasium.vector import VectorEnv
from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.framework import get_device
from ray.rllib.utils.metrics import WEIGHTS_SEQ_NO

from algorithms.acting import ActingPolicy, Memory
from algorithms.actions import action_map
from algorithms.compute import forward_context, num_threads, set_up_process
from algorithms.distributions import distribution_for
from algorithms.env_group import EnvGroup
from algorithms.episodes import Episode
from algorithms.filters import MeanStdFilter, Moments
from algorithms.rewards import learning_rewards
from algorithms.rollout import Rollout
from algorithms.threads import team_of
from envs import is_atari, make_vector_env

# Large and odd, so that runner seeds derived from neighbouring user seeds do not meet.
EVALUATION_STREAM = 1_000_003


class VectorEnvRunner(EnvRunner, Checkpointable):
    """Steps ``num_envs_per_env_runner`` environments together and fills a :class:`Rollout`.

    The returned rollout's arrays are the runner's own buffers: valid until the next ``sample``.
    """

    def __init__(self, *, config: Any, **kwargs: Any):
        # The base class seeds Python, NumPy and torch globally from `seed + worker_index`; this
        # class draws from generators of its own, derived so that no two runners share a stream.
        super().__init__(config=config, **kwargs)
        self._given_spaces = kwargs.get("spaces")
        stream = (self.worker_index or 0) + EVALUATION_STREAM * bool(self.config.in_evaluation)
        entropy = [self.config.seed, stream] if self.config.seed is not None else None
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
        self._buffers: Rollout | None = None
        self._filter: MeanStdFilter | None = None
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
        # Atari games step without the interpreter's lock, so every thread of the team plays and
        # thinks for a share of its own, and none waits for another before the fragment's end.
        number = 1
        if self._team is not None and is_atari(self.config.env) and not self._filters:
            number = self._team.shares(self.num_envs, "forward")
        self._groups: list[EnvGroup] = []
        for columns in np.array_split(np.arange(self.num_envs), number):
            env = self._make_group_env(len(columns), threads=1 if number > 1 else None)
            self._groups.append(EnvGroup(env, first=int(columns[0])))
        self._start_groups()
        self._learning_rewards = learning_rewards(
            self.config.clip_rewards, atari=is_atari(self.config.env)
        )
        self._to_env = action_map(
            self.env.single_action_space,
            normalize_actions=self.config.normalize_actions,
            clip_actions=self.config.clip_actions,
        )
        self._distribution = distribution_for(self.env.single_action_space)
        self._filter = self._make_filter(self.env.single_observation_space.shape)
        self._give_memories()

    def _make_group_env(self, num_envs: int, threads: int | None) -> VectorEnv:
        return make_vector_env(
            self.config.env,
            num_envs,
            self.config.environment_options,
            self.config.gym_env_vectorize_mode,
            num_threads=threads or self._num_threads or torch.get_num_threads(),
        )

    def _start_groups(self) -> None:
        """The same episodes however many groups there are."""
        if len(self._groups) == 1:
            self._groups[0].restart(self._env_seed)
            return
        from envs.atari import atari_seeds  # loads the emulator, which others do without

        seeds = atari_seeds(self._env_seed, self.num_envs)
        for group in self._groups:
            group.restart(seeds[group.columns])

    @property
    def env(self) -> Any:
        """The vector environment (the first, where there are several); None without."""
        return self._groups[0].env if self._groups else None

    @env.setter
    def env(self, value: Any) -> None:
        # RLlib's base class says "none yet" by assignment.
        assert value is None
        self._groups = []

    @property
    def _filters(self) -> bool:
        return self.config.observation_filter == "MeanStdFilter"

    def _make_filter(self, shape: tuple[int, ...]) -> MeanStdFilter | None:
        return MeanStdFilter(shape) if self._filters else None

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
        self._give_memories()

    def _give_memories(self) -> None:
        """To the environments, once there are both these and a network."""
        for group in self._groups if self._policy is not None else ():
            group.memory = self._policy.new_memory(group.env.num_envs)

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
        for group in self._groups:
            group.env.close()

    # --- sampling ---------------------------------------------------------------------------

    def sample(self, *, num_steps: int | None = None, **_: Any) -> Rollout:
        """T steps in every environment under the current weights.

        Args:
            num_steps: T; the configured fragment length when None.
        """
        length = num_steps or self.config.get_rollout_fragment_length(self.worker_index or 0)
        rollout = self._buffers_of(length)
        noise = self._distribution.noise((length, self.num_envs), self._generator)
        if len(self._groups) == 1:
            ended = self._play(self._groups[0], rollout, noise)
        else:
            assert self._team is not None
            parts = self._team.map(lambda group: self._play(group, rollout, noise), self._groups)
            ended = sorted((entry for part in parts for entry in part), key=lambda entry: entry[:2])
        rollout.episodes = [episode for _, _, episode in ended]
        rollout.log_probs[:] = self._distribution.log_prob(
            torch.from_numpy(rollout.dist_inputs), torch.from_numpy(rollout.actions)
        ).numpy()
        return rollout

    @torch.inference_mode()
    def _play(
        self, group: EnvGroup, rollout: Rollout, noise: torch.Tensor
    ) -> list[tuple[int, int, Episode]]:
        """One group's columns of a whole rollout; the episodes that ended, with step and column."""
        ended = []
        for t in range(len(rollout.mask)):
            ended += [(t, i, e) for i, e in self._step(group, rollout, t, noise[t, group.columns])]
        self._finish(group, rollout)
        return ended

    def _step(
        self, group: EnvGroup, rollout: Rollout, t: int, noise: torch.Tensor
    ) -> list[tuple[int, Episode]]:
        """One step of a group into its columns of row t."""
        n = group.columns
        rollout.obs[t, n] = self._observed(group, collect=True)
        if group.memory is not None:
            group.memory.note(rollout, t, n, self.module.max_seq_len)
        dist_inputs, values = self._policy.step(rollout.obs[t, n], group.memory)
        actions = self._distribution.sample(dist_inputs, noise).numpy()
        rollout.dist_inputs[t, n] = dist_inputs.numpy()
        rollout.values[t, n] = values.numpy()
        rollout.actions[t, n] = actions
        rollout.mask[t, n] = ~group.counter.resetting
        rewards, terminated, truncated, info, ended = group.step(self._to_env(actions))
        rollout.rewards[t, n] = self._learning_rewards(rewards)
        rollout.terminated[t, n] = terminated
        rollout.truncated[t, n] = truncated
        if group.same_step:
            self._note_final_values(group, rollout, t, truncated & ~terminated, info)
        return ended

    def _finish(self, group: EnvGroup, rollout: Rollout) -> None:
        """Values of what followed every step: the next row's, at the end the bootstrap value."""
        n = group.columns
        last = np.ascontiguousarray(self._observed(group, collect=False))
        last_values = self._policy.values(last, group.memory)
        following = np.concatenate([rollout.values[1:, n], last_values.numpy()[None]])
        # In SAME_STEP mode the row after an end belongs to the next episode; `_note_final_values`
        # has put the value of the true final observation there already.
        cut = rollout.truncated[:, n] & ~rollout.terminated[:, n]
        np.copyto(rollout.next_values[:, n], following, where=~cut if group.same_step else np.True_)

    def _note_final_values(
        self, group: EnvGroup, rollout: Rollout, t: int, cut: np.ndarray, info: dict[str, Any]
    ) -> None:
        """V of the final observations of cut episodes (SAME_STEP keeps them in ``info``).

        Only environments of a single group have this mode.
        """
        if cut.any():
            final = np.stack([np.asarray(obs) for obs in info["final_obs"][cut]])
            final = final if self._filter is None else self._filtered(final)
            values = self._policy.values(final, group.memory, cut)
            rollout.next_values[t, cut] = values.numpy()

    def restart_episodes(self) -> None:
        """Begin fresh episodes in every environment, as evaluation needs them."""
        for group in self._groups:
            group.restart()

    def step_episodes(self, *, explore: bool) -> list[tuple[int, Episode]]:
        """One step of all environments without keeping it; episodes that ended, with their index."""
        ended: list[tuple[int, Episode]] = []
        for group in self._groups:
            actions = self.act(group.obs, explore=explore, memory=group.memory)
            ended += group.step(actions)[-1]
        return ended

    def new_memory(self, num_envs: int) -> Memory | None:
        """What :meth:`act` needs for so many environments of somebody else, at episode starts."""
        return self._policy.new_memory(num_envs)

    @torch.inference_mode()
    def act(self, obs: np.ndarray, *, explore: bool, memory: Memory | None = None) -> np.ndarray:
        """Environment actions for raw observations [N, …], the filter frozen.

        Args:
            obs: what the environments show now.
            explore: sample; False takes the most probable actions.
            memory: of a recurrent policy, see :meth:`new_memory`; goes on by one step.
        """
        obs = obs if self._filter is None else self._filtered(obs)
        dist_inputs, _ = self._policy.step(obs, memory)
        if not explore:
            return self._to_env(self._distribution.mode(dist_inputs).numpy())
        noise = self._distribution.noise((len(obs),), self._generator)
        return self._to_env(self._distribution.sample(dist_inputs, noise).numpy())

    def _observed(self, group: EnvGroup, *, collect: bool) -> np.ndarray:
        """What the network sees of a group's observations [N, …]."""
        if self._filter is None:
            return group.obs
        collect = collect and not self.config.in_evaluation
        return self._filter(group.obs, collect=collect, valid=~group.counter.resetting)

    def _filtered(self, obs: np.ndarray) -> np.ndarray:
        """Observations [N, …] through the filter as it is, which learns nothing from them."""
        assert self._filter is not None
        return self._filter(obs, collect=False)

    def _buffers_of(self, length: int) -> Rollout:
        """The runner's buffers, made anew only when T changes."""
        if self._buffers is None or len(self._buffers.mask) != length:
            space = self.env.single_observation_space
            dtype = np.float32 if self._filter or space.dtype == np.float64 else space.dtype
            shape = (length, self.num_envs)
            floats: dict[str, Any] = {
                name: np.zeros(shape, np.float32)
                for name in ("log_probs", "values", "next_values", "rewards")
            }
            flags: dict[str, Any] = {
                name: np.zeros(shape, bool) for name in ("terminated", "truncated", "mask")
            }
            action = self._distribution.mode(torch.zeros(1, self._distribution.num_inputs()))
            self._buffers = Rollout(
                obs=np.zeros((*shape, *space.shape), dtype),
                actions=np.zeros((*shape, *action.shape[1:]), action.numpy().dtype),
                dist_inputs=np.zeros((*shape, self._distribution.num_inputs()), np.float32),
                **floats,
                **flags,
                **self._policy.buffers(*shape),
            )
        return self._buffers

    @torch.no_grad()
    def copy_weights(self, source: list[torch.Tensor]) -> None:
        """Adopt the parameters and buffers of an equal network in this process."""
        for own, other in zip(self._state_tensors, source, strict=True):
            own.copy_(other)

    # --- observation filter -----------------------------------------------------------------

    def take_filter_moments(self) -> Moments | None:
        """What the filter collected since the last call; None without a filter."""
        return self._filter.take_collected() if self._filter is not None else None

    def set_filter_state(self, state: dict[str, Any] | None) -> None:
        """Adopt the common moments."""
        if self._filter is not None and state is not None:
            self._filter.set_state(state)

    # --- state ------------------------------------------------------------------------------

    def get_metrics(self) -> Any:
        """RLlib's hook; our numbers travel with the rollout."""
        return self.metrics.reduce()

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
        if "generator" in state and self.env is not None:
            self._generator.set_state(state["generator"])
            # Another number of threads makes other groups: their episodes start anew.
            if len(state["groups"]) == len(self._groups):
                for group, saved in zip(self._groups, state["groups"], strict=True):
                    group.set_state(saved)

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """For RLlib's checkpoints."""
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """For RLlib's checkpoints."""
        return [(COMPONENT_RL_MODULE, self.module)]
