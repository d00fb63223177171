"""PG: the reward-to-go as weight, with and without a learned baseline."""

import numpy as np
import pytest

from rllib_zoo.algorithms.learner.batch import make_batch
from rllib_zoo.algorithms.ops.advantages import monte_carlo_returns
from rllib_zoo.algorithms.pg.episode_runner import EpisodeRunner


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
    algo = make_algo(make_config("PG", **sizes, min_sample_timesteps_per_iteration=12_000))
    first = algo.train()["env_runners"]["episode_return_mean"]
    assert algo.train()["env_runners"]["episode_return_mean"] > max(first, 60)


# What the lecture's gradient and each of its tips weigh an action with.
TIPS = {
    "whole_return": {"credit": "whole_return", "gamma": 1.0},
    "baseline": {"credit": "whole_return", "gamma": 1.0, "constant_baseline": True},
    "to_go": {"gamma": 1.0, "constant_baseline": True},
    "discount": {"constant_baseline": True},
    "critic": {"use_critic": True},
}


@pytest.fixture
def episodes(make_config):
    """Whole episodes of CartPole, which pays 1 a step."""
    config = make_config("PG", batch_mode="complete_episodes", num_envs_per_env_runner=5)
    runner = EpisodeRunner(config=config, worker_index=0, num_workers=0)
    yield runner.sample()
    runner.stop()


@pytest.mark.parametrize("tip", TIPS)
def test_every_tip_weighs_as_the_lecture_says(make_config, episodes, tip):
    batch = make_batch(episodes.arrays(), make_config("PG", **TIPS[tip])).all_valid()
    mask, t = episodes.mask, np.arange(len(episodes.mask))[:, None]
    lengths = mask.sum(axis=0)
    left = lengths - t
    expected = {
        "whole_return": np.broadcast_to(lengths, mask.shape).astype(float),
        "to_go": left.astype(float),
        "discount": (1 - 0.99 ** np.maximum(left, 0)) / 0.01,
    }
    expected["baseline"] = expected["whole_return"]
    expected["critic"] = expected["discount"] - episodes.values
    weights = expected[tip][mask]
    if TIPS[tip].get("constant_baseline"):
        weights = weights - weights.mean()
    np.testing.assert_allclose(batch.advantages.numpy(), weights, rtol=1e-4, atol=1e-3)


def test_a_batch_is_of_whole_episodes_and_full(make_algo, make_config):
    algo = make_algo(
        make_config(
            "PG",
            batch_mode="complete_episodes",
            num_envs_per_env_runner=3,
            train_batch_size=150,
            gradient_variance_every=1,
        )
    )
    result = algo.train()
    runners, learner = result["env_runners"], result["learners"]["default_policy"]
    assert runners["num_env_steps_sampled"] >= 150
    # All steps are of episodes that ended.
    assert runners["num_episodes"] % 3 == 0
    mean = runners["episode_len_mean"]
    assert runners["num_env_steps_sampled"] == pytest.approx(mean * runners["num_episodes"])
    assert learner["gradient_variance"] > 0
    assert np.isfinite(learner["gradient_squared_norm"])


def test_a_seed_starts_every_tip_with_the_same_weights_and_episodes(make_config, make_learner):
    """So that the first measured variances are of one policy and one sample."""
    started = []
    for tip in TIPS.values():
        config = make_config("PG", batch_mode="complete_episodes", **tip)
        runner = EpisodeRunner(config=config, worker_index=0, num_workers=0)
        learner = make_learner(runner, name="PG", batch_mode="complete_episodes", **tip)
        weights = [tensor.detach().numpy().copy() for tensor in learner.state_tensors()]
        started.append((weights, runner.sample().obs))
        runner.stop()
    for weights, obs in started[1:]:
        assert all(map(np.array_equal, weights, started[0][0]))
        assert np.array_equal(obs, started[0][1])
