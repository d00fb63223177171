"""VectorEnvRunner: one vector environment, one network, rollouts of [T, N] without per-step objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import ray
import torch
from gymnasium.vector import AutoresetMode
from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.framework import get_device
from ray.rllib.utils.metrics import WEIGHTS_SEQ_NO

from algorithms.actions import action_map
from algorithms.compute import forward_context, num_threads, set_up_process
from algorithms.distributions import distribution_for
from algorithms.env_state import capture_env_state, restore_env_state
from algorithms.episodes import Episode, EpisodeCounter
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

    env: Any

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
        remote_cpus = self.config.num_cpus_per_env_runner if self.worker_index else None
        self._num_threads = num_threads(self.config, remote_cpus=remote_cpus)
        set_up_process(self.config, threads=self._num_threads)
        on_cpu = self._device.type == "cpu" and (self._num_threads or 1) > 1
        self._team = team_of(self._num_threads) if on_cpu else None
        self._forward_context = forward_context(self.config.autocast, self._device)
        self.module: Any = None
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
        if self.env is not None:
            self.env.close()
        self.num_envs = self.config.num_envs_per_env_runner
        self.env = make_vector_env(
            self.config.env,
            self.num_envs,
            self.config.environment_options,
            self.config.gym_env_vectorize_mode,
            num_threads=self._num_threads or torch.get_num_threads(),
        )
        self._learning_rewards = learning_rewards(
            self.config.clip_rewards, atari=is_atari(self.config.env)
        )
        self._same_step = self.env.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP
        self._to_env = action_map(
            self.env.single_action_space,
            normalize_actions=self.config.normalize_actions,
            clip_actions=self.config.clip_actions,
        )
        self._distribution = distribution_for(self.env.single_action_space)
        self._filter = self._make_filter(self.env.single_observation_space.shape)
        self._obs, _ = self.env.reset(seed=self._env_seed)
        self._counter = EpisodeCounter(self.num_envs, same_step=self._same_step)

    def _make_filter(self, shape: tuple[int, ...]) -> MeanStdFilter | None:
        return MeanStdFilter(shape) if self.config.observation_filter == "MeanStdFilter" else None

    def make_module(self) -> None:
        """Build the network from the configuration's RLModuleSpec."""
        spec = self.config.get_rl_module_spec(
            env=self.env, spaces=self.get_spaces(), inference_only=True
        )
        self.module = spec.build().to(self._device)
        self.module.eval()
        self._state_tensors = [*self.module.parameters(), *self.module.buffers()]

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
        if self.env is not None:
            self.env.close()

    # --- sampling ---------------------------------------------------------------------------

    def sample(self, *, num_steps: int | None = None, **_: Any) -> Rollout:
        """T steps in every environment under the current weights.

        Args:
            num_steps: T; the configured fragment length when None.
        """
        length = num_steps or self.config.get_rollout_fragment_length(self.worker_index or 0)
        rollout = self._buffers_of(length)
        rollout.episodes = []
        noise = self._distribution.noise((length, self.num_envs), self._generator)
        with torch.inference_mode():
            for t in range(length):
                self._step(rollout, t, noise[t])
            self._finish(rollout)
        return rollout

    def _step(self, rollout: Rollout, t: int, noise: torch.Tensor) -> None:
        """One step of all environments into row t."""
        obs = self._observed(self._obs, collect=True)
        rollout.obs[t] = obs
        dist_inputs, values = self._policy(rollout.obs[t])
        actions = self._distribution.sample(dist_inputs, noise).numpy()
        rollout.dist_inputs[t] = dist_inputs.numpy()
        rollout.values[t] = values.numpy()
        rollout.actions[t] = actions
        self._obs, rewards, terminated, truncated, info = self.env.step(self._to_env(actions))
        rollout.mask[t] = ~self._counter.resetting
        rollout.rewards[t] = self._learning_rewards(rewards)
        rollout.terminated[t] = terminated
        rollout.truncated[t] = truncated
        ended = self._counter.add(rewards, self._ended(terminated, truncated, info))
        rollout.episodes.extend(episode for _, episode in ended)
        if self._same_step:
            self._note_final_values(rollout, t, truncated & ~terminated, info)

    def _finish(self, rollout: Rollout) -> None:
        """Bootstrap values, and log-probabilities of the whole fragment in one call."""
        last = self._observed(self._obs, collect=False)
        _, last_values = self._policy(np.ascontiguousarray(last))
        following = np.concatenate([rollout.values[1:], last_values.numpy()[None]])
        # In SAME_STEP mode the row after an end belongs to the next episode; `_note_final_values`
        # has put the value of the true final observation there already.
        keep = rollout.truncated & ~rollout.terminated if self._same_step else None
        np.copyto(rollout.next_values, following, where=True if keep is None else ~keep)
        rollout.log_probs[:] = self._distribution.log_prob(
            torch.from_numpy(rollout.dist_inputs), torch.from_numpy(rollout.actions)
        ).numpy()

    def _note_final_values(
        self, rollout: Rollout, t: int, cut: np.ndarray, info: dict[str, Any]
    ) -> None:
        """V of the final observations of cut episodes (SAME_STEP keeps them in ``info``)."""
        if cut.any():
            final = np.stack([np.asarray(obs) for obs in info["final_obs"][cut]])
            _, values = self._policy(self._observed(final, collect=False))
            rollout.next_values[t, cut] = values.numpy()

    def restart_episodes(self) -> None:
        """Begin fresh episodes in every environment, as evaluation needs them."""
        self._obs, _ = self.env.reset()
        self._counter = EpisodeCounter(self.num_envs, same_step=self._same_step)

    def step_episodes(self, *, explore: bool) -> list[tuple[int, Episode]]:
        """One step of all environments without keeping it; episodes that ended, with their index."""
        actions = self.act(self._obs, explore=explore)
        self._obs, rewards, terminated, truncated, info = self.env.step(actions)
        return self._counter.add(rewards, self._ended(terminated, truncated, info))

    @staticmethod
    def _ended(terminated: np.ndarray, truncated: np.ndarray, info: dict[str, Any]) -> np.ndarray:
        """[N] bool, which episodes ended: Atari's lost lives end advantages, not the game."""
        game_over = info.get("game_over")
        return terminated | truncated if game_over is None else game_over

    @torch.inference_mode()
    def act(self, obs: np.ndarray, *, explore: bool) -> np.ndarray:
        """Environment actions for raw observations [N, …], the filter frozen."""
        dist_inputs, _ = self._policy(self._observed(obs, collect=False))
        if not explore:
            return self._to_env(self._distribution.mode(dist_inputs).numpy())
        noise = self._distribution.noise((len(obs),), self._generator)
        return self._to_env(self._distribution.sample(dist_inputs, noise).numpy())

    def _observed(self, obs: np.ndarray, *, collect: bool) -> np.ndarray:
        """What the network sees of raw observations [N, …]."""
        if self._filter is None:
            return obs
        collect = collect and not self.config.in_evaluation
        return self._filter(obs, collect=collect, valid=~self._counter.resetting)

    def _policy(self, obs: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Dist inputs [N, K] and values [N] on the CPU."""
        shares = self._team.shares(len(obs), "forward") if self._team is not None else 1
        if shares == 1:
            return self._forward(obs)
        assert self._team is not None
        parts = self._team.map(self._forward, np.array_split(obs, shares))
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def _forward(self, obs: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        # Each thread of the team has modes of its own.
        with torch.inference_mode(), self._forward_context():
            dist_inputs, values = self.module.policy_and_value(
                torch.from_numpy(obs).to(self._device)
            )
        return dist_inputs.float().cpu(), values.float().cpu()

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
            state["obs"] = self._obs
            state["episodes"] = self._counter.state()
            state["env"] = capture_env_state(self.env)
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
            self._restore_episodes(state)

    def _restore_episodes(self, state: dict[str, Any]) -> None:
        """Continue the interrupted episodes where the environment can; else they start anew."""
        restored = restore_env_state(self.env, state["env"])
        if restored is not None:
            self.env = restored
            self._obs = state["obs"]
            self._counter.set_state(state["episodes"])

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """For RLlib's checkpoints."""
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """For RLlib's checkpoints."""
        return [(COMPONENT_RL_MODULE, self.module)]
