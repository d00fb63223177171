"""Keys of retired RLlib releases that go, why, and which of their values ask for what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Edits, each


@dataclass(frozen=True)
class LeftOut:
    """A key that goes, where its value asks for nothing that is missing here.

    Attributes:
        reason: why it can go.
        values: the values it can go with; others are refused with ``refusal``. None: any.
        refusal: what is missing for the other values.
    """

    reason: str
    values: tuple[Any, ...] | None = None
    refusal: str = ""


def leave_out(edits: Edits, path: str, rule: LeftOut) -> None:
    """Remove a key.

    Raises:
        RequestError: the value asks for what is missing.
    """
    values = each(edits.get(path))
    if rule.values is not None and any(value not in rule.values for value in values):
        raise RequestError(rule.refusal, key=path)
    edits.leave_out(path, rule.reason)


_TF = LeftOut("it belonged to TensorFlow")
_STACK = LeftOut("it chose between RLlib's API stacks")
_PERFORMANCE = LeftOut("it tuned the retired sampler's speed")
_SETTLED = LeftOut("RLlib's failure handling covers it")
_ONE_AGENT = "multi-agent training is not supported"
_OFFLINE_ONLY = LeftOut("it belonged to offline data")
_DEBUGGED_TF = LeftOut("it looked into TensorFlow's graph")
_OFFLINE = "offline data is not supported"
_LEARNER = LeftOut("the algorithm has a learner of its own", (None,), "write an algorithm for it")
_CONNECTORS = LeftOut("there are none", (None, [], ()), "connectors are not supported")

EARLY: Mapping[str, LeftOut] = {
    # frameworks and stacks
    "eager": _TF,
    "eager_tracing": _TF,
    "eager_max_retraces": _TF,
    "tf_session_args": _TF,
    "local_tf_session_args": _TF,
    "_tf_policy_handles_more_than_one_loss": _TF,
    "no_eager_on_workers": _TF,
    "local_evaluator_tf_session_args": _TF,
    "tf_debug_iteration": _DEBUGGED_TF,
    "tf_debug_inf_or_nan": _DEBUGGED_TF,
    "full_trace_nth_sgd_batch": _DEBUGGED_TF,
    "full_trace_data_load": _DEBUGGED_TF,
    "enable_connectors": _STACK,
    "enable_tf1_exec_eagerly": _TF,
    "enable_rl_module_and_learner": _STACK,
    "enable_env_runner_and_connector_v2": _STACK,
    "_enable_rl_module_api": _STACK,
    "_enable_learner_api": _STACK,
    "_enable_rl_trainer_api": _STACK,
    "_enable_new_api_stack": _STACK,
    "_disable_execution_plan_api": _STACK,
    "use_exec_api": _STACK,
    "_use_trajectory_view_api": _STACK,
    "trainer_runner_config": _STACK,
    "_disable_preprocessor_api": LeftOut("observations are flattened as networks need them"),
    "_disable_action_flattening": LeftOut("actions here are never nested"),
    "_disable_initialize_loss_from_dummy_batch": _STACK,
    "simple_optimizer": LeftOut("there is one learner"),
    "devices": LeftOut("the learner takes the GPU it is given"),
    # sampling
    "compress_observations": LeftOut("rollouts are arrays of the environment's own dtype"),
    "sample_async": LeftOut("A3C's runners are asynchronous, A2C's and PPO's are not"),
    "sample_collector": _PERFORMANCE,
    "fake_sampler": _PERFORMANCE,
    "remote_env_batch_wait_ms": _PERFORMANCE,
    "enable_multi_gpu_training": _PERFORMANCE,
    "max_requests_in_flight_per_sampler_worker": _PERFORMANCE,
    "max_sample_requests_in_flight_per_worker": _PERFORMANCE,
    "num_parallel_data_loaders": _PERFORMANCE,
    "straggler_mitigation": _PERFORMANCE,
    "sync_filters_on_rollout_workers_timeout_s": _PERFORMANCE,
    "is_atari": LeftOut("games are known by their id", (False, None), "use clip_rewards"),
    "min_steps_per_task": _PERFORMANCE,
    "rollout_batchsize": _PERFORMANCE,
    "worker_resources": _PERFORMANCE,
    "memory": _PERFORMANCE,
    "memory_per_worker": _PERFORMANCE,
    "object_store_memory": _PERFORMANCE,
    "object_store_memory_per_worker": _PERFORMANCE,
    "use_gpu_for_workers": LeftOut(
        "runners use the CPU", (False, None), "use num_gpus_per_env_runner"
    ),
    "extra_frameskip": LeftOut("no frame is skipped", (1, None), "use env_config: {frameskip: …}"),
    "vtrace": LeftOut("advantages are GAE's", (False, None), "V-trace is not offered"),
    "before_learn_on_batch": LeftOut(
        "batches are learned from as they are", (None,), "batches cannot be changed on their way"
    ),
    "sampler_perf_stats_ema_coef": _PERFORMANCE,
    "update_worker_filter_stats": LeftOut("filters travel with the rollouts"),
    "use_worker_filter_stats": LeftOut("filters travel with the rollouts"),
    "synchronize_filters": LeftOut("filters travel with the rollouts"),
    "disable_env_checking": LeftOut("environments are checked when they are built"),
    "auto_wrap_old_gym_envs": LeftOut("environments are gymnasium's"),
    "env_task_fn": LeftOut(
        "no task is chosen", (None,), "environments that change their task are not supported"
    ),
    "reward_filter": LeftOut("it filtered nothing", ("NoFilter",), "rewards are not filtered"),
    "soft_horizon": LeftOut(
        "episodes end with their environment", (False, None), "soft horizons are not supported"
    ),
    "no_done_at_end": LeftOut("a cut episode is bootstrapped with the critic's value"),
    "num_consecutive_worker_failures_tolerance": _SETTLED,
    "num_consecutive_env_runner_failures_tolerance": _SETTLED,
    # logs
    "monitor": LeftOut("use rllib evaluate --video"),
    "record_env": LeftOut("use rllib evaluate --video"),
    "render_env": LeftOut("use rllib evaluate --video"),
    "write_logs": LeftOut("Tune writes the results"),
    "log_sys_usage": LeftOut("Tune writes the results"),
    "logger_creator": LeftOut("Tune writes the results"),
    "logger_config": LeftOut("Tune writes the results"),
    "metrics_episode_collection_timeout_s": _PERFORMANCE,
    "collect_metrics_timeout": _PERFORMANCE,
    "keep_per_episode_custom_metrics": LeftOut("episodes report return and length"),
    "min_train_timesteps_per_iteration": LeftOut(
        "iterations count sampled steps", (0, None), "use min_sample_timesteps_per_iteration"
    ),
    "min_train_timesteps_per_reporting": LeftOut(
        "iterations count sampled steps", (0, None), "use min_sample_timesteps_per_iteration"
    ),
    "always_attach_evaluation_results": LeftOut("evaluations are reported when they were made"),
    "evaluation_parallel_to_training": LeftOut("evaluation comes between two iterations"),
    "enable_async_evaluation": LeftOut("evaluation comes between two iterations"),
    "evaluation_sample_timeout_s": _PERFORMANCE,
    "in_evaluation": LeftOut("RLlib sets it itself"),
    "exploration": LeftOut("it was no key even then: explore is"),
    "extra_python_environs_for_driver": LeftOut(
        "none are given", ({}, None), "set environment variables before the command"
    ),
    "extra_python_environs_for_worker": LeftOut(
        "none are given", ({}, None), "set environment variables before the command"
    ),
    # data and agents
    "input": LeftOut("experience is sampled", ("sampler", None), _OFFLINE),
    "input_": LeftOut("experience is sampled", ("sampler", None), _OFFLINE),
    "input_config": LeftOut("experience is sampled", ({}, None), _OFFLINE),
    **dict.fromkeys(
        (
            "input_evaluation",
            "off_policy_estimation_methods",
            "ope_split_batch_by_episode",
            "actions_in_input_normalized",
            "postprocess_inputs",
            "shuffle_buffer_size",
            "output_compress_columns",
            "output_max_file_size",
            "offline_sampling",
        ),
        _OFFLINE_ONLY,
    ),
    "output": LeftOut("nothing is written", (None,), _OFFLINE),
    "output_config": LeftOut("nothing is written", ({}, None), _OFFLINE),
    "policies": LeftOut("there is one agent", (None, {}), _ONE_AGENT),
    "policy_mapping_fn": LeftOut("there is one agent", (None,), _ONE_AGENT),
    "policies_to_train": LeftOut("there is one agent", (None,), _ONE_AGENT),
    "count_steps_by": LeftOut("there is one agent", ("env_steps", None), _ONE_AGENT),
    "observation_fn": LeftOut("there is one agent", (None,), _ONE_AGENT),
    "replay_mode": LeftOut("there is one agent"),
    "policy_map_capacity": LeftOut("there is one agent"),
    "policy_states_are_swappable": LeftOut("there is one agent"),
    "replay_sequence_length": LeftOut("on-policy algorithms replay nothing"),
    "observation_space": LeftOut("spaces are read from the environment"),
    "action_space": LeftOut("spaces are read from the environment"),
}
# Those that came late stand apart.
# Keys that came with Ray 2.4 to 2.40 and went again; most exist still, so they tell no file's release.
LATE: Mapping[str, LeftOut] = {
    "env_runner_cls": LeftOut("the algorithm has a runner of its own"),
    "worker_cls": LeftOut("the algorithm has a runner of its own"),
    "episodes_to_numpy": LeftOut("rollouts are arrays"),
    "add_default_connectors_to_env_to_module_pipeline": _STACK,
    "add_default_connectors_to_module_to_env_pipeline": _STACK,
    "add_default_connectors_to_learner_pipeline": _STACK,
    "rl_module_spec": LeftOut(
        "the network is built from model", (None,), "RLModules are not supported; use custom_model"
    ),
    "rl_module_class": LeftOut("the network is built from model", (None,), "use custom_model"),
    "rl_trainer_class": _LEARNER,
    "_learner_class": _LEARNER,
    "learner_config_dict": LeftOut("nothing is set", ({}, None), "the learner reads no such key"),
    "algorithm_config_overrides_per_module": LeftOut("there is one agent", ({}, None), _ONE_AGENT),
    "_torch_grad_scaler_class": LeftOut("none is set", (None,), "use autocast"),
    "_torch_lr_scheduler_classes": LeftOut("none is set", (None, []), "give lr as a schedule"),
    "_prior_exploration_config": _STACK,
    "_dont_auto_sync_env_runner_states": _STACK,
    "_run_training_always_in_thread": _PERFORMANCE,
    "_evaluation_parallel_to_training_wo_thread": _PERFORMANCE,
    "action_mask_key": LeftOut("actions are not masked"),
    "torch_compile_learner": _PERFORMANCE,
    "torch_compile_worker": _PERFORMANCE,
    "torch_compile_learner_dynamo_mode": _PERFORMANCE,
    "torch_compile_worker_dynamo_mode": _PERFORMANCE,
    "torch_compile_learner_dynamo_backend": _PERFORMANCE,
    "torch_compile_worker_dynamo_backend": _PERFORMANCE,
    "torch_compile_learner_what_to_compile": _PERFORMANCE,
    "torch_ddp_kwargs": _PERFORMANCE,
    "torch_skip_nan_gradients": LeftOut("a gradient that is no number stops the trial"),
    "max_requests_in_flight_per_env_runner": _PERFORMANCE,
    "max_requests_in_flight_per_learner": _PERFORMANCE,
    "episode_lookback_horizon": LeftOut("rollouts are arrays"),
    "log_gradients": LeftOut("learners report the gradient's norm"),
    "evaluation_force_reset_envs_before_iteration": LeftOut("evaluations start afresh"),
    "env_to_module_connector": _CONNECTORS,
    "module_to_env_connector": _CONNECTORS,
    "learner_connector": _CONNECTORS,
    "export_native_model_files": LeftOut("checkpoints hold the weights"),
    "checkpoint_trainable_policies_only": LeftOut("there is one agent"),
    "_validate_config": LeftOut("every configuration is validated"),
    **dict.fromkeys(
        (
            "input_read_method",
            "input_read_method_kwargs",
            "input_read_schema",
            "input_read_episodes",
            "input_read_sample_batches",
            "input_read_batch_size",
            "input_filesystem",
            "input_filesystem_kwargs",
            "input_compress_columns",
            "input_spaces_jsonable",
            "materialize_data",
            "materialize_mapped_data",
            "map_batches_kwargs",
            "iter_batches_kwargs",
            "prelearner_class",
            "prelearner_buffer_class",
            "prelearner_buffer_kwargs",
            "prelearner_module_synch_period",
            "dataset_num_iters_per_learner",
            "output_max_rows_per_file",
            "output_write_method",
            "output_write_method_kwargs",
            "output_write_remaining_data",
            "output_filesystem",
            "output_filesystem_kwargs",
            "output_write_episodes",
        ),
        _OFFLINE_ONLY,
    ),
}

LEFT_OUT: Mapping[str, LeftOut] = {**EARLY, **LATE}

MODEL_LEFT_OUT: Mapping[str, LeftOut] = {
    "channel_major": LeftOut("torch decides the memory layout"),
    "state_shape": LeftOut("recurrent layers know their state"),
    "custom_preprocessor": LeftOut(
        "there is none", (None,), "custom preprocessors are gone; wrap the environment"
    ),
    "uses_new_env_runners": LeftOut("it chose between RLlib's API stacks"),
    "_time_major": LeftOut("sequences are arranged by the learner"),
    "_disable_preprocessor_api": LeftOut("observations are flattened as networks need them"),
    "_disable_action_flattening": LeftOut("actions here are never nested"),
    "_use_default_native_models": LeftOut("it belonged to TensorFlow"),
    "always_check_shapes": LeftOut("shapes are checked when the network is built"),
}

# Today's names too, which RLlib's networks for TorchModelV2 do not read.
INITIALIZERS = tuple(
    f"{part}_{what}_initializer{suffix}"
    for part in ("fcnet", "post_fcnet", "head_fcnet", "conv", "conv_transpose", "lstm")
    for what in ("weights", "kernel", "bias")
    for suffix in ("", "_config", "_kwargs")
)
