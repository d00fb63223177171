"""RL Baselines3 Zoo's settings for HalfCheetah, and the same settings with our keys."""

from __future__ import annotations

from rllib_zoo.benchmarks.settings.cartpole import Settings, with_our_keys

ENV = "HalfCheetah-v5"

# RL Baselines3 Zoo, hyperparams/ppo.yml, entry HalfCheetah-v3 ("tuned"; it has none for later
# versions). `normalize: true` there is VecNormalize with this gamma, observations and rewards.
SB3_PPO: Settings = {
    "n_envs": 1, "n_steps": 512, "batch_size": 64, "n_epochs": 20, "gamma": 0.98,
    "gae_lambda": 0.92, "ent_coef": 0.000401762, "learning_rate": 2.0633e-05, "clip_range": 0.1,
    "max_grad_norm": 0.8, "vf_coef": 0.58096, "log_std_init": -2.0, "hiddens": [256, 256],
}  # fmt: skip
# Copies of the environments that only play at random: those of the tuned file.
COPIES = 16


def ours_as_sb3() -> Settings:
    """stable-baselines3's PPO settings with our keys: one environment, two ReLU nets of 256-256."""
    return {
        **with_our_keys(SB3_PPO),
        "objective": "clip",
        # stable-baselines3 clips no value loss by default.
        "vf_clip_param": None,
        "optimizer": {"type": "adam", "epsilon": 1e-5},
        "observation_filter": "MeanStdFilter",
        "normalize_returns": True,
        "model": {
            "custom_model": "custom_models.SharedEncoderActorCritic",
            "custom_model_config": {
                "encoder_hiddens": SB3_PPO["hiddens"],
                "policy_hiddens": [],
                "value_hiddens": [],
                "activation": "relu",
                "shared_encoder": False,
                "free_log_std": True,
                "log_std_init": SB3_PPO["log_std_init"],
            },
        },
    }
