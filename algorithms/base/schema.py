"""The supported configuration keys and validators of their values.

RLlib 2.60 accepts any key as a new attribute, so unknown keys are refused here. Keys of RLlib that
this project's env runners and learners do not read are in ``UNUSED`` with the reason; keys of older
releases are in ``legacy/renamed_keys.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.validators import (
    LARGEST_SEED,
    Kind,
    activation,
    anything,
    boolean,
    choice,
    conv_filters,
    either,
    integer,
    mapping,
    number,
    optional,
    schedule,
    text,
    widths,
)
from rllib_zoo.envs.creators import VECTORIZE_MODES

# Type of optimizer → its keys with their defaults.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"epsilon": 1e-8, "betas": [0.9, 0.999]},
    "rmsprop": {"epsilon": 1e-5, "alpha": 0.99, "momentum": 0.0},
}
OBSERVATION_FILTERS = ("NoFilter", "MeanStdFilter")
# Callback methods that only RLlib's own env runners call, which collect episodes.
NOT_CALLED = (
    "on_episode_created", "on_episode_start", "on_episode_step", "on_episode_end", "on_sample_end",
    "on_environment_created", "on_sub_environment_created", "on_postprocess_trajectory",
    "on_learn_on_batch", "on_create_policy",
)  # fmt: skip


def callbacks(value: object) -> str | None:
    """A callback class all of whose methods are called here; in a YAML file its path."""
    from ray.rllib.callbacks.callbacks import RLlibCallback
    from ray.rllib.utils.serialization import deserialize_type

    if isinstance(value, str):
        try:
            value = deserialize_type(value, error=True)
        except Exception:  # the module's own code runs here and may raise anything
            return "the path of a class that can be imported"
        if not (isinstance(value, type) and issubclass(value, RLlibCallback)):
            return "a class derived from RLlib's RLlibCallback, or its path"
    classes = value if isinstance(value, list | tuple) else [value]
    bases = [base for cls in classes if isinstance(cls, type) for base in cls.__mro__]
    methods = {m for base in bases if not base.__module__.startswith("ray.") for m in vars(base)}
    uncalled = ", ".join(name for name in NOT_CALLED if name in methods)
    problem = f"a class without {uncalled}: env runners collect rollouts, not episodes"
    return problem if uncalled else None


# Alternative names of keys, which RLlib's `update_from_dict` translates.
ALIASES = {"lambda": "lambda_", "framework": "framework_str"}

# What only learners read: it cannot differ in evaluation.
LEARNING: dict[str, Kind] = {
    "lr": schedule(number(0)),
    "gamma": number(0, 1),
    "lambda_": number(0, 1),
    "use_gae": boolean,
    "use_critic": boolean,
    "vf_loss_coeff": number(0),
    "entropy_coeff": schedule(number(0)),
    "grad_clip": optional(number(0, above=True)),
    "grad_clip_by": choice("global_norm", "norm", "value"),
    "standardize_advantages": boolean,
    "gradient_variance_every": optional(integer(1)),
    "optimizer": mapping,
    "train_batch_size": integer(1),
    "train_batch_size_per_learner": optional(integer(1)),
}
COMMON: dict[str, Kind] = {
    **LEARNING,
    "model": mapping,
    "torch_num_threads": optional(either(integer(1), choice("auto"))),
    "autocast": either(boolean, choice("auto")),
    "float32_matmul_precision": choice("highest", "high", "medium"),
    "restore_from": optional(text),
    # rollouts
    "rollout_fragment_length": either(integer(1), choice("auto")),
    "batch_mode": choice("truncate_episodes"),
    # env runners
    "num_env_runners": integer(0),
    "num_envs_per_env_runner": integer(1),
    "gym_env_vectorize_mode": choice(*VECTORIZE_MODES),
    "observation_filter": choice(*OBSERVATION_FILTERS),
    "normalize_actions": boolean,
    "clip_actions": boolean,
    "clip_rewards": optional(either(boolean, number(0, above=True))),
    "env_config": mapping,
    "sample_timeout_s": number(0, above=True),
    "create_env_on_local_worker": boolean,
    # resources
    "num_cpus_for_main_process": number(0),
    "num_cpus_per_env_runner": number(0),
    "num_gpus_per_env_runner": number(0),
    "num_learners": integer(0),
    "num_cpus_per_learner": either(number(0), choice("auto")),
    "num_gpus_per_learner": number(0),
    "local_gpu_idx": integer(0),
    "custom_resources_per_env_runner": mapping,
    "custom_resources_per_learner": mapping,
    "custom_resources_for_main_process": mapping,
    "placement_strategy": choice("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"),
    "framework_str": choice("torch"),
    # evaluation during training
    "evaluation_interval": optional(integer(1)),
    "evaluation_duration": integer(1),
    "evaluation_duration_unit": choice("episodes"),
    "evaluation_num_env_runners": integer(0),
    "evaluation_sample_timeout_s": number(0, above=True),
    "evaluation_config": optional(mapping),
    "explore": boolean,
    "custom_evaluation_function": anything,
    # reporting
    "min_sample_timesteps_per_iteration": integer(0),
    "min_time_s_per_iteration": optional(number(0)),
    "metrics_num_episodes_for_smoothing": integer(1),
    "log_level": choice("DEBUG", "INFO", "WARN", "ERROR"),
    "seed": optional(integer(0, LARGEST_SEED)),
    # fault tolerance
    "restart_failed_sub_environments": boolean,
    "restart_failed_env_runners": boolean,
    "ignore_env_runner_failures": boolean,
    "max_num_env_runner_restarts": integer(0),
    "env_runner_health_probe_timeout_s": number(0),
    "env_runner_restore_timeout_s": number(0),
    "validate_env_runners_after_construction": boolean,
    # Python objects
    "callbacks_class": callbacks,
    "callbacks_on_algorithm_init": anything,
    "callbacks_on_env_runners_recreated": anything,
    "callbacks_on_checkpoint_loaded": anything,
    "callbacks_on_evaluate_start": anything,
    "callbacks_on_evaluate_end": anything,
    "callbacks_on_train_result": anything,
}


def keys_of(algorithm: str) -> dict[str, Kind]:
    """Every configuration key of an algorithm, with a check of its value."""
    descriptor = algorithms.descriptor(algorithm)
    common = {key: kind for key, kind in COMMON.items() if descriptor.uses_common_key(key)}
    return {**common, **descriptor.keys}


def own_keys() -> dict[str, Mapping[str, Kind]]:
    """Algorithm → the keys that only it has."""
    return {name: algorithms.descriptor(name).keys for name in algorithms.names()}


OPTIMIZER_KEYS: dict[str, Kind] = {
    "type": choice(*OPTIMIZERS),
    "epsilon": number(0, above=True),
    "alpha": number(0, 1),
    "momentum": number(0, 1),
    "betas": lambda value: (
        None
        if isinstance(value, list)
        and len(value) == 2
        and not any(number(0, 1)(beta) or beta == 1 for beta in value)
        else "two numbers from 0 to below 1"
    ),
}

# Validators of the ``model`` keys that networks here read; RLlib checks the others.
MODEL_KEYS: dict[str, Kind] = {
    "fcnet_hiddens": widths,
    "fcnet_activation": activation,
    "conv_filters": optional(conv_filters),
    "conv_activation": activation,
    "post_fcnet_hiddens": widths,
    "use_lstm": boolean,
    "lstm_cell_size": integer(1),
    "max_seq_len": integer(1),
    "vf_share_layers": boolean,
    "free_log_std": boolean,
    "no_final_linear": boolean,
    "custom_model_config": mapping,
    "channels_last": boolean,
    "dim": integer(1),
    # Networks read gray screens scaled to [0, 1]. The other values would have no effect.
    "grayscale": lambda value: (
        None if value is True else "true (for colour use env_config: {grayscale_obs: false})"
    ),
    "zero_mean": lambda value: None if value is False else "false: pixels are scaled to [0, 1]",
}

_NEW_STACK = "the old API stack is not supported, its networks run on the new one; leave it out"
# Key or key prefix → why it has no effect.
UNUSED = {
    "enable_rl_module_and_learner": _NEW_STACK,
    "enable_env_runner_and_connector_v2": _NEW_STACK,
    "observation_space": "spaces are read from the environment",
    "action_space": "spaces are read from the environment",
    "max_requests_in_flight_per_env_runner": "every env runner has one pending request",
    "num_consecutive_env_runner_failures_tolerance": "env runners collect rollouts, not episodes",
    "multiagent": "multi-agent training is not supported",
    "policies": "multi-agent training is not supported",
    "exploration_config": "actions are sampled from the policy",
    "preprocessor_pref": "observations are preprocessed by the environment",
    "compress_observations": "rollouts are arrays, not compressed samples",
    "remote_worker_envs": "use gym_env_vectorize_mode: async",
    "eager_tracing": "it belongs to TensorFlow",
    "tf_session_args": "it belongs to TensorFlow",
    "local_tf_session_args": "it belongs to TensorFlow",
    "horizon": "use the environment's own time limit (env_config: {max_episode_steps: …})",
    "replay_buffer_config": "on-policy algorithms keep no replay buffer",
    "input_": "offline data is not supported",
    "output": "offline data is not supported",
    "render_env": "use rllib evaluate --video",
    "num_aggregator_actors_per_learner": "rollouts go to the learner directly",
}
