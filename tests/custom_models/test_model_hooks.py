"""What users' TorchModelV2 classes read and override is honoured, or refused by name."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.examples._old_api_stack.models.action_mask_model import TorchActionMaskModel
from ray.rllib.models.torch.fcnet import FullyConnectedNetwork
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from ray.rllib.policy.view_requirement import ViewRequirement
from torch import nn

from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic
from rllib_zoo.custom_models.rl_module import ModelV2Module

VECTOR = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
SCREEN = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
MASKED = gym.spaces.Dict(
    {
        "action_mask": gym.spaces.Box(0.0, 1.0, (3,), np.float32),
        "observations": gym.spaces.Box(-1.0, 1.0, (2,), np.float32),
    }
)


def hosted(obs=VECTOR, **model):
    torch.manual_seed(0)
    actions = gym.spaces.Discrete(3)
    return ModelV2Module(observation_space=obs, action_space=actions, model_config=model)


def flattened(space):
    flat = gym.spaces.flatten_space(space)
    flat.original_space = space
    return flat


class Base(TorchModelV2, nn.Module):
    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)
        self.weight = nn.Parameter(torch.zeros(num_outputs))
        self.rows = 0

    def forward(self, input_dict, state, seq_lens):
        self.inputs = input_dict
        self.rows = len(input_dict["obs_flat"])
        return self.weight.expand(self.rows, -1), state

    def value_function(self):
        return torch.zeros(self.rows)


class Viewed(Base):
    requirement = ViewRequirement("infos")

    def __init__(self, *args):
        super().__init__(*args)
        self.view_requirements["mine"] = self.requirement


class LateInfos(Base):
    def forward(self, input_dict, state, seq_lens):
        input_dict["infos"]
        return super().forward(input_dict, state, seq_lens)


class EpisodeIds(Base):
    def forward(self, input_dict, state, seq_lens):
        input_dict["eps_id"]
        return super().forward(input_dict, state, seq_lens)


class TimeMajor(Base):
    def is_time_major(self):
        return True


class Valueless(Base):
    value_function = TorchModelV2.value_function


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LateInfos, "LateInfos.forward() reads input_dict: column 'infos' does not exist here"),
        (EpisodeIds, "EpisodeIds.forward() reads input_dict: column 'eps_id' does not exist here"),
        (TimeMajor, "TimeMajor is time-major"),
        (Valueless, "Valueless has no value_function()"),
    ],
)
def test_what_networks_do_not_get_is_named(model, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        hosted(custom_model=model)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        (
            ViewRequirement("infos"),
            "a view of 'infos' is not supported; only views of obs, actions",
        ),
        (ViewRequirement("state_out_0", shift="-5:-1"), "a view of 'state_out_0' is not supported"),
        (ViewRequirement("rewards"), "shift 0 of 'rewards' is not supported; only shifts up to -1"),
        (ViewRequirement("obs", shift=2), "shift 2 of 'obs' is not supported"),
        (ViewRequirement("obs", shift=-1, batch_repeat_value=5), "batch_repeat_value and index"),
    ],
)
def test_views_that_cannot_be_made_are_named(requirement, message):
    model = type("Model", (Viewed,), {"requirement": requirement})
    with pytest.raises(ValueError, match=r"view_requirements\['mine'\]: ") as error:
        hosted(custom_model=model)
    assert message in str(error.value)


def test_only_what_a_model_reads_is_recorded():
    assert hosted(custom_model=Base).views is None

    class Reading(Base):
        def forward(self, input_dict, state, seq_lens):
            assert input_dict["prev_actions"].dtype == torch.int64
            return super().forward(input_dict, state, seq_lens)

    assert [view.name for view in hosted(custom_model=Reading).views.views] == ["prev_actions"]


def test_finding_out_what_a_model_reads_changes_nothing():
    class Noisy(Base):
        def __init__(self, *args):
            super().__init__(*args)
            self.norm, self.frozen = nn.BatchNorm1d(4), nn.BatchNorm1d(4).eval()

        def forward(self, input_dict, state, seq_lens):
            self.norm(input_dict["obs"] + torch.rand(4))
            return super().forward(input_dict, state, seq_lens)

    module = hosted(custom_model=Noisy)
    after = torch.rand(1)
    torch.manual_seed(0)
    [nn.BatchNorm1d(4), nn.BatchNorm1d(4)]
    assert torch.equal(after, torch.rand(1))
    assert int(module.model.norm.num_batches_tracked) == 0
    assert module.model.norm.training
    assert not module.model.frozen.training


def test_a_subclass_of_our_network_is_not_bypassed():
    class Loud(SharedEncoderActorCritic):
        def forward(self, input_dict, state, seq_lens):
            outputs, state = super().forward(input_dict, state, seq_lens)
            return outputs + 100.0, state

    plain, loud = hosted(custom_model=SharedEncoderActorCritic), hosted(custom_model=Loud)
    obs = torch.randn(3, 4)
    torch.testing.assert_close(
        loud.policy_and_value(obs)[0], plain.policy_and_value(obs)[0] + 100.0
    )


def test_rllibs_action_mask_model_runs_as_published():
    module = hosted(flattened(MASKED), custom_model=TorchActionMaskModel)
    # Dict spaces are sorted by key: the mask first.
    dist_inputs, values = module.policy_and_value(torch.tensor([[1.0, 0.0, 1.0, 0.3, 0.4]]))
    assert dist_inputs[0, 1] < -1e38
    assert (dist_inputs[0, [0, 2]].abs() < 10).all()
    assert values.shape == (1,)


def test_a_custom_model_gets_the_structure_and_the_vector():
    space = gym.spaces.Tuple((gym.spaces.Discrete(3), gym.spaces.MultiBinary(2)))
    module = hosted(flattened(space), custom_model=Base)
    flat = torch.tensor([[0, 1, 0, 1, 1]])
    module.policy_and_value(flat)
    inputs = module.model.inputs
    assert torch.equal(inputs["obs"][0], torch.tensor([[0.0, 1.0, 0.0]]))
    assert torch.equal(inputs["obs"][1], torch.tensor([[1.0, 1.0]]))
    assert torch.equal(inputs["obs_flat"], flat.float())
    assert module.model.obs_space.original_space == space


@pytest.mark.parametrize("lstm", [False, True])
def test_our_networks_and_rllibs_go_on_with_the_vector(lstm):
    ours = hosted(flattened(MASKED), custom_model=SharedEncoderActorCritic, use_lstm=lstm)
    theirs = hosted(flattened(MASKED), use_lstm=lstm)
    assert isinstance(theirs.model, FullyConnectedNetwork)
    for module in (ours, theirs):
        obs = torch.randn(2, 5)
        if lstm:
            states = module.recurrent.initial_state().expand(2, -1)
            assert module.recurrent.step(obs, states)[0].shape == (2, 3)
        else:
            assert module.policy_and_value(obs)[0].shape == (2, 3)


def test_channels_last_is_a_view_of_the_same_bytes():
    module = hosted(SCREEN, custom_model=Base, channels_last=True)
    assert module.model.obs_space.shape == (84, 84, 4)
    screens = torch.randint(0, 256, (2, 4, 84, 84), dtype=torch.uint8)
    module.policy_and_value(screens)
    seen = module.model.inputs["obs"]
    assert seen.dtype == torch.uint8
    assert torch.equal(seen[1, :, :, 3], screens[1, 3])
    assert seen.data_ptr() == screens.data_ptr()


def test_channels_last_changes_nothing_for_our_network():
    first = hosted(SCREEN, custom_model=SharedEncoderActorCritic)
    last = hosted(SCREEN, custom_model=SharedEncoderActorCritic, channels_last=True)
    screens = torch.randint(0, 256, (2, 4, 84, 84), dtype=torch.uint8)
    torch.testing.assert_close(first.policy_and_value(screens), last.policy_and_value(screens))


@pytest.mark.parametrize(
    ("space", "model", "message"),
    [
        (SCREEN, {}, "model.channels_last has no effect without custom_model"),
        (VECTOR, {"custom_model": Base}, "model.channels_last needs images [C, H, W], got Box"),
    ],
)
def test_channels_last_without_effect_is_refused(space, model, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        hosted(space, channels_last=True, **model)
    assert message in str(error.value)
