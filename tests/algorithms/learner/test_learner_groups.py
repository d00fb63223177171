"""Remote learners: one trains as the local one, two average their gradients."""

import numpy as np
import pytest
import torch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from rllib_zoo.algorithms.learner.learner import learner_batch

pytestmark = pytest.mark.ray

SIZES = {"num_envs_per_env_runner": 8, "minibatch_size": None, "num_epochs": 2}


@pytest.fixture
def make_group(ray_session, make_config):
    groups = []

    def make(spaces, name="A2C", *, num_learners=0, **settings):
        settings = {**SIZES, "train_batch_size_per_learner": 80 // max(num_learners, 1), **settings}
        config = make_config(name, num_learners=num_learners, **settings)
        config.validate()
        groups.append(config.build_learner_group(spaces=spaces))
        return groups[-1]

    yield make
    for group in groups:
        group.shutdown()


@pytest.fixture
def runner(make_runner):
    return make_runner(num_envs_per_env_runner=8)


@pytest.fixture
def rollout(runner):
    """Ten steps of eight environments, none of which ends."""
    rollout = runner.sample(num_steps=10).copy()
    rollout.terminated[:] = rollout.truncated[:] = False
    rollout.mask[:] = True
    return rollout


def train(group, rollout, updates=3):
    for i in range(updates):
        timesteps = {NUM_ENV_STEPS_SAMPLED_LIFETIME: 80 * i}
        stats = group.update(batch=learner_batch(rollout), timesteps=timesteps)
    return stats


def weights_of_all(group):
    """One vector of weights per learner."""

    def vector(learner):
        module = learner.module["default_policy"]
        return torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy().copy()

    answers = group.foreach_learner(vector)
    return [answer.get() for answer in answers]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param("A2C", 1, marks=pytest.mark.slow),
        pytest.param("PPO", 2, marks=pytest.mark.slow),
    ],
)
def test_remote_learners_reach_the_weights_of_a_local_one(make_group, runner, rollout, name, count):
    # Standardising is over each learner's own share, so without it; equal shares then average to
    # the gradient of the whole batch.
    options = {"standardize_advantages": False, "lr": 0.01}
    local = make_group(runner.get_spaces(), name, **options)
    remote = make_group(runner.get_spaces(), name, num_learners=count, **options)
    remote.set_state(local.get_state())
    start = weights_of_all(local)[0]
    stats = train(local, rollout), train(remote, rollout)
    theirs = weights_of_all(remote)
    assert len(theirs) == len(stats[1]) == count
    np.testing.assert_allclose(theirs[0], weights_of_all(local)[0], rtol=1e-4, atol=1e-5)
    assert np.abs(theirs[0] - start).max() > 0.01
    assert all(np.array_equal(theirs[0], other) for other in theirs)


@pytest.mark.slow
def test_two_learners_stay_bitwise_equal_on_different_shares(make_group, runner):
    # Real rollouts: shares have different numbers of valid steps, minibatches are shuffled, the
    # divergence that moves the KL weight is that of both.
    # Without a seed each process draws its own first weights.
    options = {"minibatch_size": 15, "num_epochs": 3, "kl_target": 1e-6, "lr": 0.01, "seed": None}
    group = make_group(runner.get_spaces(), "PPO", num_learners=2, **options)
    first, second = weights_of_all(group)
    assert np.array_equal(first, second)
    for _ in range(4):
        rollout = runner.sample(num_steps=10)
        train(group, rollout, updates=1)
    last, other = weights_of_all(group)
    assert np.array_equal(last, other)
    assert np.abs(last - first).max() > 0.01
    coefficients = [a.get() for a in group.foreach_learner(lambda learner: learner._kl_coeff)]
    assert coefficients[0] == coefficients[1] > 0.2


@pytest.mark.slow
def test_two_learners_of_a_recurrent_policy_take_equally_many_steps(make_group, make_runner):
    model = {"fcnet_hiddens": [8], "use_lstm": True, "lstm_cell_size": 8, "max_seq_len": 5}
    runner = make_runner(num_envs_per_env_runner=8, model=model)
    size, numbers = 39, []
    sizes = {"minibatch_size": size, "num_epochs": 3, "lr": 0.01}
    group = make_group(runner.get_spaces(), "PPO", num_learners=2, model=model, **sizes)
    before = weights_of_all(group)[0]
    for _ in range(6):
        rollout = runner.sample(num_steps=10)  # 40 rows each
        train(group, rollout, updates=1)
        halves = rollout.mask[:, :4], rollout.mask[:, 4:]
        numbers.append([-(-half.sum() // size) for half in halves])
    # Counting played steps only, one would have made more minibatches and waited for ever.
    assert any(mine != theirs for mine, theirs in numbers)
    last, other = weights_of_all(group)
    assert np.array_equal(last, other)
    assert np.abs(last - before).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PPO", "A3C"])
def test_an_algorithm_with_a_remote_learner_trains(make_algo, make_config, name):
    options = {"num_envs_per_env_runner": 4, "num_learners": 1, "lr": 0.01}
    if name == "PPO":
        options |= {"train_batch_size": 80, "minibatch_size": 40, "num_epochs": 2}
    elif name == "A3C":
        options |= {"min_sample_timesteps_per_iteration": 200, "num_env_runners": 1}
    algo = make_algo(make_config(name, **options))
    before = algo.env_runner.module.get_state()
    result = algo.train()
    after = algo.env_runner.module.get_state()
    assert any(not np.array_equal(before[key], after[key]) for key in before)
    learners = weights_of_all(algo.learner_group)
    assert len(learners) == 1
    mine = torch.nn.utils.parameters_to_vector(algo.env_runner.module.parameters())
    assert np.array_equal(mine.detach().numpy(), learners[0])
    assert np.isfinite(result["learners"]["default_policy"]["total_loss"])
