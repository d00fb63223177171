"""Names that older RLlib releases (Ray 0.4 to 2.40) gave to settings; data only.

Sources: the configuration classes and default dictionaries of these releases.
"""

from __future__ import annotations

# Older name → current key, where only the name changed.
RENAMED = {
    # runners
    "num_workers": "num_env_runners", "num_rollout_workers": "num_env_runners",
    "num_envs_per_worker": "num_envs_per_env_runner",
    "create_env_on_driver": "create_env_on_local_worker",
    "num_cpus_per_worker": "num_cpus_per_env_runner",
    "num_gpus_per_worker": "num_gpus_per_env_runner",
    "custom_resources_per_worker": "custom_resources_per_env_runner",
    "num_cpus_for_driver": "num_cpus_for_main_process",
    "num_cpus_for_local_worker": "num_cpus_for_main_process",
    # learners
    "num_learner_workers": "num_learners", "num_gpus_per_learner_worker": "num_gpus_per_learner",
    "num_cpus_per_learner_worker": "num_cpus_per_learner", "num_trainer_workers": "num_learners",
    "num_gpus_per_trainer_worker": "num_gpus_per_learner",
    "num_cpus_per_trainer_worker": "num_cpus_per_learner",
    # batches
    "sample_batch_size": "rollout_fragment_length", "batch_size": "rollout_fragment_length",
    "timesteps_per_batch": "train_batch_size", "num_sgd_iter": "num_epochs",
    "grad_norm_clipping": "grad_clip", "sgd_minibatch_size": "minibatch_size",
    "mini_batch_size_per_learner": "minibatch_size", "sgd_batchsize": "minibatch_size",
    "sgd_stepsize": "lr", "shuffle_sequences": "shuffle_batch_per_epoch",
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
    "worker_health_probe_timeout_s": "env_runner_health_probe_timeout_s",
    "worker_restore_timeout_s": "env_runner_restore_timeout_s",
    "validate_workers_after_construction": "validate_env_runners_after_construction",
}  # fmt: skip
