"""Keys of older RLlib releases that are removed, with the reason and the values they may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.grid import grid_values


@dataclass(frozen=True)
class RemovedKey:
    """A key that is removed unless its value needs a feature that is not supported.

    Attributes:
        reason: why it is removed.
        values: values it may have; others are refused with ``refusal``. None: any value.
        refusal: the error for other values.
    """

    reason: str
    values: tuple[Any, ...] | None = None
    refusal: str = ""


def removed_keys(*rows: tuple[Any, ...]) -> dict[str, RemovedKey]:
    """Key → rule, from rows of keys (separated by spaces) and the rule's attributes."""
    return {key: RemovedKey(*rule) for keys, *rule in rows for key in keys.split()}


def remove(edits: Edits, path: str, rule: RemovedKey) -> None:
    """Remove a key.

    Raises:
        RequestError: the value needs a feature that is not supported.
    """
    values = grid_values(edits.get(path))
    if rule.values is not None and any(value not in rule.values for value in values):
        raise RequestError(rule.refusal, key=path)
    edits.remove(path, rule.reason)


_API_STACK = "it selected RLlib's API stack"
_PERFORMANCE = "it tuned the performance of older RLlib releases"
_OFFLINE = "offline data is not supported"
_ONE_AGENT = "training has a single agent"
_MULTI_AGENT = "multi-agent training is not supported"

