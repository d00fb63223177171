"""ModelV2Module: every kind of TorchModelV2 behind one pair of outputs."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.models import MODEL_DEFAULTS
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import nn

from rllib_zoo.algorithms.ops.distributions import distribution_for
from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic
from rllib_zoo.custom_models.rl_module import (
    ModelV2Module,
    checked_model_config,
    num_dist_inputs,
    resolved_model_class,
)

VECTOR = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
SCREEN = gym.spaces.Box(0, 255, (84, 84, 4), np.uint8)
PUSH = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
CUSTOM = "custom_models.actor_critic.SharedEncoderActorCritic"


class Plain(TorchModelV2, nn.Module):
    """An ordinary TorchModelV2: no policy_and_value, its value is kept from the last forward."""

    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)
        self.policy, self.value = nn.Linear(4, num_outputs), nn.Linear(4, 1)

    def forward(self, input_dict, state, seq_lens):
        self._value = self.value(input_dict["obs"].float()).squeeze(1)
        return self.policy(input_dict["obs"].float()), state

    def value_function(self):
        return self._value


def hosted(obs=VECTOR, actions=None, seed=0, **model):
    torch.manual_seed(seed)
    actions = gym.spaces.Discrete(3) if actions is None else actions
    return ModelV2Module(observation_space=obs, action_space=actions, model_config=model)


def observations(space, batch, seed=1):
    rng = np.random.default_rng(seed)
    if space.dtype == np.uint8:
        return torch.from_numpy(rng.integers(0, 256, (batch, *space.shape), dtype=np.uint8))
    return torch.from_numpy(rng.normal(size=(batch, *space.shape)).astype(space.dtype))


KINDS = {
    "default": (VECTOR, None, {}),
    "separate values": (VECTOR, None, {"vf_share_layers": False}),
    "shared values": (VECTOR, None, {"vf_share_layers": True}),
    "own sizes": (VECTOR, None, {"fcnet_hiddens": [8], "fcnet_activation": "relu"}),
    "vision": (SCREEN, gym.spaces.Discrete(6), {}),
    "custom": (VECTOR, None, {"custom_model": CUSTOM}),
    "box": (VECTOR, PUSH, {}),
    "box with free log std": (VECTOR, PUSH, {"free_log_std": True}),
    "matrix of actions": (VECTOR, gym.spaces.Box(-1, 1, (2, 3)), {}),
    "plain": (VECTOR, None, {"custom_model": Plain}),
}


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_have_their_shapes_and_types(kind, batch):
    space, actions, model = KINDS[kind]
    module = hosted(space, actions, **model)
    size = num_dist_inputs(module.action_space)
    dist_inputs, values = module.policy_and_value(observations(space, batch))
    assert dist_inputs.shape == (batch, size)
    assert values.shape == (batch,)
    assert dist_inputs.dtype == values.dtype == torch.float32
    other = module.policy_and_value(observations(space, batch, seed=2))
    assert not torch.allclose(dist_inputs, other[0])
    assert not torch.allclose(values, other[1])


@pytest.mark.parametrize("kind", ["default", "custom", "plain", "vision"])
def test_rllibs_own_doors_give_the_same_numbers(kind):
    space, actions, model = KINDS[kind]
    module = hosted(space, actions, **model)
    obs = observations(space, 3)
    dist_inputs, values = module.policy_and_value(obs)
    out = module.forward_train({"obs": obs})
    torch.testing.assert_close(out["action_dist_inputs"], dist_inputs)
    torch.testing.assert_close(out["vf_preds"], values)
    torch.testing.assert_close(module.compute_values({"obs": obs}), values)


@pytest.mark.parametrize("kind", KINDS)
def test_state_makes_another_module_the_same(kind):
    space, actions, model = KINDS[kind]
    first, second = (hosted(space, actions, seed=seed, **model) for seed in (0, 1))
    obs = observations(space, 3)
    assert not torch.allclose(first.policy_and_value(obs)[0], second.policy_and_value(obs)[0])
    second.set_state(first.get_state())
    for mine, theirs in zip(first.policy_and_value(obs), second.policy_and_value(obs), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_both_outputs_carry_gradients_and_every_parameter_gets_one(kind):
    space, actions, model = KINDS[kind]
    module = hosted(space, actions, **model)
    dist_inputs, values = module.policy_and_value(observations(space, 3))
    (dist_inputs.square().sum() + values.square().sum()).backward()
    without = [name for name, p in module.named_parameters() if p.grad is None]
    assert without == []


def value_reaches_policy(module):
    """Whether the value's gradient touches a weight the policy uses."""
    dist_inputs, values = module.policy_and_value(observations(VECTOR, 3))
    values.square().sum().backward(retain_graph=True)
    from_value = {name for name, p in module.named_parameters() if p.grad is not None}
    module.zero_grad(set_to_none=True)
    dist_inputs.square().sum().backward()
    from_policy = {name for name, p in module.named_parameters() if p.grad is not None}
    return bool(from_value & from_policy)


