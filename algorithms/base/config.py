"""Base classes of the configurations, in RLlib's builder style."""

from __future__ import annotations

from typing import Any, Self

from ray.rllib.algorithms.algorithm_config import AlgorithmConfig, NotProvided
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.utils.schedules.scheduler import Scheduler

from rllib_zoo.algorithms.base.env_options import environment_options
from rllib_zoo.algorithms.base.known_keys import require_known
from rllib_zoo.algorithms.base.module_spec import ModuleSpec
from rllib_zoo.algorithms.base.schema import OBSERVATION_FILTERS, OPTIMIZERS
from rllib_zoo.algorithms.descriptors import REWARD_TO_GO
from rllib_zoo.custom_models.recurrence import check_recurrence, max_seq_len
from rllib_zoo.custom_models.rl_module import (
    ModelV2Module,
    checked_model_config,
    resolved_model_class,
)


class RolloutConfig(AlgorithmConfig):
    """Base of every algorithm on this project's env runner and learner.

    It holds what sampling and computing need: the env runner, the network, the optimizer, threads and
    number formats. Advantages and batches of rollouts belong to :class:`OnPolicyConfig`.
    """

    LEARNER_CLASS: type
    MODULE_CLASS: type = ModelV2Module
    # Attributes of RLlib's class and of the subclasses, for the type checker.
    _model_config: dict[str, Any]
    rollout_fragment_length: Any
    train_batch_size: Any

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class)
        from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
        from rllib_zoo.algorithms.env_runner.evaluation import evaluate_on_runners

        self.env_runner_cls = VectorEnvRunner
        self.gym_env_vectorize_mode = "vector_entry_point"
        self.custom_evaluation_function = evaluate_on_runners
        # Training waits during the probe; see RolloutAlgorithm for how often it happens.
        self.env_runner_health_probe_timeout_s = 2.0
        # Counted in the results; RLlib's default would end the run at the first error.
        self.restart_failed_sub_environments = True
        # One result after every batch of A2C's 40 steps would take 456 MB per million steps.
        self.min_sample_timesteps_per_iteration = 1000
        # The filter's moments travel with the rollouts; there are no connectors to synchronise.
        self._dont_auto_sync_env_runner_states = True
        self.normalize_returns = False
        self.optimizer: dict[str, Any] = {"type": "adam"}
        self.torch_num_threads: int | str | None = 1
        self.autocast: bool | str = False
        self.float32_matmul_precision = "highest"
        self.restore_from: str | None = None

    def training(
        self,
        *,
        model: dict[str, Any] | Any = NotProvided,
        optimizer: dict[str, Any] | Any = NotProvided,
        torch_num_threads: int | str | Any | None = NotProvided,
        autocast: bool | str | Any = NotProvided,
        float32_matmul_precision: str | Any = NotProvided,
        restore_from: str | Any | None = NotProvided,
        **kwargs: Any,
    ) -> Self:
        """RLlib's ``training()`` and what it refuses or ignores on the new API stack.

        Args:
            model: RLlib's model dict (``custom_model``, ``fcnet_hiddens``, …), as in older releases;
                merged over what was set before.
            optimizer: ``{type: adam | rmsprop, epsilon: …}``; see ``OPTIMIZERS`` for the keys.
            torch_num_threads: threads of one process for emulator, network and gradients; ``auto``
                takes the CPUs reserved for it (``num_cpus_for_main_process`` and so on), None
                leaves torch's choice. Small networks run fastest on one.
            autocast: run convolutions and encoder in bfloat16; ``auto``: where the processor or GPU
                multiplies it in hardware.
            float32_matmul_precision: ``highest``, ``high`` or ``medium``, torch's own setting; medium
                lets the processor multiply in bfloat16 where it can, twice as fast on AVX512-BF16.
            restore_from: folder of a checkpoint whose weights and state training starts from.

        Raises:
            ValueError: an argument that nothing reads, with the nearest valid name.
        """
        require_known(self, {"model": model, "optimizer": optimizer, **kwargs})
        own = getattr(self.algo_class, "settings", {})
        set_provided(self, **{key: kwargs.pop(key) for key in [*kwargs] if key in own})
        super().training(**kwargs)
        if model is not NotProvided:
            self._model_config = {**self._model_config, **_as_data(model)}
        if optimizer is not NotProvided:
            self.optimizer = dict(optimizer) if isinstance(optimizer, dict) else optimizer
        set_provided(
            self,
            torch_num_threads=torch_num_threads,
            autocast=autocast,
            float32_matmul_precision=float32_matmul_precision,
            restore_from=restore_from,
        )
        return self

    def api_stack(
        self,
        enable_rl_module_and_learner: bool | Any = NotProvided,
        enable_env_runner_and_connector_v2: bool | Any = NotProvided,
    ) -> Self:
        """RLlib's switch to its old API stack, which is not supported.

        Raises:
            ValueError: one of them is false.
        """
        settings = {
            "enable_rl_module_and_learner": enable_rl_module_and_learner,
            "enable_env_runner_and_connector_v2": enable_env_runner_and_connector_v2,
        }
        require_known(self, settings)
        return super().api_stack(**settings)

    def update_from_dict(self, config_dict: dict[str, Any]) -> Self:
        """As RLlib's, whose way of resolving ``model.custom_model`` can give a module, not a class.

        Raises:
            ValueError: a key that nothing reads, with the nearest valid name.
        """
        require_known(self, config_dict)
        rest = dict(config_dict)
        # Before the rest: the whole dict of a configuration has the merged ``_model_config``, too.
        self.training(model=rest.pop("model", NotProvided))
        return super().update_from_dict(rest)

    def get_default_learner_class(self) -> type:
        """RLlib's hook."""
        return self.LEARNER_CLASS

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        """RLlib's hook; RLlib merges ``model_config`` into it."""
        return ModuleSpec(module_class=self.MODULE_CLASS)

    @property
    def environment_options(self) -> dict[str, Any]:
        """See :func:`rllib_zoo.algorithms.base.env_options.environment_options`."""
        return environment_options(self.env, self.env_config, self._model_config)

    @property
    def rollouts_per_batch(self) -> int:
        """How many fragments of every environment are sampled between two updates."""
        return 1

    def validate(self) -> None:
        """RLlib's checks and ours.

        Raises:
            ValueError: one sentence with the numbers that contradict each other.
        """
        super().validate()
        checked_model_config(self._model_config)
        check_recurrence(self._model_config)
        self._validate_optimizer()
        self._validate_supported()
        _ = self.environment_options
        if not self.in_evaluation:
            self._validate_batches()

    def validate_train_batch_size_vs_rollout_fragment_length(self) -> None:
        """Replaced by the exact check of :meth:`validate`; RLlib's tolerates 10 %."""

    def _validate_optimizer(self) -> None:
        kind = str(self.optimizer.get("type"))
        if kind not in OPTIMIZERS:
            raise ValueError(
                f"optimizer type {kind!r} is unknown; choose one of {', '.join(OPTIMIZERS)}"
            )
        unknown = sorted(set(self.optimizer) - {"type"} - set(OPTIMIZERS[kind]))
        if unknown:
            supported = ", ".join(OPTIMIZERS[kind])
            raise ValueError(
                f"optimizer key {unknown[0]!r} is unknown for {kind}; supported: {supported}"
            )

    def _validate_supported(self) -> None:
        if self.observation_filter not in OBSERVATION_FILTERS:
            raise ValueError(
                f"observation_filter {self.observation_filter!r} is unknown; "
                f"choose one of {', '.join(OBSERVATION_FILTERS)}"
            )
        if self.is_multi_agent:
            raise ValueError("multi-agent configurations are not supported")
        if self.evaluation_duration == "auto" or self.evaluation_duration_unit != "episodes":
            raise ValueError(
                "evaluation plays a number of whole episodes; evaluation_duration "
                f"{self.evaluation_duration!r} in {self.evaluation_duration_unit} is not supported"
            )

    def _validate_batches(self) -> None:
        """Of a subclass: whether env runners, environments and learners can make up the batch."""


