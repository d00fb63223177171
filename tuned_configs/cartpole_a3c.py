"""The course's cartpole_a3c.py on current Ray: A3C with one asynchronous runner.

Source: course Atari lecture, section 3 ("Ray config"), with its stop rule. The lecture's
num_rollout_workers=0 means one runner here: an asynchronous runner has nobody to work beside
otherwise. Budget: 20,000 agent steps (20,000 frames). Seeds, result, machine: not tuned; it shows
the builder style.
"""

from rllib_zoo.algorithms.a3c import A3CConfig

config = A3CConfig().environment("CartPole-v1").training(gamma=0.95).env_runners(num_env_runners=1)

stop = {"timesteps_total": 20_000, "episode_reward_mean": 150}
