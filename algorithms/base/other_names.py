"""Names that Stable-Baselines3, RL Zoo, CleanRL and older RLlib releases give to settings; data only.

Sources: the constructors of Stable-Baselines3 2.x, RL Zoo's ``hyperparams/*.yml``, CleanRL's ``Args``.
"""

from __future__ import annotations

from collections.abc import Container

from rllib_zoo.algorithms.base.older_names import RENAMED

_LINEAR = "RL Zoo's lin_X is the schedule [[0, X], [steps, 0]]"
_ANNEALED = "annealed to 0 it is the schedule [[0, X], [steps, 0]]"
_EPSILON = "epsilon: [[0, first], [steps, last]] has all three"
_LOSS = "a loss is custom_loss() of a custom_model, or that of an algorithm of your own, run: my_module.MyPPO"
_MODEL = "layers are {fcnet_hiddens: [64, 64], fcnet_activation: tanh}"
_STOP = "it is a stop criterion beside config"
_VALUE_CLIP = "it bounds the squared error, not the change of the value"

# Name → the keys that mean it, the first that an algorithm has; and what differs in meaning.
OTHER_NAMES: dict[str, tuple[tuple[str, ...], str]] = {
    # optimization
    "learning_rate": (("lr", "actor_lr and critic_lr"), _LINEAR),
    "anneal_lr": (("lr", "actor_lr and critic_lr"), _ANNEALED),
    "lr_schedule": (("lr", "actor_lr and critic_lr"), "[[0, first], [steps, last]] is a schedule"),
    "max_grad_norm": (("grad_clip",), ""),
    "rms_prop_eps": (("optimizer",), "{type: rmsprop, epsilon: …}"),
    "use_rms_prop": (("optimizer",), "{type: rmsprop}"),
    "device": (("num_gpus_per_learner",), ""),
    "cuda": (("num_gpus_per_learner",), ""),
    "num_gpus": (("num_gpus_per_learner",), "several GPUs need as many num_learners"),
    # batches
    "n_envs": (("num_envs_per_env_runner",), "counted per env runner, of which there are num_env_runners"),
    "num_envs": (("num_envs_per_env_runner",), "counted per env runner, of which there are num_env_runners"),
    "n_steps": (("n_step", "rollout_fragment_length"),
                "a rollout's steps of each environment; their total over all is train_batch_size"),
    "num_steps": (("rollout_fragment_length",),
                  "steps of each environment; their total over all is train_batch_size"),
    "batch_size": (("minibatch_size", "train_batch_size"),
                   "in Stable-Baselines3 the steps of one gradient, in CleanRL those of all environments"),
    "num_minibatches": (("minibatch_size",), "it is train_batch_size / num_minibatches steps"),
    "n_epochs": (("num_epochs",), ""),
    "update_epochs": (("num_epochs",), ""),
    # losses
    "ent_coef": (("entropy_coeff",), ""),
    "vf_coef": (("vf_loss_coeff",), "it weighs the squared error with PPO, half of it with A2C and A3C; "
                "in Stable-Baselines3 the squared error, in CleanRL half of it"),
    "gae_lambda": (("lambda_",), ""),
    "clip_range": (("clip_param",), ""),
    "clip_coef": (("clip_param",), ""),
    "clip_range_vf": (("vf_clip_param",), _VALUE_CLIP),
    "clip_vloss": (("vf_clip_param",), _VALUE_CLIP),
    "target_kl": (("kl_target",), "it adapts the weight of a KL penalty and ends no update early"),
    "normalize_advantage": (("standardize_advantages",), "over the train batch, not each minibatch"),
    "norm_adv": (("standardize_advantages",), "over the train batch, not each minibatch"),
    "entropy_coeff_schedule": (("entropy_coeff",), "[[0, first], [steps, last]] is a schedule"),
    # networks
    "net_arch": (("model", "actor_hiddens and critic_hiddens"), _MODEL),
    "activation_fn": (("model", "actor_hidden_activation and critic_hidden_activation"), _MODEL),
    "policy_kwargs": (("model", "actor_hiddens and critic_hiddens"), _MODEL),
    "policy": (("model", "actor_hiddens and critic_hiddens"), _MODEL),
    "vf_share_layers": (("model",), "{vf_share_layers: …}"),
    "log_std_init": (("model",), "custom_model_config of custom_models.SharedEncoderActorCritic has it"),
    "use_sde": ((), ""),
    "ortho_init": ((), ""),
    "custom_loss": ((), _LOSS),
    "loss_fn": ((), _LOSS),
    "policy_class": ((), _LOSS),
    # environments
    "normalize": (("observation_filter",), "MeanStdFilter for observations, normalize_returns for rewards"),
    "norm_obs": (("observation_filter",), "MeanStdFilter"),
    "norm_reward": (("normalize_returns",), ""),
    "frame_stack": (("env_config",), "{stack_size: 4} of Atari games"),
    "env_wrapper": (("env",), "name a function or class that builds the wrapped environment"),
    "env_kwargs": (("env_config",), ""),
    "env_id": (("env",), ""),
    "vec_env_wrapper": (("env",), "name a function or class that builds the wrapped environment"),
    "horizon": (("env_config",), "{max_episode_steps: …}"),
    # replay and exploration
    "buffer_size": (("replay_buffer_config",), "{capacity: …}"),
    "learning_starts": (("num_steps_sampled_before_learning_starts",), ""),
    "target_update_interval": (("target_network_update_freq",), "in environment steps"),
    "target_network_frequency": (("target_network_update_freq",), "in environment steps"),
    "exploration_fraction": (("epsilon",), _EPSILON),
    "exploration_initial_eps": (("epsilon",), _EPSILON),
    "exploration_final_eps": (("epsilon",), _EPSILON),
    "start_e": (("epsilon",), _EPSILON),
    "end_e": (("epsilon",), _EPSILON),
    "train_freq": (("rollout_fragment_length",), "steps of each environment between two updates"),
    "train_frequency": (("rollout_fragment_length",), "steps of each environment between two updates"),
    "gradient_steps": (("training_intensity",), "replayed steps per sampled step"),
    "action_noise": (("exploration_noise",), ""),
    "noise_type": (("exploration_noise",), "{type: gaussian} or {type: ornstein_uhlenbeck}"),
    "noise_std": (("exploration_noise",), "{scale: …}, in units of half the action range"),
    "exploration_noise_std": (("exploration_noise",), "{scale: …}, in units of half the action range"),
    # duration and reports
    "total_timesteps": (("stop: {timesteps_total: …}",), _STOP),
    "n_timesteps": (("stop: {timesteps_total: …}",), _STOP),
    "eval_freq": (("evaluation_interval",), "in iterations, not steps"),
    "n_eval_episodes": (("evaluation_duration",), ""),
    "stats_window_size": (("metrics_num_episodes_for_smoothing",), ""),
    "tensorboard_log": ((), "every run writes TensorBoard's file"),
    "verbose": ((), "-v and -vv print more"),
    "track": ((), "--wandb-project logs to Weights & Biases"),
    "record_video_config": ((), "rllib evaluate --video records episodes"),
    "capture_video": ((), "rllib evaluate --video records episodes"),
}  # fmt: skip
# Of older RLlib releases, those that such files have too.
OTHER_NAMES |= {
    name: ((RENAMED[name],), "")
    for name in (
        "num_envs_per_worker", "num_rollout_workers", "sample_batch_size", "sgd_minibatch_size",
        "num_sgd_iter", "timesteps_per_iteration", "min_time_s_per_reporting",
    )
}  # fmt: skip


def other_name_hint(name: object, supported: Container[str], algorithm: str) -> str | None:
    """The hint for a name of another library: the key here, and what differs; None for other names.

    Args:
        name: the unknown key.
        supported: keys of the algorithm.
        algorithm: its name.
    """
    if not isinstance(name, str) or name not in OTHER_NAMES:
        return None
    keys, note = OTHER_NAMES[name]
    current = next((key for key in keys if _is_supported(key, supported)), None)
    if keys and current is None:
        return f"{algorithm} has no such setting"
    # `lambda_` is written `lambda`.
    use = f"use {current.rstrip('_')}" if current else "it is not supported"
    if not current and note:
        return note
    return f"{use}; {note}" if note else use


def _is_supported(key: str, supported: Container[str]) -> bool:
    return key == "env" or key.startswith("stop") or key.split()[0] in supported
