"""Renamed keys and results of older RLlib releases (Ray 0.4 to 2.40); data only.

Sources: the configuration classes and default dictionaries of these releases.
"""

from __future__ import annotations

from rllib_zoo.algorithms.base.older_names import RENAMED as RENAMED

# Keys of ``config`` whose value is a mapping.
MAPPING_KEYS = (
    "model", "env_config", "evaluation_config", "exploration_config", "replay_buffer_config",
    "optimizer",
)  # fmt: skip
# Key of an experiment → current key.
EXPERIMENT_RENAMED = {
    "alg": "run", "repeat": "num_samples", "num_trials": "num_samples",
    "upload_dir": "storage_path",
}  # fmt: skip
# Keys of an experiment that only legacy files have.
EXPERIMENT_SIGNS = {"alg", "repeat", "num_trials", "trial_resources", "pass_criteria"}
# Current keys of an experiment that are numbers or booleans.
EXPERIMENT_NUMBERS = {
    "num_samples", "max_failures", "time_budget_s", "checkpoint_freq", "checkpoint_at_end",
    "keep_checkpoints_num",
}  # fmt: skip
EXPERIMENT_REMOVED = {
    **dict.fromkeys(
        ("resources", "trial_resources", "resources_per_trial"),
        "the algorithm requests its resources itself",
    ),
    "pass_criteria": "it was used by release tests",
    "log_to_file": "Tune writes a trial's errors to its results folder",
    "export_formats": "checkpoints contain the weights",
    "sync_config": "results are written to storage_path",
}

# Results that counted steps, all of them replaced by one.
LIFETIME_STEPS = "num_env_steps_sampled_lifetime"
STEP_RESULTS = {
    "info/num_steps_sampled", "info/num_steps_trained", "info/num_env_steps_sampled",
    "info/num_env_steps_trained", "num_env_steps_sampled", "num_env_steps_trained",
    "num_agent_steps_sampled", "num_agent_steps_trained", "num_agent_steps_sampled_lifetime",
    "num_env_steps_trained_lifetime", "agent_timesteps_total",
}  # fmt: skip
# Parents of episode results, outermost first.
RESULT_FOLDERS = (
    "evaluation", "evaluation_results", "sampler_results", "env_runner_results", "env_runners",
)  # fmt: skip
# Prefixes of results that only legacy files name.
LEGACY_RESULTS = ("info/", "sampler_results/", "env_runner_results/", "evaluation_results/")
# Episode result → current name.
EPISODE_RESULTS_RENAMED = {
    "episode_reward_mean": "episode_return_mean", "episode_reward_min": "episode_return_min",
    "episode_reward_max": "episode_return_max", "episode_len_mean": "episode_len_mean",
}  # fmt: skip

# Keys that no older release has; with one of them only a legacy key makes a file a legacy file.
CURRENT_ONLY = {
    "num_epochs",
    "minibatch_size",
    *(name for name in RENAMED.values() if "env_runner" in name or "learner" in name),
    "num_cpus_for_main_process",
    "gym_env_vectorize_mode",
    "shuffle_batch_per_epoch",
}

# Keys whose values change too → current key, for hints.
NOW = {
    "num_gpus": "num_gpus_per_learner", "lr_schedule": "lr",
    "entropy_coeff_schedule": "entropy_coeff", "buffer_size": "replay_buffer_config.capacity",
    "learning_starts": "num_steps_sampled_before_learning_starts", "callbacks": "callbacks_class",
    "model_config": "model",
}  # fmt: skip

_MODEL_KEYS = (
    "vf_share_layers", "use_lstm", "lstm_cell_size", "max_seq_len", "fcnet_hiddens",
    "fcnet_activation", "free_log_std",
)  # fmt: skip
# Key of the top level → current path.
MOVED = {
    "use_shared_vf": ("model", "vf_share_layers"),
    **{key: ("model", key) for key in _MODEL_KEYS},
}

MODEL_RENAMED = {
    "custom_options": "custom_model_config", "cnn_filter_specifiers": "conv_filters",
    "cnn_activation": "conv_activation",
}  # fmt: skip
