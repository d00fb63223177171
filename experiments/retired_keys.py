"""What the keys of retired RLlib releases (Ray 0.4 to 2.40) are called, or why they are left out.

Data only; ``translation.py`` applies it. Sources: the configuration classes and default dictionaries
of these releases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Key of an experiment → today's.
EXPERIMENT_RENAMED = {
    "alg": "run",
    "repeat": "num_samples",
    "num_trials": "num_samples",
    "upload_dir": "storage_path",
}
_OWN_RESOURCES = "the algorithm requests its resources itself"
EXPERIMENT_LEFT_OUT = {
    "resources": _OWN_RESOURCES,
    "trial_resources": _OWN_RESOURCES,
    "resources_per_trial": _OWN_RESOURCES,
    "pass_criteria": "it belonged to release tests",
    "log_to_file": "Tune writes a trial's error beside its results anyway",
    "export_formats": "checkpoints hold the weights",
    "sync_config": "results go to the storage path",
}

# Result that stopped a trial or ranked its checkpoints → today's.
RESULTS_RENAMED = {
    "info/num_steps_sampled": "num_env_steps_sampled_lifetime",
    "info/num_steps_trained": "num_env_steps_sampled_lifetime",
    "info/num_env_steps_sampled": "num_env_steps_sampled_lifetime",
    "info/num_env_steps_trained": "num_env_steps_sampled_lifetime",
    "num_env_steps_sampled": "num_env_steps_sampled_lifetime",
    "num_env_steps_trained": "num_env_steps_sampled_lifetime",
    "num_agent_steps_sampled": "num_env_steps_sampled_lifetime",
    "num_agent_steps_trained": "num_env_steps_sampled_lifetime",
    "num_agent_steps_sampled_lifetime": "num_env_steps_sampled_lifetime",
    "agent_timesteps_total": "num_env_steps_sampled_lifetime",
}
# Last part of a result's path, below `env_runners` or `sampler_results`.
EPISODE_RESULTS_RENAMED = {
    "episode_reward_mean": "episode_return_mean",
    "episode_reward_min": "episode_return_min",
    "episode_reward_max": "episode_return_max",
}

RENAMED = {
    # runners
    "num_workers": "num_env_runners",
    "num_rollout_workers": "num_env_runners",
    "num_envs_per_worker": "num_envs_per_env_runner",
    "create_env_on_driver": "create_env_on_local_worker",
    "num_cpus_per_worker": "num_cpus_per_env_runner",
    "num_gpus_per_worker": "num_gpus_per_env_runner",
    "custom_resources_per_worker": "custom_resources_per_env_runner",
    "num_cpus_for_driver": "num_cpus_for_main_process",
    "num_cpus_for_local_worker": "num_cpus_for_main_process",
    # learners
    "num_learner_workers": "num_learners",
    "num_gpus_per_learner_worker": "num_gpus_per_learner",
    "num_cpus_per_learner_worker": "num_cpus_per_learner",
    # batches
    "sample_batch_size": "rollout_fragment_length",
    "batch_size": "rollout_fragment_length",
    "timesteps_per_batch": "train_batch_size",
    "num_sgd_iter": "num_epochs",
    "sgd_minibatch_size": "minibatch_size",
    "sgd_batchsize": "minibatch_size",
    "sgd_stepsize": "lr",
    "shuffle_sequences": "shuffle_batch_per_epoch",
    # reporting
    "min_iter_time_s": "min_time_s_per_iteration",
    "min_time_s_per_reporting": "min_time_s_per_iteration",
    "timesteps_per_iteration": "min_sample_timesteps_per_iteration",
    "min_sample_timesteps_per_reporting": "min_sample_timesteps_per_iteration",
    "metrics_smoothing_episodes": "metrics_num_episodes_for_smoothing",
    "smoothing_num_episodes": "metrics_num_episodes_for_smoothing",
    # evaluation
    "evaluation_num_episodes": "evaluation_duration",
    "evaluation_num_workers": "evaluation_num_env_runners",
    "custom_eval_function": "custom_evaluation_function",
    "custom_eval_fn": "custom_evaluation_function",
    # faults
    "ignore_worker_failures": "ignore_env_runner_failures",
    "recreate_failed_workers": "restart_failed_env_runners",
    "recreate_failed_env_runners": "restart_failed_env_runners",
    "max_num_worker_restarts": "max_num_env_runner_restarts",
    "delay_between_worker_restarts_s": "delay_between_env_runner_restarts_s",
    "worker_health_probe_timeout_s": "env_runner_health_probe_timeout_s",
    "worker_restore_timeout_s": "env_runner_restore_timeout_s",
    "validate_workers_after_construction": "validate_env_runners_after_construction",
    "callbacks": "callbacks_class",
}

# Key → where it stands today, below another.
MOVED = {
    "vf_share_layers": ("model", "vf_share_layers"),
    "use_lstm": ("model", "use_lstm"),
    "lstm_cell_size": ("model", "lstm_cell_size"),
    "max_seq_len": ("model", "max_seq_len"),
    "fcnet_hiddens": ("model", "fcnet_hiddens"),
    "fcnet_activation": ("model", "fcnet_activation"),
    "free_log_std": ("model", "free_log_std"),
}


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


_TF = LeftOut("it belonged to TensorFlow")
_STACK = LeftOut("it chose between RLlib's API stacks")
_PERFORMANCE = LeftOut("it tuned the retired sampler's speed")
_SETTLED = LeftOut("RLlib's failure handling covers it")
_ONE_AGENT = "multi-agent training is not supported"
_OFFLINE = "offline data is not supported"

LEFT_OUT: Mapping[str, LeftOut] = {
    # frameworks and stacks
    "eager": _TF,
    "eager_tracing": _TF,
    "eager_max_retraces": _TF,
    "tf_session_args": _TF,
    "local_tf_session_args": _TF,
    "_tf_policy_handles_more_than_one_loss": _TF,
    "enable_connectors": _STACK,
    "enable_tf1_exec_eagerly": _TF,
    "enable_rl_module_and_learner": _STACK,
    "enable_env_runner_and_connector_v2": _STACK,
    "_enable_rl_module_api": _STACK,
    "_enable_learner_api": _STACK,
    "_enable_rl_trainer_api": _STACK,
    "_enable_new_api_stack": _STACK,
    "_disable_execution_plan_api": _STACK,
    "_disable_preprocessor_api": LeftOut("observations are flattened as networks need them"),
    "_disable_action_flattening": LeftOut("actions here are never nested"),
    "_disable_initialize_loss_from_dummy_batch": _STACK,
    "simple_optimizer": LeftOut("there is one learner"),
    "devices": LeftOut("the learner takes the GPU it is given"),
    "torch_compile_learner": _PERFORMANCE,
    "torch_compile_worker": _PERFORMANCE,
    # sampling
    "compress_observations": LeftOut("rollouts are arrays of the environment's own dtype"),
    "sample_async": LeftOut("A3C's runners are asynchronous, A2C's and PPO's are not"),
    "sample_collector": _PERFORMANCE,
    "fake_sampler": _PERFORMANCE,
    "remote_env_batch_wait_ms": _PERFORMANCE,
    "enable_multi_gpu_training": _PERFORMANCE,
    "max_requests_in_flight_per_sampler_worker": _PERFORMANCE,
    "max_sample_requests_in_flight_per_worker": _PERFORMANCE,
    "max_requests_in_flight_per_env_runner": _PERFORMANCE,
    "num_parallel_data_loaders": _PERFORMANCE,
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
    "restart_failed_sub_environments": LeftOut(
        "a failing environment fails its runner, which is restarted"
    ),
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
    "input_evaluation": LeftOut("it belonged to offline data"),
    "off_policy_estimation_methods": LeftOut("it belonged to offline data"),
    "ope_split_batch_by_episode": LeftOut("it belonged to offline data"),
    "actions_in_input_normalized": LeftOut("it belonged to offline data"),
    "postprocess_inputs": LeftOut("it belonged to offline data"),
    "shuffle_buffer_size": LeftOut("it belonged to offline data"),
    "output": LeftOut("nothing is written", (None,), _OFFLINE),
    "output_config": LeftOut("nothing is written", ({}, None), _OFFLINE),
    "output_compress_columns": LeftOut("it belonged to offline data"),
    "output_max_file_size": LeftOut("it belonged to offline data"),
    "multiagent": LeftOut("there is one agent", (None, {}), _ONE_AGENT),
    "policies": LeftOut("there is one agent", (None, {}), _ONE_AGENT),
    "policy_mapping_fn": LeftOut("there is one agent", (None,), _ONE_AGENT),
    "policies_to_train": LeftOut("there is one agent", (None,), _ONE_AGENT),
    "count_steps_by": LeftOut("there is one agent", ("env_steps", None), _ONE_AGENT),
    "observation_fn": LeftOut("there is one agent", (None,), _ONE_AGENT),
    "observation_space": LeftOut("spaces are read from the environment"),
    "action_space": LeftOut("spaces are read from the environment"),
}

MODEL_LEFT_OUT: Mapping[str, LeftOut] = {
    "squash_to_range": LeftOut("actions are normalized by normalize_actions"),
    "channel_major": LeftOut("torch decides the memory layout"),
    "state_shape": LeftOut("recurrent layers know their state"),
    "framestack": LeftOut(
        "four screens are stacked (env_config: {stack_num: …})",
        (True,),
        "use env_config: {stack_num: 1}",
    ),
    "_time_major": LeftOut("sequences are arranged by the learner"),
    "_disable_preprocessor_api": LeftOut("observations are flattened as networks need them"),
    "_disable_action_flattening": LeftOut("actions here are never nested"),
    "_use_default_native_models": LeftOut("it belonged to TensorFlow"),
    "always_check_shapes": LeftOut("shapes are checked when the network is built"),
}
MODEL_RENAMED = {"custom_options": "custom_model_config"}