@pytest.mark.parametrize("share", [True, False])
def test_vf_share_layers_decides_whether_value_and_policy_share(share):
    assert value_reaches_policy(hosted(vf_share_layers=share)) == share


def test_free_log_std_depends_on_no_observation():
    free, bound = (hosted(VECTOR, PUSH, free_log_std=value) for value in (True, False))
    for module, same in ((free, True), (bound, False)):
        one = module.policy_and_value(observations(VECTOR, 3))[0][:, 2:]
        other = module.policy_and_value(observations(VECTOR, 3, seed=2))[0][:, 2:]
        assert torch.equal(one, other) == same


def test_a_class_and_its_dotted_name_host_the_same_model():
    by_class, by_name = (
        hosted(custom_model=model, custom_model_config={"encoder_hiddens": [8]})
        for model in (SharedEncoderActorCritic, CUSTOM)
    )
    assert type(by_class.model) is type(by_name.model) is SharedEncoderActorCritic
    obs = observations(VECTOR, 3)
    assert torch.equal(by_class.policy_and_value(obs)[0], by_name.policy_and_value(obs)[0])
    # 4·8 + 8, then both heads' 8·128 + 128 and 128·3 + 3 or 128·1 + 1.
    numbers = sum(p.numel() for p in by_class.parameters() if p.requires_grad)
    assert numbers == 40 + 2 * 1152 + 387 + 129


def test_a_model_with_both_in_one_pass_is_asked_once():
    module = hosted(custom_model=CUSTOM)
    module.policy_and_value(observations(VECTOR, 3))
    with pytest.raises(RuntimeError, match="before the first"):
        module.model.value_function()  # nothing went through its forward


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"fcnet_hidens": [8]},
            "model key 'fcnet_hidens' is unknown; did you mean 'fcnet_hiddens'",
        ),
        ({"zzz": 1}, "model key 'zzz' is unknown"),
        (
            {"lstm_use_prev_action": True},
            "'lstm_use_prev_action': RLlib's LSTM gets observations only",
        ),
        (
            {"lstm_use_prev_reward": True},
            "'lstm_use_prev_reward': RLlib's LSTM gets observations only",
        ),
        ({"use_attention": True}, "'use_attention': attention networks are not supported"),
        ({"fcnet_bias_initializer": "zeros_"}, "RLlib's networks for TorchModelV2 do not read it"),
        ({"custom_action_dist": "x"}, "the action distribution follows from the action space"),
        ({"custom_model": "no.such.Model"}, "custom_model 'no.such.Model' cannot be imported"),
        ({"custom_model": Plain, "max_seq_len": 5}, "no effect: Plain is not recurrent"),
    ],
)
def test_what_cannot_be_hosted_is_refused_in_one_sentence(model, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        hosted(**model)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_defaults_are_filled_in_and_the_given_dict_is_left_alone():
    given = {"fcnet_hiddens": [8], "use_lstm": False}
    assert checked_model_config(given) == {**MODEL_DEFAULTS, "fcnet_hiddens": [8]}
    assert given == {"fcnet_hiddens": [8], "use_lstm": False}


def test_only_dotted_names_are_imported():
    assert resolved_model_class(CUSTOM) is SharedEncoderActorCritic
    assert resolved_model_class(SharedEncoderActorCritic) is SharedEncoderActorCritic
    assert resolved_model_class("registered_name") == "registered_name"


def test_other_action_spaces_are_refused_by_name():
    with pytest.raises(ValueError, match=r"no network outputs for Text\(1, 3"):
        num_dist_inputs(gym.spaces.Text(3))


def test_networks_have_the_outputs_that_distributions_need():
    space = gym.spaces.Dict(
        a=gym.spaces.Tuple((gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (2, 2)))),
        b=gym.spaces.MultiDiscrete([2, 4]),
        c=gym.spaces.MultiBinary((2, 3)),
    )
    assert num_dist_inputs(space) == distribution_for(space).num_inputs() == 3 + 8 + 6 + 6
    with pytest.raises(ValueError, match=r"free_log_std needs a Box action space, got Dict\("):
        hosted(VECTOR, space, free_log_std=True)
