"""stable-baselines3's DDPG settings for Pendulum-v1, and the same settings with our keys.

RL Baselines3 Zoo, hyperparams/ddpg.yml, entry Pendulum-v1: gamma 0.98, a buffer of 200,000, noise of 0.1,
one gradient step a step, learning rate 1e-3, layers of 400 and 300. Batches of 256 and tau 0.005 are
the library's defaults; batches of 32 are the homework's. Changed for both sides: learning starts after 100
steps instead of 10,000, so that every measured step has its update.
"""

from __future__ import annotations

from rllib_zoo.benchmarks.settings.cartpole import Settings

ENV = "Pendulum-v1"
BATCHES = (256, 32)
SB3_DDPG: Settings = {
    "gamma": 0.98, "tau": 0.005, "learning_rate": 1e-3, "buffer_size": 200_000,
    "learning_starts": 100, "train_freq": 1, "gradient_steps": 1,
}  # fmt: skip
HIDDENS = [400, 300]
NOISE = 0.1


def ours_as_sb3(batch: int) -> Settings:
    """stable-baselines3's settings with our keys; the action is an input of the critic in both."""
    return {
        "actor_hiddens": list(HIDDENS),
        "critic_hiddens": list(HIDDENS),
        "critic_action_layer": 0,
        "actor_lr": SB3_DDPG["learning_rate"],
        "critic_lr": SB3_DDPG["learning_rate"],
        "gamma": SB3_DDPG["gamma"],
        "tau": SB3_DDPG["tau"],
        "train_batch_size": batch,
        "replay_buffer_config": {"type": "ReplayBuffer", "capacity": SB3_DDPG["buffer_size"]},
        "num_steps_sampled_before_learning_starts": SB3_DDPG["learning_starts"],
        "random_steps": SB3_DDPG["learning_starts"],
        "exploration_noise": {"type": "gaussian", "scale": NOISE},
    }
