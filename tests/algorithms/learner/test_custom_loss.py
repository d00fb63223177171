"""A custom model's ``custom_loss`` and ``metrics``, called and fed as on RLlib's old stack."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete
from ray.rllib.models.torch.fcnet import FullyConnectedNetwork
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from recurrent_model import Gated
from torch import nn

from rllib_zoo.algorithms.learner.model_columns import model_metrics, with_custom_loss
from rllib_zoo.algorithms.learner.sequences import batch_for


class Penalized(TorchModelV2, nn.Module):
    """Adds 1000 times the squared weights to the loss."""

    def __init__(self, *args, **kwargs):
        TorchModelV2.__init__(self, *args, **kwargs)
        nn.Module.__init__(self)
        self.inner = FullyConnectedNetwork(*args, **kwargs)
        self.inputs = None

    def forward(self, input_dict, state, seq_lens):
        return self.inner(input_dict, state, seq_lens)

    def value_function(self):
        return self.inner.value_function()

    def custom_loss(self, policy_loss, loss_inputs):
        self.inputs = loss_inputs
        self.penalty = sum((p**2).sum() for p in self.parameters())
        return [loss + 1000.0 * self.penalty for loss in policy_loss]

    def metrics(self):
        return {"penalty": self.penalty, "constant": 7}


class GatedWithLoss(Gated):
    def custom_loss(self, policy_loss, loss_inputs):
        self.inputs = loss_inputs
        return policy_loss


class Two(Penalized):
    def custom_loss(self, policy_loss, loss_inputs):
        return [*policy_loss, policy_loss[0]]


class Worded(Penalized):
    def metrics(self):
        return {"mood": "good"}


def squared_weights(network):
    return float(sum((p.detach() ** 2).sum() for p in network.parameters()))


MODEL = {"custom_model": Penalized, "fcnet_hiddens": [4]}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["PPO", "A2C", "PG"])
def test_the_loss_that_is_minimized_is_the_models(make_runner, make_learner, update, name, threads):
    settings = {"model": MODEL, "train_batch_size": 80, "num_envs_per_env_runner": 8}
    settings |= {"torch_num_threads": threads, "grad_clip": None}
    settings |= {"num_epochs": 1, "minibatch_size": None} if name == "PPO" else {}
    runner = make_runner(name=name, **settings)
    learner = make_learner(runner, name, **settings)
    network = learner.module["default_policy"]
    runner.copy_weights(learner.state_tensors())
    before = squared_weights(network)
    stats = update(learner, runner.sample(num_steps=10))
    assert stats["model/constant"] == 7
    assert stats["model/penalty"] == pytest.approx(before, rel=0.3)
    assert stats["total_loss"] == pytest.approx(1000 * stats["model/penalty"], rel=0.1)
    # d(1000 w²)/dw = 2000 w is far larger than the gradient of the policy's loss.
    assert stats["gradients_default_optimizer_global_norm"] == pytest.approx(
        2000 * np.sqrt(stats["model/penalty"]), rel=0.1
    )
    assert squared_weights(network) < before


def test_loss_inputs_are_the_train_batch(make_runner):
    runner = make_runner(num_envs_per_env_runner=2, model=MODEL)
    rollout = runner.sample(num_steps=20)
    batch = batch_for(runner.module, rollout.arrays(), runner.config, "cpu")
    loss = torch.zeros((), requires_grad=True)
    with_custom_loss(runner.module, loss, {}, batch)
    inputs = runner.module.model.inputs
    obs = rollout.obs.reshape(-1, 4)
    np.testing.assert_array_equal(inputs["obs"], obs)
    np.testing.assert_array_equal(inputs["new_obs"][:38], obs[2:])
    np.testing.assert_array_equal(inputs["rewards"], rollout.rewards.reshape(-1))
    np.testing.assert_array_equal(inputs["terminateds"], rollout.terminated.reshape(-1))
    np.testing.assert_array_equal(inputs["actions"], rollout.actions.reshape(-1))
    np.testing.assert_array_equal(inputs["vf_preds"], rollout.values.reshape(-1))
    np.testing.assert_allclose(inputs["action_prob"], np.exp(rollout.log_probs.reshape(-1)), 1e-6)
    np.testing.assert_array_equal(inputs["advantages"], batch.advantages)
    assert inputs.is_training
    with pytest.raises(KeyError, match="column 'infos' does not exist here; it has obs, "):
        inputs["infos"]


def test_a_recurrent_model_gets_padded_sequences(make_runner):
    model = {"custom_model": GatedWithLoss, "max_seq_len": 8}
    runner = make_runner(num_envs_per_env_runner=2, model=model)
    rollout = runner.sample(num_steps=40)
    batch = batch_for(runner.module, rollout.arrays(), runner.config, "cpu")
    with_custom_loss(runner.module, torch.zeros((), requires_grad=True), {}, batch)
    inputs = runner.module.model.inputs
    lengths = inputs["seq_lens"].tolist()
    assert min(lengths) < max(lengths)
    rows = inputs["obs"].reshape(len(lengths), max(lengths), 4)
    start = 0
    for row, length in zip(rows, lengths, strict=True):
        np.testing.assert_array_equal(row[:length], batch.obs[start : start + length])
        assert not row[length:].any()
        start += length
    assert inputs["state_in_0"].shape == (len(lengths), 8)


def test_a3c_computes_the_gradients_of_the_models_loss(make_runner):
    from rllib_zoo.algorithms.a3c.env_runner import A3CEnvRunner
    from tests.helpers.algorithm_fixtures import small_config

    config = small_config("A3C", model=MODEL, num_envs_per_env_runner=4, grad_clip=None)
    runner = A3CEnvRunner(config=config, worker_index=1, num_workers=1)
    message = runner.compute_gradients(runner.module.get_state(), 0)
    weights = [p.detach().numpy() for p in runner.module.parameters()]
    norm = np.sqrt(sum(np.square(2000 * w).sum() for w in weights))
    assert message.stats["gradients_default_optimizer_global_norm"] == pytest.approx(norm, rel=0.01)
    assert message.stats["model/constant"] == 7
    runner.stop()


def test_what_cannot_be_honoured_is_named(make_runner):
    runner = make_runner(model={**MODEL, "custom_model": Two})
    batch = batch_for(runner.module, runner.sample(num_steps=5).arrays(), runner.config, "cpu")
    with pytest.raises(ValueError, match=r"Two.custom_loss\(\) returned 2 losses; there is one"):
        with_custom_loss(runner.module, torch.zeros((), requires_grad=True), {}, batch)
    worded = make_runner(model={**MODEL, "custom_model": Worded})
    with pytest.raises(ValueError, match=r"Worded.metrics\(\)\['mood'\] is not a number: 'good'"):
        model_metrics(worded.module)


def test_networks_without_hooks_record_nothing_more(make_runner):
    runner = make_runner()
    rollout = runner.sample(num_steps=3)
    assert rollout.views is None
    assert rollout.next_obs is None
    assert isinstance(runner.env.single_action_space, Discrete)
