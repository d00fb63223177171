"""The configuration of A3C: its keys, their defaults, and which values contradict each other."""

from __future__ import annotations

from rllib_zoo.algorithms.a2c import ActorCriticConfig
from rllib_zoo.algorithms.a3c.env_runner import A3CRunner
from rllib_zoo.algorithms.a3c.learner import A3CLearner


class A3CConfig(ActorCriticConfig):
    """Configuration of :class:`rllib_zoo.algorithms.a3c.a3c.A3C`.

    A gradient comes from ``rollout_fragment_length`` × ``num_envs_per_env_runner`` steps of one
    runner. With ``rollout_fragment_length: auto`` that product is ``train_batch_size``.
    """

    LEAST_RUNNERS = 1

    def __init__(self, algo_class: type | None = None):
        from rllib_zoo.algorithms.a3c.a3c import A3C

        super().__init__(algo_class=algo_class or A3C)
        self.env_runner_cls = A3CRunner
        self.num_env_runners = 2
        self.num_envs_per_env_runner = 1
        self.rollout_fragment_length = 20
        self.train_batch_size = None
        self.min_sample_timesteps_per_iteration = 1000

    def get_default_learner_class(self) -> type:
        """RLlib's hook."""
        return A3CLearner

    def get_rollout_fragment_length(self, worker_index: int = 0) -> int:
        """T, steps per environment and gradient."""
        if self.rollout_fragment_length != "auto":
            return self.rollout_fragment_length
        return self.train_batch_size // self.num_envs_per_env_runner

    def _validate_batches(self) -> None:
        if self.num_env_runners < self.LEAST_RUNNERS:
            raise ValueError(
                f"A3C needs num_env_runners of {self.LEAST_RUNNERS} or more: its runners work "
                "beside the learner"
            )
        if self.num_learners > 1:
            raise ValueError(f"A3C has one learner; num_learners {self.num_learners} is too many")
        if self.normalize_returns:
            raise ValueError("normalize_returns is not offered: A3C's runners share no batch")
        if self.num_epochs != 1 or self.minibatch_size is not None:
            raise ValueError(
                f"A3C takes one step per gradient: num_epochs {self.num_epochs} and minibatch_size "
                f"{self.minibatch_size} do not apply"
            )
        if self._train_batch_size_per_learner is not None:
            raise ValueError(
                "train_batch_size_per_learner does not apply to A3C; it has one learner"
            )
        envs, fragment = self.num_envs_per_env_runner, self.rollout_fragment_length
        batch = self.train_batch_size
        if fragment == "auto" and batch is None:
            raise ValueError("rollout_fragment_length 'auto' needs train_batch_size with A3C")
        if fragment == "auto" and batch % envs:
            low = max(batch // envs, 1) * envs
            raise ValueError(
                f"train_batch_size {batch} is not divisible by {envs} env(s); "
                f"nearest: {low} or {low + envs}"
            )
        if fragment != "auto" and batch not in (None, fragment * envs):
            raise ValueError(
                f"A3C's batch is rollout_fragment_length {fragment} × {envs} env(s) = "
                f"{fragment * envs} steps of one runner, but train_batch_size says {batch}: "
                "leave one of them out"
            )
