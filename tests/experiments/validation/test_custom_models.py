"""Users' networks in the check: what is refused, what is noted, and which steps the environment takes."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.models.torch.fcnet import FullyConnectedNetwork
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import nn

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.translate import translate
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate

EXAMPLES = "ray.rllib.examples"
PARAMETRIC = {
    "env": f"{EXAMPLES}.envs.classes.parametric_actions_cartpole.ParametricActionsCartPole",
    "env_config": {"max_avail_actions": 10},
    "model": f"{EXAMPLES}._old_api_stack.models.parametric_actions_model.TorchParametricActionsModel",
}


class Screens(TorchModelV2, nn.Module):
    """Written for RLlib's Atari images, [84, 84, 4]."""

    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)
        self.image = nn.Conv2d(4, 8, 8, 4)
        self.both = nn.Linear(3200, num_outputs + 1)

    def forward(self, input_dict, state, seq_lens):
        image = input_dict["obs"].permute(0, 3, 1, 2).float() / 255.0
        self._out = self.both(self.image(image).flatten(1))
        return self._out[:, :-1], state

    def value_function(self):
        return self._out[:, -1]


class AnyLayout(Screens):
    def forward(self, input_dict, state, seq_lens):
        image = input_dict["obs"]
        if image.shape[1] == 4:
            image = image.permute(0, 2, 3, 1)
        return super().forward({"obs": image}, state, seq_lens)

    def import_from_h5(self, file):
        raise AssertionError


class Needy(TorchModelV2, nn.Module):
    def __init__(self, *args, **kwargs):
        TorchModelV2.__init__(self, *args, **kwargs)
        nn.Module.__init__(self)
        self.inner = FullyConnectedNetwork(*args, **kwargs)

    def forward(self, input_dict, state, seq_lens):
        return self.inner(input_dict, state, seq_lens)

    def value_function(self):
        return self.inner.value_function()

    def custom_loss(self, policy_loss, loss_inputs):
        return policy_loss[0] + loss_inputs["infos"]


class Masked(gym.Env):
    """Takes two of four actions, other ones in every step."""

    observation_space = gym.spaces.Dict(
        {
            "observations": gym.spaces.Box(-1, 1, (2,), np.float32),
            "action_mask": gym.spaces.Box(0, 1, (4,), np.int8),
        }
    )
    action_space = gym.spaces.Discrete(4)

    def _obs(self):
        self.mask = np.roll(np.array([1, 0, 1, 0], np.int8), self.steps)
        return {"observations": np.zeros(2, np.float32), "action_mask": self.mask}

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return self._obs(), {}

    def step(self, action):
        assert self.mask[action] == 1, f"masked action {action}"
        self.steps += 1
        return self._obs(), 1.0, False, self.steps == 20, {}


class MaskedPair(Masked):
    """Both choices are masked; one of 16 actions is valid in every step."""

    observation_space = gym.spaces.Dict({"action_mask": gym.spaces.MultiBinary(8)})
    action_space = gym.spaces.MultiDiscrete([4, 4])

    def _obs(self):
        self.mask = np.roll(np.array([1, 0, 0, 0] * 2, np.int8), self.steps)
        return {"action_mask": self.mask}

    def step(self, action):
        first, second = action
        assert self.mask[first] == self.mask[4 + second] == 1, f"masked action {action}"
        self.steps += 1
        return self._obs(), 1.0, False, self.steps == 20, {}


class Broken(Masked):
    def step(self, action):
        raise RuntimeError("it never works")


class Masking(Needy):
    custom_loss = TorchModelV2.custom_loss

    def __init__(self, obs_space, *args):
        super().__init__(obs_space.original_space["observations"], *args)
        self.obs_space = obs_space

    def forward(self, input_dict, state, seq_lens):
        obs = input_dict["obs"]
        logits, _ = self.inner({"obs": obs["observations"]})
        return logits + torch.clamp(torch.log(obs["action_mask"]), min=-1e38), state


def request(model, env="CartPole-v1", **config):
    model = {"custom_model": model} if not isinstance(model, dict) else model
    config = {"num_env_runners": 0, "train_batch_size": 200, "minibatch_size": 100, **config}
    stop = {"training_iteration": 1}
    return Experiment("x", "PPO", env, {"model": model, **config}, stop=stop)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_environment_may_refuse_masked_actions(mode):
    validated = validate(request(Masking, Masked, gym_env_vectorize_mode=mode))
    assert validated.module.model.obs_space.original_space == Masked.observation_space


def test_an_environment_may_refuse_masked_actions_of_several_choices():
    validate(request({}, MaskedPair))


def test_an_environment_that_refuses_every_action_is_broken():
    with pytest.raises(RequestError, match="RuntimeError: it never works"):
        validate(request(Masking, Broken))


def test_rllibs_parametric_actions_pass_the_check():
    config = {"env_config": PARAMETRIC["env_config"]}
    validate(request(PARAMETRIC["model"], PARAMETRIC["env"], **config))


def test_a_loss_that_reads_what_is_not_recorded_is_refused():
    with pytest.raises(RequestError) as error:
        validate(request(Needy))
    line = "config.model: Needy.custom_loss() reads loss_inputs: column 'infos' does not exist here"
    assert line in str(error.value)


def test_the_layout_of_atari_images_is_noted_where_a_model_might_expect_another():
    hint = "model: {channels_last: true} gives [84, 84, 4], as RLlib's Atari wrappers did"
    with pytest.raises(
        RequestError, match=r"the network fails on an observation: .*Given"
    ) as error:
        validate(request(Screens, "ALE/Pong-v5"))
    assert hint in str(error.value)
    notes = validate(request(AnyLayout, "ALE/Pong-v5")).experiment.notes
    assert notes[0].endswith(f"AnyLayout gets images [4, 84, 84]; {hint}")
    assert notes[1].startswith("import_from_h5() of custom_model")
    for model in (
        {"custom_model": Screens, "channels_last": True},
        {"custom_model": "custom_models.SharedEncoderActorCritic"},
    ):
        assert validate(request(model, "ALE/Pong-v5")).experiment.notes == ()


@pytest.mark.parametrize(
    ("env", "model", "expected"),
    [
        ("PongNoFrameskip-v4", "mine.Net", True),
        ("PongNoFrameskip-v4", "custom_models.SharedEncoderActorCritic", None),
        ("PongNoFrameskip-v4", None, None),
        ("CartPole-v1", "mine.Net", None),
    ],
)
def test_retired_files_keep_rllibs_layout(env, model, expected):
    entry = {
        "run": "PPO",
        "env": env,
        "config": {"num_workers": 1, "model": {"custom_model": model}},
    }
    translated, changes = translate(entry)
    assert translated["config"]["model"].get("channels_last") is expected
    assert ("channels last" in str(changes)) == bool(expected)
