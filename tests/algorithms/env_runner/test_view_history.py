"""Custom models get previous actions, rewards, steps and observations as RLlib's old stack fed them."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.testing import assert_allclose, assert_array_equal
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from ray.rllib.policy.view_requirement import ViewRequirement
from torch import nn

from rllib_zoo.algorithms.learner.sequences import batch_for

SAME_STEP_ID = "tests/SameStepCounting-v0"
LENGTH = 4


class Counting(gym.Env):
    """The observation is the number of steps plus 10, the reward that number times 100; 4 steps long."""

    observation_space = gym.spaces.Box(-100.0, 100.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.array([10.0], np.float32), {}

    def step(self, action):
        self.steps += 1
        obs = np.array([10.0 + self.steps], np.float32)
        return obs, 100.0 * self.steps, False, self.steps == LENGTH, {}


def same_step(num_envs):
    return SyncVectorEnv([Counting] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


if SAME_STEP_ID not in gym.registry:
    gym.register(SAME_STEP_ID, vector_entry_point=same_step)


class Viewing(TorchModelV2, nn.Module):
    """Its outputs depend on everything it views."""

    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        nn.Module.__init__(self)
        self.view_requirements["past_obs"] = ViewRequirement("obs", shift="-2:0", space=obs_space)
        self.view_requirements["past_rewards"] = ViewRequirement("rewards", shift=[-2, -1])
        self.both = nn.Linear(8, num_outputs + 1)

    def forward(self, input_dict, state, seq_lens):
        parts = [
            input_dict["obs_flat"],
            input_dict["prev_actions"][:, None],
            input_dict["prev_rewards"][:, None] / 100.0,
            input_dict["t"][:, None],
            input_dict["past_obs"].flatten(1)[:, 1:],
            input_dict["past_rewards"] / 100.0,
        ]
        self.seen = {key: input_dict[key] for key in ("prev_actions", "t", "past_obs")}
        self._out = self.both(torch.cat([part.float() for part in parts], 1))
        return self._out[:, :-1], state

    def value_function(self):
        return self._out[:, -1]


class Remembering(Viewing):
    """The same with a state, which every step increases by one."""

    def get_initial_state(self):
        return [torch.zeros(1)]

    def forward(self, input_dict, state, seq_lens):
        out, _ = super().forward(input_dict, state, seq_lens)
        longest = len(out) // len(seq_lens)
        return out, [state[0] + longest]


def views_of(runner, rollout):
    flat = torch.from_numpy(rollout.views.reshape(-1, rollout.views.shape[2]))
    columns = runner.module.views.columns(flat, training=True)
    shape = rollout.mask.shape
    return {name: column.numpy().reshape(*shape, -1) for name, column in columns.items()}


@pytest.mark.parametrize("env", [Counting, SAME_STEP_ID])
def test_every_column_is_of_the_step_and_its_episode(make_runner, env):
    runner = make_runner(env, num_envs_per_env_runner=2, model={"custom_model": Viewing})
    previous = None
    for _ in range(3):  # views continue in the next fragment
        rollout = runner.sample(num_steps=6).copy()
        views, steps = views_of(runner, rollout), rollout.obs[..., 0] - 10
        assert_array_equal(views["t"][..., 0], steps)
        for t, n in np.argwhere(rollout.mask):
            step, actions, rewards = int(steps[t, n]), rollout.actions, rollout.rewards
            before = (actions[t - 1, n], rewards[t - 1, n]) if t else previous and previous[n]
            if step == 0:
                before = (0, 0.0)
            assert (
                before is None
                or (views["prev_actions"][t, n], views["prev_rewards"][t, n]) == before
            )
            assert_array_equal(
                views["past_obs"][t, n], 10 + np.maximum([step - 2, step - 1, step], 0)
            )
            assert_array_equal(views["past_rewards"][t, n], 100.0 * np.maximum([step - 1, step], 0))
        previous = [(rollout.actions[-1, n], rollout.rewards[-1, n]) for n in range(2)]


@pytest.mark.parametrize("env", [Counting, SAME_STEP_ID])
@pytest.mark.parametrize("model", [Viewing, Remembering])
def test_training_sees_what_acting_saw(make_runner, env, model):
    runner = make_runner(env, num_envs_per_env_runner=2, model={"custom_model": model})
    rollout = runner.sample(num_steps=11)
    batch = batch_for(runner.module, rollout.arrays(), runner.config, "cpu").all_valid()
    with torch.no_grad():
        dist_inputs, values = batch.outputs(runner.module)
    assert_allclose(dist_inputs.numpy(), batch.old_dist_inputs.numpy(), rtol=1e-4, atol=1e-5)
    assert_allclose(values.numpy(), batch.old_values.numpy(), rtol=1e-4, atol=1e-5)
    if model is Viewing:
        chunks = [chunk.outputs(runner.module)[1] for chunk in batch.split(3)]
        assert_allclose(torch.cat(chunks).detach().numpy(), values.numpy(), rtol=1e-5)


@pytest.mark.parametrize("env", [Counting, SAME_STEP_ID])
def test_a_truncated_episode_is_bootstrapped_with_its_own_past(make_runner, env):
    runner = make_runner(env, num_envs_per_env_runner=1, model={"custom_model": Viewing})
    rollout = runner.sample(num_steps=LENGTH)
    model = runner.module.model
    columns = {
        "prev_actions": torch.tensor([int(rollout.actions[-1, 0])]),
        "prev_rewards": torch.tensor([400.0]),
        "t": torch.tensor([4]),
        "past_obs": torch.tensor([[[12.0], [13.0], [14.0]]]),
        "past_rewards": torch.tensor([[300.0, 400.0]]),
    }
    with torch.no_grad():
        _, value = runner.module.policy_and_value(torch.tensor([[14.0]]), columns)
    assert_allclose(rollout.next_values[-1, 0], value.numpy()[0], rtol=1e-5)
    assert model.seen["past_obs"].shape == (1, 3, 1)


def test_evaluation_feeds_them_too(make_runner):
    runner = make_runner(
        Counting, num_envs_per_env_runner=1, evaluation=True, model={"custom_model": Viewing}
    )
    runner.reset_episodes()
    for step in range(LENGTH):
        runner.step_episodes(explore=True)
        seen = runner.module.model.seen
        assert int(seen["t"]) == step
        assert_array_equal(
            seen["past_obs"].flatten(), 10 + np.maximum([step - 2, step - 1, step], 0)
        )


def test_a_checkpoint_continues_the_past(make_runner):
    settings = {"num_envs_per_env_runner": 2, "model": {"custom_model": Viewing}}
    first = make_runner(Counting, **settings)
    first.sample(num_steps=6)
    second = make_runner(Counting, **settings)
    second.set_state(first.get_state())
    one, other = first.sample(num_steps=6), second.sample(num_steps=6)
    assert_array_equal(one.views, other.views)
    assert np.abs(one.views).sum() > 0
