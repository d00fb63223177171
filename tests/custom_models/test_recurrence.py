"""RecurrentModel: sequences give what single steps give, padding gives nothing."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.models.torch.recurrent_net import LSTMWrapper
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import nn

from rllib_zoo.custom_models import SharedEncoderActorCritic
from rllib_zoo.custom_models.recurrence import RecurrentModel
from rllib_zoo.custom_models.rl_module import ModelV2Module
from rllib_zoo.custom_models.thread_safety import SharedModel

VECTOR = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
SCREEN = gym.spaces.Box(0, 255, (4, 42, 42), np.uint8)
PUSH = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
OURS = "custom_models.SharedEncoderActorCritic"
SMALL = {"use_lstm": True, "lstm_cell_size": 8}
CONVOLUTIONS = [[4, [8, 8], 4], [8, [4, 4], 2]]


class Gated(TorchModelV2, nn.Module):
    """A recurrent TorchModelV2 of its own: a GRU and a counter, first states that are not zero."""

    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)
        self.cell = nn.GRUCell(5, 6)
        self.policy, self.value = nn.Linear(6, num_outputs), nn.Linear(6, 1)

    def get_initial_state(self):
        return [np.full((2, 3), 0.5, np.float32), torch.ones(1)]

    def forward(self, input_dict, state, seq_lens):
        rows = input_dict["obs"].reshape(len(seq_lens), -1, 4)
        hidden, count = state[0].flatten(1), state[1]
        steps = []
        for t in range(rows.shape[1]):
            hidden = self.cell(torch.cat([rows[:, t], count.sin()], 1), hidden)
            count = count + 1
            steps.append(hidden)
        features = torch.stack(steps, 1).flatten(0, 1)
        self._value = self.value(features).squeeze(1)
        return self.policy(features), [hidden.reshape(-1, 2, 3), count]

    def value_function(self):
        return self._value


KINDS = {
    "fcnet": (VECTOR, None, {**SMALL, "fcnet_hiddens": [8]}),
    "separate values": (VECTOR, None, {**SMALL, "fcnet_hiddens": [8], "vf_share_layers": False}),
    "box": (VECTOR, PUSH, {**SMALL, "fcnet_hiddens": [8]}),
    "vision": (SCREEN, None, {**SMALL, "conv_filters": CONVOLUTIONS}),
    "ours": (VECTOR, None, {**SMALL, "custom_model": OURS}),
    "ours on images": (
        SCREEN,
        None,
        {**SMALL, "custom_model": OURS, "custom_model_config": {"encoder_hiddens": [16]}},
    ),
    "its own": (VECTOR, None, {"custom_model": Gated}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
LENGTHS = [3, 1, 5, 2]


def hosted(kind, seed=0):
    torch.manual_seed(seed)
    obs, actions, model = KINDS[kind]
    actions = gym.spaces.Discrete(3) if actions is None else actions
    return ModelV2Module(observation_space=obs, action_space=actions, model_config=model)


def rows_of(kind, count, seed=1):
    space, rng = KINDS[kind][0], np.random.default_rng(seed)
    if space.dtype == np.uint8:
        return torch.from_numpy(rng.integers(0, 256, (count, *space.shape), dtype=np.uint8))
    return torch.from_numpy(rng.normal(size=(count, *space.shape)).astype(np.float32))


def states_of(recurrent, count, seed=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, recurrent.initial_state().numel(), generator=generator) / 2


def stepped(recurrent, obs, lengths, states):
    """One row at a time, one sequence after the other."""
    outputs, row = [], 0
    for length, state in zip(lengths, states, strict=True):
        state = state[None]
        for _ in range(length):
            dist_inputs, values, state = recurrent.step(obs[row : row + 1], state)
            outputs.append((dist_inputs, values))
            row += 1
    return tuple(torch.cat(column) for column in zip(*outputs, strict=True))


@every_kind
@pytest.mark.parametrize("lengths", [LENGTHS, [4, 4], [1, 1, 1], [6]], ids=str)
def test_a_sequence_gives_what_its_steps_give(kind, lengths):
    recurrent = hosted(kind).recurrent
    obs, states = rows_of(kind, sum(lengths)), states_of(recurrent, len(lengths))
    with torch.no_grad():
        found = recurrent.unroll(obs, torch.tensor(lengths), states)
        expected = stepped(recurrent, obs, lengths, states)
        other = recurrent.unroll(obs, torch.tensor(lengths), states + 0.5)
    for mine, theirs, moved in zip(found, expected, other, strict=True):
        assert mine.shape == theirs.shape
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(mine, moved)  # the states before them count


@every_kind
def test_the_gradient_of_a_sequence_reaches_back_through_its_steps(kind):
    found = []
    for forward in ("unroll", "steps"):
        module = hosted(kind)
        recurrent = module.recurrent
        obs, states = rows_of(kind, sum(LENGTHS)), states_of(recurrent, len(LENGTHS))
        if forward == "unroll":
            outputs = recurrent.unroll(obs, torch.tensor(LENGTHS), states)
        else:
            outputs = stepped(recurrent, obs, LENGTHS, states)
        sum(output.square().mean() for output in outputs).backward()
        found.append({name: p.grad for name, p in module.named_parameters()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], rtol=1e-4, atol=1e-6)


@every_kind
def test_outputs_have_a_row_per_step_and_states_a_row_per_sequence(kind):
    module = hosted(kind)
    recurrent, outputs = module.recurrent, 4 if kind == "box" else 3
    states = recurrent.initial_state().expand(7, -1)
    dist_inputs, values, after = recurrent.step(rows_of(kind, 7), states)
    assert dist_inputs.shape == (7, outputs)
    assert values.shape == (7,)
    assert after.shape == (7, recurrent.initial_state().numel()) == states.shape
    assert not torch.allclose(after, states)


def test_states_begin_as_the_model_says():
    start = hosted("its own").recurrent.initial_state()
    assert start.tolist() == [0.5] * 6 + [1.0]
    assert hosted("fcnet").recurrent.initial_state().tolist() == [0.0] * 16


@every_kind
def test_every_parameter_gets_a_gradient(kind):
    module = hosted(kind)
    recurrent = module.recurrent
    obs, states = rows_of(kind, sum(LENGTHS)), states_of(recurrent, len(LENGTHS))
    dist_inputs, values = recurrent.unroll(obs, torch.tensor(LENGTHS), states)
    (dist_inputs.square().mean() + values.square().mean()).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def gradients_with_padding(kind, content):
    """Gradients when padded rows hold ``content`` instead of zeros; how many were padded."""
    module, changed = hosted(kind), []

    def prepare(obs):
        obs = module.prepared(obs)
        empty = obs.flatten(1).abs().sum(1) == 0
        changed.append(int(empty.sum()))
        return torch.where(empty.reshape(-1, *[1] * (obs.dim() - 1)), content, obs)

    recurrent = RecurrentModel(SharedModel(module.model, copied=True), prepare)
    obs, states = rows_of(kind, sum(LENGTHS)), states_of(recurrent, len(LENGTHS))
    dist_inputs, values = recurrent.unroll(obs, torch.tensor(LENGTHS), states)
    (dist_inputs.square().mean() + values.square().mean()).backward()
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    return gradients, sum(changed)


@pytest.mark.parametrize("kind", ["fcnet", "vision", "its own"])
def test_what_padded_rows_hold_changes_no_bit_of_a_gradient(kind):
    plain, padded = gradients_with_padding(kind, 0.0)
    assert padded == max(LENGTHS) * len(LENGTHS) - sum(LENGTHS)
    loud, _ = gradients_with_padding(kind, 7.0)
    assert all(torch.equal(one, other) for one, other in zip(plain, loud, strict=True))


def test_our_encoder_sees_no_padded_rows():
    for kind in ("ours", "ours on images"):
        assert gradients_with_padding(kind, 0.0)[1] == 0


def test_our_model_is_encoder_then_lstm_then_linear_heads():
    module = hosted("ours on images")
    assert isinstance(module.model, LSTMWrapper)
    assert isinstance(module.model, SharedEncoderActorCritic)
    assert module.model.lstm.input_size == 16
    kinds = {name.split(".")[1] for name, _ in module.named_parameters()}
    assert kinds == {"image", "encoder", "lstm", "_logits_branch", "_value_branch"}


def test_options_reach_our_model_behind_the_wrapper_and_nobody_is_blamed(caplog):
    assert hosted("ours").model.lstm.input_size == 128
    with caplog.at_level("WARNING"):
        assert hosted("ours on images").model.lstm.input_size == 16
    assert "custom_model_config" not in caplog.text


@pytest.mark.parametrize("kind", ["fcnet", "ours"])
def test_autocast_leaves_lstm_and_heads_in_full_precision(kind):
    recurrent = hosted(kind).recurrent
    lengths, obs = torch.tensor(LENGTHS), rows_of(kind, sum(LENGTHS))
    states = states_of(recurrent, len(LENGTHS))
    exact = recurrent.unroll(obs, lengths, states)
    with torch.autocast("cpu", torch.bfloat16):
        cast = recurrent.unroll(obs, lengths, states)
    assert {output.dtype for output in cast} == {torch.float32}
    for one, other in zip(exact, cast, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02)
    assert torch.equal(exact[1], cast[1]) == (kind == "fcnet")  # our encoder runs in bfloat16


@every_kind
def test_rllibs_own_door_takes_and_gives_the_state(kind):
    module = hosted(kind)
    obs, start = rows_of(kind, 2), module.get_initial_state()["state"]
    assert module.is_stateful()
    states = start.expand(2, -1)
    found = module.forward_inference({"obs": obs, "state_in": {"state": states}})
    dist_inputs, values, after = module.recurrent.step(obs, states)
    torch.testing.assert_close(found["action_dist_inputs"], dist_inputs)
    torch.testing.assert_close(found["vf_preds"], values)
    torch.testing.assert_close(found["state_out"]["state"], after)


def test_a_network_without_state_says_so():
    module = ModelV2Module(
        observation_space=VECTOR, action_space=gym.spaces.Discrete(2), model_config={}
    )
    assert module.recurrent is None
    assert module.get_initial_state() == {}
    assert not module.is_stateful()
