"""Keys of retired RLlib releases that go, why, and which of their values ask for what is missing."""

from __future__ import annotations

from collections.abc import Mapping

from rllib_zoo.experiments.legacy.left_out import LeftOut
from rllib_zoo.experiments.legacy.retired_late import LATE

_TF = LeftOut("it belonged to TensorFlow")
_STACK = LeftOut("it chose between RLlib's API stacks")
_PERFORMANCE = LeftOut("it tuned the retired sampler's speed")
_SETTLED = LeftOut("RLlib's failure handling covers it")
_ONE_AGENT = "multi-agent training is not supported"
_OFFLINE_ONLY = LeftOut("it belonged to offline data")
_DEBUGGED_TF = LeftOut("it looked into TensorFlow's graph")
_OFFLINE = "offline data is not supported"

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
