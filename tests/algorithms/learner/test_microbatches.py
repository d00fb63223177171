"""A2C's microbatches: the gradient of the whole batch, computed in parts."""

import pytest
import torch

from rllib_zoo.algorithms.a2c import ActorCriticLearner


class Counting(ActorCriticLearner):
    """Notes how many rows every loss was computed on."""

    def build(self):
        super().build()
        self.seen = []

    def objective(self, dist_inputs, values, batch):
        self.seen.append(len(batch.advantages))
        return super().objective(dist_inputs, values, batch)


@pytest.fixture
def trained(make_runner, make_learner, update):
    """Rows of every loss and the weights after one update."""

    def run(microbatch_size):
        runner = make_runner(num_envs_per_env_runner=8)
        rollout = runner.sample(num_steps=15).copy()
        options = {"train_batch_size": 120, "microbatch_size": microbatch_size, "lr": 0.01}
        learner = make_learner(runner, name="A2C", learner=Counting, **options)
        learner.module.set_state({"default_policy": runner.module.get_state()})
        update(learner, rollout)
        parameters = learner.module["default_policy"].parameters()
        return rollout.num_steps, learner.seen, torch.nn.utils.parameters_to_vector(parameters)

    return run


@pytest.mark.parametrize("size", [40, 50, 7])
def test_parts_give_the_gradient_of_the_whole(trained, size):
    steps, whole, expected = trained(None)
    assert whole == [steps]
    _, parts, weights = trained(size)
    assert sum(parts) == steps
    assert len(parts) == -(-steps // size)
    assert max(parts) <= size
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


def test_a_size_beyond_the_batch_changes_nothing(trained):
    steps, seen, _ = trained(1000)
    assert seen == [steps]
