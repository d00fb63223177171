"""Learning from sequences: the same gradient however they are grouped, every part of it used."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from rllib_zoo.algorithms.a3c.env_runner import A3CEnvRunner
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.learner.learner import learner_batch
from rllib_zoo.algorithms.learner.sequences import SequenceBatch
from rllib_zoo.algorithms.ppo import PPOLearner

FCNET = {"fcnet_hiddens": [8], "use_lstm": True, "lstm_cell_size": 8, "max_seq_len": 5}
OURS = {
    "custom_model": "custom_models.SharedEncoderActorCritic",
    "custom_model_config": {"encoder_hiddens": [8]},
    "use_lstm": True,
    "lstm_cell_size": 8,
    "max_seq_len": 5,
}
SETTINGS = {
    "num_envs_per_env_runner": 8,
    "env_config": {"max_episode_steps": 12},
    "train_batch_size": 8 * 23,
    "minibatch_size": None,
    "num_epochs": 1,
}
every_model = pytest.mark.parametrize("model", [FCNET, OURS], ids=["fcnet", "ours"])


class Watching(PPOLearner):
    """Remembers the minibatches it learned from."""

    def build(self):
        super().build()
        self.seen = []

    def objective(self, dist_inputs_BK, values_B, batch):
        self.seen.append(batch)
        return super().objective(dist_inputs_BK, values_B, batch)


@pytest.fixture
def build(make_runner, make_learner):
    """A runner, a learner with the same weights, and a rollout."""

    def run(model=FCNET, name="PPO", *, learner=None, **settings):
        settings = {**SETTINGS, **settings, "model": model}
        sizes = {key: settings[key] for key in ("num_envs_per_env_runner", "env_config", "model")}
        runner = make_runner(**sizes)
        built = make_learner(runner, name, learner=learner, **settings)
        built.module["default_policy"].set_state(runner.module.get_state())
        runner.sample(num_steps=23)  # so that fragments begin within episodes
        return runner, built, runner.sample(num_steps=23).copy()

    return run


def gradients(learner):
    return {name: p.grad.clone() for name, p in learner.module["default_policy"].named_parameters()}


@every_model
def test_encoder_lstm_and_heads_all_get_gradients(build, update, model):
    _, learner, rollout = build(model)
    update(learner, rollout)
    found = gradients(learner)
    assert len(found) == 10
    for name, gradient in found.items():
        assert gradient.abs().sum() > 0, name


@every_model
def test_threads_compute_the_gradient_of_one_pass(build, update, model):
    found = []
    for threads in (1, 2, 3):
        _, learner, rollout = build(model, learner=Watching, torch_num_threads=threads)
        update(learner, rollout)
        shares = learner.seen
        assert len(shares) == threads
        assert all(isinstance(share, SequenceBatch) for share in shares)
        assert sum(len(share.advantages) for share in shares) == rollout.num_steps
        found.append(gradients(learner))
    for other in found[1:]:
        for name, gradient in found[0].items():
            torch.testing.assert_close(other[name], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shuffle", [True, False])
def test_minibatches_hold_whole_sequences_of_about_the_wanted_size(build, update, shuffle):
    _, learner, rollout = build(
        learner=Watching, minibatch_size=43, num_epochs=2, shuffle_batch_per_epoch=shuffle
    )
    update(learner, rollout)
    assert rollout.num_steps <= 4 * 43
    assert len(learner.seen) == 2 * 5  # 184 rows, masked ones included
    for epoch in (learner.seen[:5], learner.seen[5:]):
        sizes = [len(batch.advantages) for batch in epoch]
        assert sum(sizes) == rollout.num_steps < 184
        assert max(sizes) - min(sizes) <= 2 * 5
        assert all(batch.lengths.sum() == len(batch.advantages) for batch in epoch)
    first, second = (torch.cat([b.old_log_probs for b in learner.seen[i : i + 5]]) for i in (0, 5))
    assert torch.equal(first, second) != shuffle
    assert torch.equal(first.sort()[0], second.sort()[0])


def test_reset_rows_reach_no_loss(build, update):
    _, learner, rollout = build()
    assert (~rollout.mask).sum() > 5
    update(learner, rollout)
    quiet = gradients(learner)
    for array in (rollout.rewards, rollout.values, rollout.log_probs, rollout.dist_inputs):
        array[~rollout.mask] = 1e3
    rollout.obs[~rollout.mask] = 7.0
    _, learner, _ = build()
    update(learner, rollout)
    for name, gradient in gradients(learner).items():
        assert torch.equal(gradient, quiet[name]), name


def test_the_state_before_a_sequence_matters(build, update):
    """Negative control: learning from other states gives another gradient."""
    _, learner, rollout = build()
    update(learner, rollout)
    right = gradients(learner)
    rollout.states[:] = 0
    _, learner, _ = build()
    update(learner, rollout)
    assert any(not torch.allclose(g, right[name]) for name, g in gradients(learner).items())


def test_an_a3c_runners_gradient_is_the_one_the_learner_would_compute(make_config, make_learner):
    sizes = {"num_envs_per_env_runner": 4, "env_config": {"max_episode_steps": 12}, "model": OURS}
    config = make_config("A3C", rollout_fragment_length=23, **sizes)
    runner, twin = (
        kind(config=config, worker_index=1, num_workers=1)
        for kind in (A3CEnvRunner, VectorEnvRunner)
    )
    learner = make_learner(runner, "A2C", train_batch_size=92, **sizes)
    module = learner.module["default_policy"]
    for _ in range(3):
        module.set_state(runner.module.get_state())
        twin.module.set_state(runner.module.get_state())
        message = runner.compute_gradients(runner.module.get_state(), timestep=0)
        rollout = twin.sample()
        learner.update(
            training_data=TrainingData(batch=learner_batch(rollout)),
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: 0},
        )
        assert message.num_steps == rollout.num_steps
        for parameter, gradient in zip(module.parameters(), message.gradients, strict=True):
            assert_allclose(gradient, parameter.grad.numpy(), rtol=1e-4, atol=1e-6)
            assert np.abs(gradient).sum() > 0
    runner.stop()
    twin.stop()