class OnPolicyConfig(RolloutConfig):
    """Base of A2C, A3C, PG and PPO: advantage estimation, and batches made of whole rollouts.

    Losses are means over steps. Batches are exact: a train batch that env runners, environments and
    fragments cannot make up is refused instead of rounded.
    """

    BATCH_MODES: tuple[str, ...] = ("truncate_episodes",)
    # Of the subclasses, for the type checker.
    entropy_coeff: Any

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class)
        self.standardize_advantages = False
        self.use_critic = True
        self.use_gae = True
        # Keys of PG; the advantage estimation of every algorithm reads them.
        self.credit = REWARD_TO_GO
        self.constant_baseline = False
        self.gradient_variance_every: int | None = None

    def training(
        self,
        *,
        standardize_advantages: bool | Any = NotProvided,
        gradient_variance_every: int | Any | None = NotProvided,
        normalize_returns: bool | Any = NotProvided,
        **kwargs: Any,
    ) -> Self:
        """As :meth:`RolloutConfig.training`.

        Args:
            standardize_advantages: zero mean and unit variance over the train batch.
            gradient_variance_every: updates between two measurements of the policy gradient's
                variance (``algorithms/learner/gradient_variance.py``); None: none.
            normalize_returns: learn from rewards divided by the running standard deviation of the
                discounted return (``algorithms/env_runner/normalization.py``); scores stay raw.
        """
        super().training(**kwargs)
        set_provided(
            self,
            standardize_advantages=standardize_advantages,
            gradient_variance_every=gradient_variance_every,
            normalize_returns=normalize_returns,
        )
        return self

    @property
    def rollouts_per_batch(self) -> int:
        """How many fragments of every environment make one train batch."""
        columns = max(self.num_env_runners, 1) * self.num_envs_per_env_runner
        per_round = columns * self.get_rollout_fragment_length()
        return max(self.total_train_batch_size // per_round, 1)

    def validate(self) -> None:
        """RLlib's checks and ours.

        Raises:
            ValueError: one sentence with the numbers that contradict each other.
        """
        super().validate()
        if not self.in_evaluation:
            self._validate_sequences()
        Scheduler.validate(
            fixed_value_or_schedule=self.entropy_coeff,
            setting_name="entropy_coeff",
            description="entropy coefficient",
        )

    def _validate_supported(self) -> None:
        # RLlib derives its evaluation configuration with whole episodes, which ours always plays.
        if self.batch_mode not in self.BATCH_MODES and not self.in_evaluation:
            raise ValueError(
                f"batch_mode {self.batch_mode!r} is not supported; use 'truncate_episodes': "
                "fragments are bootstrapped with the critic"
            )
        if self.gradient_variance_every is not None and self._model_config.get("use_lstm"):
            raise ValueError(
                f"gradient_variance_every {self.gradient_variance_every} is not supported with "
                "use_lstm: recurrent batches are split by sequences"
            )
        super()._validate_supported()

    def _validate_batches(self) -> None:
        runners, envs = max(self.num_env_runners, 1), self.num_envs_per_env_runner
        total, columns = self.total_train_batch_size, runners * envs
        fragment, unit, factors = self.rollout_fragment_length, columns, ""
        if fragment != "auto":
            unit, factors = columns * fragment, f" × rollout_fragment_length {fragment}"
        if total % unit or total < unit:
            low = max(total // unit, 1) * unit
            raise ValueError(
                f"train_batch_size {total} is not divisible by {runners} runner(s) × {envs} env(s)"
                f"{factors} = {unit}; nearest: {low} or {low + unit}"
            )
        shards = self.num_learners or 1
        if (columns * self.rollouts_per_batch) % shards:
            raise ValueError(
                f"{columns * self.rollouts_per_batch} environment columns cannot be shared equally "
                f"by num_learners {shards}"
            )
        minibatch, share = self.minibatch_size, total // shards
        if minibatch is not None and minibatch > share:
            raise ValueError(
                f"minibatch_size {minibatch} is larger than the train batch of one learner ({share})"
            )

    def _validate_sequences(self) -> None:
        """``max_seq_len`` must fit the fragment and the minibatch."""
        model = self._model_config
        fragment, minibatch = self.get_rollout_fragment_length(), self.minibatch_size
        longest = model.get("max_seq_len", 1)
        if longest > fragment:
            raise ValueError(
                f"model.max_seq_len {longest} is longer than the fragment: rollout_fragment_length "
                f"is {fragment}"
            )
        longest = min(max_seq_len(model), fragment) if model.get("use_lstm") else longest
        if minibatch is not None and minibatch < longest:
            raise ValueError(
                f"minibatch_size {minibatch} is smaller than max_seq_len {longest}: minibatches are "
                "of whole sequences"
            )


def set_provided(config: AlgorithmConfig, **values: Any) -> None:
    """Set the attributes whose value was provided, as RLlib's builder methods do."""
    for name, value in values.items():
        if value is not NotProvided:
            setattr(config, name, value)


def _as_data(model: dict[str, Any]) -> dict[str, Any]:
    """The model dict with an importable class written as its path, so that configs stay data."""
    custom_model = model.get("custom_model")
    if isinstance(custom_model, type):
        path = f"{custom_model.__module__}.{custom_model.__qualname__}"
        try:
            if resolved_model_class(path) is custom_model:
                return {**model, "custom_model": path}
        except ValueError:
            pass
    return dict(model)
