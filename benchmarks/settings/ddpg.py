"""DDPG settings of stable-baselines3 for Pendulum-v1, the same in our words, and who runs them.

RL Baselines3 Zoo, hyperparams/ddpg.yml, entry Pendulum-v1: gamma 0.98, a buffer of 200,000, noise of 0.1,
one gradient step a step, learning rate 1e-3, layers of 400 and 300. Batches of 256 and tau 0.005 are
the library's defaults; batches of 32 are the homework's. Changed for both sides: learning starts after 100
steps instead of 10,000, so that every measured step has its update.
"""

from __future__ import annotations

from rllib_zoo.benchmarks.settings.cartpole import Settings
from rllib_zoo.benchmarks.speed.contenders import SB3, Contender, Pair

ENV = "Pendulum-v1"
BATCHES = (256, 32)
SB3_DDPG: Settings = {
    "gamma": 0.98,
    "tau": 0.005,
    "learning_rate": 1e-3,
    "buffer_size": 200_000,
    "learning_starts": 100,
    "train_freq": 1,
    "gradient_steps": 1,
}
HIDDENS = [400, 300]
NOISE = 0.1
EQUAL = "equal networks, batch, updates per step, one thread"


def ours_as_sb3(batch: int) -> Settings:
    """The same in our keys: the action joins the critic at its input, as theirs does."""
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


CONTENDERS: tuple[Contender, ...] = tuple(
    contender
    for batch in BATCHES
    for contender in (
        Contender(
            f"sb3-{batch}",
            f"stable-baselines3 DDPG, batches of {batch}",
            "sb3_ddpg",
            str(batch),
            SB3,
        ),
        Contender(
            f"ours-{batch}", f"ours DDPG, batches of {batch}", "ours", f"ddpg-{batch}-as-sb3"
        ),
    )
)
PAIRS = tuple(Pair(EQUAL, f"ours-{batch}", f"sb3-{batch}") for batch in BATCHES)
