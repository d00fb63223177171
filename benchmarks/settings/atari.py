"""The other libraries' Atari settings, and the same settings with our keys."""

from __future__ import annotations

from rllib_zoo.benchmarks.settings.cartpole import A2C_VALUE_SCALE, Settings, with_our_keys

GAMES = ("pong", "assault")
FRAMESKIP = 4
EMULATOR_COPIES = 32

# How the bare network is timed, and with how many threads stable-baselines3 runs: which is faster
# depends on what else the machine does (a thread that waits for a busy core stops both).
PASSES = ("forward", "training")
NUMBERS = ("bf16", "fp32")
THREADS = ("one", "all")

# RL Baselines3 Zoo, hyperparams/ppo.yml, entry "atari".
SB3_PPO: Settings = {
    "n_envs": 8, "n_steps": 128, "n_epochs": 4, "batch_size": 256, "learning_rate_start": 2.5e-4,
    "clip_range_start": 0.1, "vf_coef": 0.5, "ent_coef": 0.01, "total_steps": 10_000_000,
}  # fmt: skip
# RL Baselines3 Zoo, hyperparams/a2c.yml, entry "atari"; n_steps 5 and 7e-4 are the library's own.
SB3_A2C: Settings = {
    "n_envs": 16, "n_steps": 5, "learning_rate": 7e-4, "vf_coef": 0.25, "ent_coef": 0.01,
    "total_steps": 10_000_000,
}  # fmt: skip
# Stock RLlib's fastest form on two cores: two runners of 16 games. Its own network for 42x42 images
# is three convolutions, shared by policy and value.
RLLIB_PPO: Settings = {
    "num_env_runners": 2, "num_envs_per_env_runner": 16, "rollout_fragment_length": 128,
    "train_batch_size": 4096, "minibatch_size": 512, "num_epochs": 3, "lr": 1e-4, "lambda": 0.95,
    "clip_param": 0.1, "vf_clip_param": 10.0, "entropy_coeff": 0.01, "grad_clip": 0.5,
    "use_kl_loss": False, "kl_coeff": 0.0,
}  # fmt: skip
RLLIB_SIZE = 42
# The old stack's last convolution covers its whole 11x11 input once. The new stack pads it and so
# computes it at all 121 places. With these filters the new stack builds the old one's network.
RLLIB_OLD_FILTERS = [[16, 4, 2, "same"], [32, 4, 2, "same"], [256, 11, 1, "valid"]]

_NATURE: Settings = {
    "custom_model": "custom_models.SharedEncoderActorCritic",
    "custom_model_config": {
        "conv_filters": [[32, 8, 4], [64, 4, 2], [64, 3, 1]],
        "activation": "relu",
        "encoder_hiddens": [512],
        "policy_hiddens": [],
        "value_hiddens": [],
        "initializer": "orthogonal",
    },
}


def env_of(game: str) -> str:
    """The id of `pong` or `assault`."""
    return f"ALE/{game.capitalize()}-v5"


def _ours(size: int) -> Settings:
    """Settings of all our runs: both cores in one process, bfloat16 where it is fast."""
    return {
        "env_config": {
            "frameskip": FRAMESKIP,
            "screen_size": size,
            "repeat_action_probability": 0.0,
            "terminal_on_life_loss": True,
        },
        "num_env_runners": 0,
        "num_cpus_for_main_process": 2,
        "torch_num_threads": "auto",
        "autocast": "auto",
    }


def ours_as_sb3_ppo() -> Settings:
    """stable-baselines3's PPO: Nature network at 84x84, 8 games x 128 steps, 4 epochs of 256."""
    return {
        **_ours(84),
        **with_our_keys(SB3_PPO),
        "lambda": 0.95,
        "vf_clip_param": None,
        "grad_clip": 0.5,
        "use_kl_loss": False,
        "optimizer": {"type": "adam", "epsilon": 1e-5},
        "model": _NATURE,
    }


def ours_as_sb3_a2c() -> Settings:
    """stable-baselines3's A2C: Nature network at 84x84, 16 games x 5 steps."""
    return {
        **_ours(84),
        **with_our_keys(SB3_A2C),
        "optimizer": {"type": "rmsprop", "epsilon": 1e-5},
        "grad_clip": 0.5,
        "vf_loss_coeff": A2C_VALUE_SCALE * SB3_A2C["vf_coef"],
        "model": _NATURE,
    }


def ours_as_rllib_ppo() -> Settings:
    """Stock RLlib's PPO: its own network at 42x42, 32 games x 128 steps, 3 epochs of 512."""
    games = RLLIB_PPO["num_env_runners"] * RLLIB_PPO["num_envs_per_env_runner"]
    return {
        **RLLIB_PPO,
        **_ours(RLLIB_SIZE),
        "num_envs_per_env_runner": games,
        "model": {"vf_share_layers": True},
    }
