"""The course's cartpole_a2c.py on current Ray: plain A2C, RLlib's default network.

Source: course Atari lecture, section 2 ("Ray config"), with its stop rule; written with today's
names. Budget: 50,000 agent steps (50,000 frames). Seeds, result, machine: see the class's README
table for the tuned file; this one shows the builder style and is not tuned.
"""

from rllib_zoo.algorithms.a2c import A2CConfig

config = (
    A2CConfig()
    .environment("CartPole-v1")
    .training(lr=0.001, train_batch_size=20)
    .env_runners(num_env_runners=0, num_envs_per_env_runner=1)
)
config.min_sample_timesteps_per_iteration = 1_000

stop = {"timesteps_total": 50_000, "episode_reward_mean": 200}
