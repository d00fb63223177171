"""A class's own loss replaces that of its algorithm."""

import numpy as np
import pytest

from rllib_zoo.algorithms.a2c import A2C
from rllib_zoo.algorithms.a3c import A3C
from rllib_zoo.algorithms.learner.objectives import actor_critic_objective
from rllib_zoo.algorithms.ppo import PPO

pytestmark = pytest.mark.ray
SETTINGS = {
    "env": "CartPole-v1",
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 64,
    "model": {"fcnet_hiddens": [16]},
    "log_sys_usage": False,
    "seed": 3,
}


def same_as_a2c(distribution, dist_inputs, values, batch, config, entropy_coeff):
    return actor_critic_objective(
        distribution,
        dist_inputs,
        values,
        batch,
        vf_loss_coeff=config.vf_loss_coeff,
        entropy_coeff=entropy_coeff,
    )


def with_small_values(*given):
    """A factor alone would do little: the optimizers divide by the gradient's size."""
    loss, stats = same_as_a2c(*given)
    return loss + given[2].square().mean(), stats


class Same(A2C):
    loss = same_as_a2c


class Changed(A2C):
    loss = with_small_values


class ChangedPPO(PPO):
    loss = with_small_values


class ChangedA3C(A3C):
    loss = with_small_values


def trained(make_algo, cls, **changes):
    """Weights after an iteration, by name."""
    config = cls.get_default_config().update_from_dict({**SETTINGS, **changes})
    algo = make_algo(config)
    algo.train()
    weights = algo.learner_group.get_weights()["default_policy"]
    return {name: np.asarray(value) for name, value in weights.items()}


def are_equal(first, second):
    return all(np.array_equal(first[name], second[name]) for name in first)


def test_a_copy_of_the_loss_changes_nothing_and_another_one_does(make_algo):
    expected = trained(make_algo, A2C)
    assert are_equal(trained(make_algo, Same), expected)
    assert not are_equal(trained(make_algo, Changed), expected)


def test_ppo_keeps_its_epochs_and_minibatches(make_algo):
    fields = {"minibatch_size": 32, "num_epochs": 2}
    assert not are_equal(
        trained(make_algo, ChangedPPO, **fields), trained(make_algo, PPO, **fields)
    )


@pytest.mark.slow
def test_the_runners_of_a3c_use_it(make_algo):
    config = ChangedA3C.get_default_config().update_from_dict(
        {**SETTINGS, "num_env_runners": 1, "train_batch_size": 80}
    )
    algo = make_algo(config)
    learned = algo.train()["learners"]["default_policy"]
    assert {"policy_loss", "total_loss"} <= learned.keys()
    assert algo.env_runner_group.foreach_env_runner(
        lambda runner: runner._own_loss is not None, local_env_runner=False
    ) == [True]
