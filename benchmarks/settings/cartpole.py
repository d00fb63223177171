"""The other libraries' published CartPole-v1 settings, and the same settings with our keys.

The workers that run a peer and those that run ours at the peer's settings read the same constants,
so an "equal" comparison stays equal.
"""

from __future__ import annotations

from typing import Any

ENV = "CartPole-v1"
Settings = dict[str, Any]

# RL Baselines3 Zoo, hyperparams/ppo.yml, entry CartPole-v1. `lin_x` there means a rate that
# falls linearly from x to 0 over the run; the worker turns the *_start values into that.
SB3_PPO: Settings = {
    "n_envs": 8, "n_steps": 32, "batch_size": 256, "n_epochs": 20, "gamma": 0.98, "gae_lambda": 0.8,
    "ent_coef": 0.0, "learning_rate_start": 0.001, "clip_range_start": 0.2, "total_steps": 100_000,
}  # fmt: skip

# RL Baselines3 Zoo, hyperparams/a2c.yml, entry CartPole-v1: only n_envs, ent_coef and the budget
# are set there. n_steps 5, learning rate 7e-4 and RMSprop are the library's own defaults.
SB3_A2C: Settings = {
    "n_envs": 8, "n_steps": 5, "ent_coef": 0.0, "learning_rate": 7e-4, "total_steps": 500_000,
}  # fmt: skip

# stable-baselines3's MlpPolicy: two tanh layers of 64, one such pair for the policy and another
# for the value. vf_coef 0.5 and max_grad_norm 0.5 are its defaults in both algorithms.
SB3_NETWORK: Settings = {
    "fcnet_hiddens": [64, 64], "fcnet_activation": "tanh", "vf_share_layers": False,
}  # fmt: skip
SB3_LOSS: Settings = {"vf_loss_coeff": 0.5, "grad_clip": 0.5}
# Our A2C weighs half the squared error of the critic, stable-baselines3's the whole.
A2C_VALUE_SCALE = 2.0
# stable-baselines3's name of a setting -> our key of the same meaning.
OUR_KEYS = {
    "n_envs": "num_envs_per_env_runner", "batch_size": "minibatch_size", "n_epochs": "num_epochs",
    "gamma": "gamma", "gae_lambda": "lambda", "ent_coef": "entropy_coeff",
    "vf_coef": "vf_loss_coeff", "max_grad_norm": "grad_clip", "learning_rate": "lr",
    "clip_range": "clip_param",
}  # fmt: skip

# RLlib's own example, rllib/examples/algorithms/ppo/cartpole_ppo.py: these three values, and the
# network below. The other values are PPOConfig's defaults in 2.60, written out because ours have
# to be set to the same. Changed: no runner process and 8 environments, its fastest form here
# (4,290 steps/s against 780-1,390 with one or two runner processes on two cores).
RLLIB_PPO: Settings = {
    "lr": 0.0003, "num_epochs": 6, "vf_loss_coeff": 0.01, "train_batch_size": 4000,
    "minibatch_size": 128, "gamma": 0.99, "lambda": 1.0, "clip_param": 0.3, "vf_clip_param": 10.0,
    "entropy_coeff": 0.0, "use_kl_loss": True, "kl_coeff": 0.2, "kl_target": 0.01,
    "num_env_runners": 0, "num_envs_per_env_runner": 8,
}  # fmt: skip
RLLIB_EXAMPLE_NETWORK: Settings = {
    "fcnet_hiddens": [32], "fcnet_activation": "linear", "vf_share_layers": True,
}  # fmt: skip
# RLlib's network when the model config is empty.
RLLIB_DEFAULT_NETWORK: Settings = {
    "fcnet_hiddens": [256, 256], "fcnet_activation": "tanh", "vf_share_layers": False,
}  # fmt: skip


def with_our_keys(settings: Settings) -> Settings:
    """stable-baselines3's settings with our keys, without the network's; in one process.

    A clip range that falls stays at its first value (ours has no schedule for it), which does not
    change the amount of work, only what is learned late in the run.
    """
    ours = {key: settings[name] for name, key in OUR_KEYS.items() if name in settings}
    if "learning_rate_start" in settings:
        ours["lr"] = [[0, settings["learning_rate_start"]], [settings["total_steps"], 0.0]]
    if "clip_range_start" in settings:
        ours["clip_param"] = settings["clip_range_start"]
    batch = settings["n_envs"] * settings["n_steps"]
    return {"num_env_runners": 0, "train_batch_size": batch, **ours}


def ours_as_sb3_ppo() -> Settings:
    """stable-baselines3's PPO settings with our keys."""
    return {
        **SB3_LOSS,
        **with_our_keys(SB3_PPO),
        "rollout_fragment_length": SB3_PPO["n_steps"],
        # stable-baselines3 clips no value loss by default: a bound that is never met.
        "vf_clip_param": 1e9,
        "use_kl_loss": False,
        "model": dict(SB3_NETWORK),
    }


def ours_as_sb3_a2c() -> Settings:
    """stable-baselines3's A2C settings with our keys: one pass over 8 environments x 5 steps."""
    return {
        **SB3_LOSS,
        **with_our_keys(SB3_A2C),
        "vf_loss_coeff": A2C_VALUE_SCALE * SB3_LOSS["vf_loss_coeff"],
        "rollout_fragment_length": SB3_A2C["n_steps"],
        "gamma": 0.99,
        "lambda": 1.0,
        "model": dict(SB3_NETWORK),
    }


def ours_as_rllib(network: Settings) -> Settings:
    """Stock RLlib's PPO settings with our keys and this network."""
    fragment = RLLIB_PPO["train_batch_size"] // RLLIB_PPO["num_envs_per_env_runner"]
    return {**RLLIB_PPO, "rollout_fragment_length": fragment, "model": dict(network)}