# Keys of releases before Ray 2.4; a file with one of them is a legacy file.
EARLY = removed_keys(
    ("eager eager_tracing eager_max_retraces tf_session_args local_tf_session_args "
     "_tf_policy_handles_more_than_one_loss no_eager_on_workers local_evaluator_tf_session_args "
     "enable_tf1_exec_eagerly tf_debug_iteration tf_debug_inf_or_nan full_trace_nth_sgd_batch "
     "full_trace_data_load", "TensorFlow is not supported"),
    ("enable_connectors enable_rl_module_and_learner enable_env_runner_and_connector_v2 "
     "_enable_rl_module_api _enable_learner_api _enable_rl_trainer_api _enable_new_api_stack "
     "_disable_execution_plan_api use_exec_api _use_trajectory_view_api trainer_runner_config "
     "_disable_initialize_loss_from_dummy_batch", _API_STACK),
    ("_disable_preprocessor_api", "observations are flattened if the network needs it"),
    ("_disable_action_flattening", "environments get actions in the structure of their space"),
    ("simple_optimizer", "it selected an optimizer of older RLlib releases"),
    ("devices", "learners use the GPUs assigned to them"),
    ("compress_observations", "rollouts are uncompressed arrays"),
    ("sample_async", "only A3C's env runners are asynchronous"),
    ("sample_collector fake_sampler remote_env_batch_wait_ms enable_multi_gpu_training "
     "max_requests_in_flight_per_sampler_worker max_sample_requests_in_flight_per_worker "
     "num_parallel_data_loaders straggler_mitigation sync_filters_on_rollout_workers_timeout_s "
     "min_steps_per_task rollout_batchsize worker_resources memory memory_per_worker "
     "object_store_memory object_store_memory_per_worker sampler_perf_stats_ema_coef "
     "metrics_episode_collection_timeout_s collect_metrics_timeout",
     _PERFORMANCE),
    ("is_atari", "Atari games are detected by their id", (False, None), "use clip_rewards"),
    ("use_gpu_for_workers", "env runners use CPUs", (False, None), "use num_gpus_per_env_runner"),
    ("extra_frameskip", "no extra frames are skipped", (1, None), "use env_config: {frameskip: …}"),
    ("vtrace", "advantages are computed with GAE", (False, None), "V-trace is not supported"),
    ("before_learn_on_batch", "it is not set", (None,), "modifying batches is not supported"),
    ("update_worker_filter_stats use_worker_filter_stats synchronize_filters",
     "observation filters are synchronized with every rollout"),
    ("disable_env_checking", "environments are checked when they are built"),
    ("auto_wrap_old_gym_envs", "environments use the gymnasium API"),
    ("env_task_fn", "no task function is set", (None,), "task functions are not supported"),
    ("reward_filter", "no reward filter is set", ("NoFilter",), "reward filters are not supported"),
    ("soft_horizon", "it is not set", (False, None), "soft horizons are not supported"),
    ("no_done_at_end", "truncated episodes are bootstrapped with the critic's value"),
    ("num_consecutive_worker_failures_tolerance num_consecutive_env_runner_failures_tolerance",
     "RLlib's other fault tolerance settings cover it"),
    ("delay_between_worker_restarts_s", "a crashed runner is restarted at once"),
    ("monitor record_env render_env", "use rllib evaluate --video"),
    ("write_logs log_sys_usage logger_creator logger_config", "Tune writes the results"),
    ("keep_per_episode_custom_metrics", "episodes report return and length"),
    ("min_train_timesteps_per_iteration min_train_timesteps_per_reporting",
     "iterations count sampled steps", (0, None), "use min_sample_timesteps_per_iteration"),
    ("always_attach_evaluation_results", "results are only reported after an evaluation"),
    ("evaluation_parallel_to_training enable_async_evaluation",
     "evaluation runs between two training iterations"),
    ("in_evaluation", "RLlib sets it internally"),
    ("exploration", "RLlib never read it; the key is explore"),
    ("extra_python_environs_for_driver extra_python_environs_for_worker", "no variables are set",
     ({}, None), "set environment variables before the command"),
    ("input input_", "experience is sampled", ("sampler", None), _OFFLINE),
    ("input_config", "experience is sampled", ({}, None), _OFFLINE),
    ("input_evaluation off_policy_estimation_methods ope_split_batch_by_episode "
     "actions_in_input_normalized postprocess_inputs shuffle_buffer_size output_compress_columns "
     "output_max_file_size offline_sampling", _OFFLINE),
    ("output", "no output is written", (None,), _OFFLINE),
    ("output_config", "no output is written", ({}, None), _OFFLINE),
    ("policies", _ONE_AGENT, (None, {}), _MULTI_AGENT),
    ("policy_mapping_fn policies_to_train observation_fn", _ONE_AGENT, (None,), _MULTI_AGENT),
    ("count_steps_by", _ONE_AGENT, ("env_steps", None), _MULTI_AGENT),
    ("replay_mode policy_map_capacity policy_states_are_swappable", _ONE_AGENT),
    ("replay_sequence_length", "on-policy algorithms have no replay buffer"),
    ("observation_space action_space", "spaces are read from the environment"),
)  # fmt: skip
# Keys of Ray 2.4 to 2.40. Most still exist in RLlib, so they do not make a file a legacy file.
LATE = removed_keys(
    ("env_runner_cls worker_cls", "the algorithm has its own env runner"),
    ("episodes_to_numpy episode_lookback_horizon", "rollouts are arrays"),
    ("delay_between_env_runner_restarts_s", "a crashed runner is restarted at once"),
    ("add_default_connectors_to_env_to_module_pipeline "
     "add_default_connectors_to_module_to_env_pipeline add_default_connectors_to_learner_pipeline "
     "_prior_exploration_config _dont_auto_sync_env_runner_states", _API_STACK),
    ("rl_module_spec", "it is not set", (None,), "RLModules are not supported; use custom_model"),
    ("rl_module_class", "the network is built from model", (None,), "use custom_model"),
    ("rl_trainer_class _learner_class", "the algorithm has its own learner", (None,),
     "custom learner classes are not supported"),
    ("learner_config_dict", "it is empty", ({}, None), "learners do not read it"),
    ("algorithm_config_overrides_per_module", _ONE_AGENT, ({}, None), _MULTI_AGENT),
    ("_torch_grad_scaler_class", "it is not set", (None,), "use autocast"),
    ("_torch_lr_scheduler_classes", "it is not set", (None, []), "set lr to a schedule"),
    ("_run_training_always_in_thread _evaluation_parallel_to_training_wo_thread "
     "torch_compile_learner torch_compile_worker torch_compile_learner_dynamo_mode "
     "torch_compile_worker_dynamo_mode torch_compile_learner_dynamo_backend "
     "torch_compile_worker_dynamo_backend torch_compile_learner_what_to_compile torch_ddp_kwargs "
     "max_requests_in_flight_per_env_runner max_requests_in_flight_per_learner", _PERFORMANCE),
    ("action_mask_key", "action masking is not supported"),
    ("torch_skip_nan_gradients", "NaN gradients stop the trial"),
    ("log_gradients", "the gradient norm is always reported"),
    ("evaluation_force_reset_envs_before_iteration", "evaluations always start with a reset"),
    ("env_to_module_connector module_to_env_connector learner_connector", "it is not set",
     (None, [], ()), "connectors are not supported"),
    ("export_native_model_files", "checkpoints contain the weights"),
    ("checkpoint_trainable_policies_only", _ONE_AGENT),
    ("_validate_config", "every configuration is validated"),
    ("input_read_method input_read_method_kwargs input_read_schema input_read_episodes "
     "input_read_sample_batches input_read_batch_size input_filesystem input_filesystem_kwargs "
     "input_compress_columns input_spaces_jsonable materialize_data materialize_mapped_data "
     "map_batches_kwargs iter_batches_kwargs prelearner_class prelearner_buffer_class "
     "prelearner_buffer_kwargs prelearner_module_synch_period dataset_num_iters_per_learner "
     "output_max_rows_per_file output_write_method output_write_method_kwargs "
     "output_write_remaining_data output_filesystem output_filesystem_kwargs "
     "output_write_episodes", _OFFLINE),
)  # fmt: skip
REMOVED: Mapping[str, RemovedKey] = {**EARLY, **LATE}

MODEL_REMOVED = removed_keys(
    ("channel_major", "PyTorch chooses the memory layout"),
    ("state_shape", "recurrent layers define the shape of their state"),
    ("custom_preprocessor", "it is not set", (None,), "not supported; wrap the environment"),
    ("uses_new_env_runners", _API_STACK),
    ("_time_major", "the learner arranges sequences"),
    ("_disable_preprocessor_api", "observations are flattened if the network needs it"),
    ("_disable_action_flattening", "environments get actions in the structure of their space"),
    ("_use_default_native_models", "TensorFlow is not supported"),
    ("always_check_shapes", "shapes are checked when the network is built"),
)
# RLlib still has these keys, but its TorchModelV2 networks do not read them.
INITIALIZERS = tuple(
    f"{layers}_{parameter}_initializer{suffix}"
    for layers in ("fcnet", "post_fcnet", "head_fcnet", "conv", "conv_transpose", "lstm")
    for parameter in ("weights", "kernel", "bias")
    for suffix in ("", "_config", "_kwargs")
)
