"""PG: the reward-to-go as weight, with and without a learned baseline."""

import numpy as np
import pytest

from algorithms.advantages import monte_carlo_returns
from algorithms.batch import make_batch


@pytest.mark.parametrize("use_critic", [False, True])
def test_what_weighs_the_policy_gradient(make_runner, make_config, use_critic):
    config = make_config("PG", use_critic=use_critic)
    rollout = make_runner(name="PG", num_envs_per_env_runner=4).sample(num_steps=30)
    batch = make_batch(rollout.arrays(), config)
    returns = monte_carlo_returns(
        rollout.rewards, rollout.terminated, rollout.truncated, gamma=config.gamma
    )
    same = np.allclose(batch.advantages.numpy(), returns.reshape(-1))
    assert same != use_critic


def test_the_loss_is_the_plain_policy_gradient(make_runner, make_learner, update):
    runner = make_runner(name="PG", num_envs_per_env_runner=4)
    rollout = runner.sample(num_steps=50)
    stats = update(make_learner(runner, name="PG", train_batch_size=200), rollout)
    assert stats["total_loss"] == pytest.approx(stats["policy_loss"])
    assert stats["entropy_coeff"] == 0.0


def test_it_learns_cartpole(make_algo, make_config):
    sizes = {"num_envs_per_env_runner": 4, "train_batch_size": 800, "lr": 0.01}
    algo = make_algo(make_config("PG", **sizes, min_sample_timesteps_per_iteration=40_000))
    first = algo.train()["env_runners"]["episode_return_mean"]
    assert algo.train()["env_runners"]["episode_return_mean"] > max(first, 60)
