"""A recurrent policy's states: while playing, at episode ends, in rollouts and in gradients."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.testing import assert_allclose, assert_array_equal
from recurrent_model import Gated

from rllib_zoo.algorithms.env_runner.evaluation import play_episodes
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.learner.sequences import SequenceBatch, batch_for

SAME_STEP_ID = "tests/SameStepCartPoleWithMemory-v0"
LIVES_ID = "tests/ThreeLives-v0"
FCNET = {"fcnet_hiddens": [8], "use_lstm": True, "lstm_cell_size": 8, "max_seq_len": 5}
OURS = {
    "custom_model": "custom_models.SharedEncoderActorCritic",
    "custom_model_config": {"encoder_hiddens": [8]},
    "use_lstm": True,
    "lstm_cell_size": 8,
    "max_seq_len": 5,
}


def same_step_cartpole(num_envs, **options):
    def make():
        return gym.make("CartPole-v1", **options)

    return SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


class ThreeLives(VectorEnv):
    """Loses a life every 3 steps, which ends advantages only; the game is over after 9.

    The observation counts the steps of the game.
    """

    def __init__(self, num_envs=1, same_step=False):
        mode = AutoresetMode.SAME_STEP if same_step else AutoresetMode.NEXT_STEP
        self.metadata = {"autoreset_mode": mode}
        self.num_envs = num_envs
        self.single_observation_space = gym.spaces.Box(0.0, 10.0, (1,), np.float32)
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._steps, self._over = np.zeros(num_envs, int), np.zeros(num_envs, bool)

    def _obs(self):
        return self._steps[:, None].astype(np.float32)

    def reset(self, *, seed=None, options=None):
        self._steps, self._over = np.zeros(self.num_envs, int), np.zeros(self.num_envs, bool)
        return self._obs(), {"game_over": self._over}

    def step(self, actions):
        next_step = self.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
        resetting = self._over & next_step
        self._steps = np.where(resetting, 0, self._steps + 1)
        self._over = self._steps == 9
        lost = ~resetting & (self._steps % 3 == 0)
        if not next_step:
            self._steps = np.where(self._over, 0, self._steps)
        none = np.zeros(self.num_envs, bool)
        return self._obs(), np.ones(self.num_envs), lost, none, {"game_over": self._over}


for env_id, entry_point in ((SAME_STEP_ID, same_step_cartpole), (LIVES_ID, ThreeLives)):
    if env_id not in gym.registry:
        gym.register(env_id, vector_entry_point=entry_point)


class SingleColumn:
    """The same network, stepped along one column; its state is reset by :meth:`forget` only."""

    def __init__(self, runner):
        self.recurrent = runner.module.recurrent
        self.forget()

    def forget(self):
        self.state = self.recurrent.initial_state()[None]

    @torch.no_grad()
    def peek(self, obs):
        return self.recurrent.step(torch.as_tensor(np.asarray(obs)[None]), self.state)

    def step(self, obs):
        dist_inputs, value, self.state = self.peek(obs)
        return dist_inputs[0].numpy(), value.item()


def recomputed(runner, rollout):
    """The rollout's batch, and log-probabilities and values of an unrolled forward over it."""
    batch = batch_for(runner.module, rollout.arrays(), runner.config, "cpu")
    assert isinstance(batch, SequenceBatch)
    with torch.no_grad():
        dist_inputs, values = batch.outputs(runner.module)
    return batch, runner._distribution.log_prob(dist_inputs, batch.actions), values


@pytest.fixture
def make_remembering(make_runner):
    def make(env="CartPole-v1", *, model=FCNET, seed=1, **settings):
        settings = {"num_envs_per_env_runner": 3, **settings}
        return make_runner(env, model=model, seed=seed, **settings)

    return make


@pytest.mark.parametrize("limit", [7, 500])
def test_next_step_rollouts_equal_a_network_stepped_alone(make_remembering, limit):
    runner = make_remembering(env_config={"max_episode_steps": limit})
    players = [SingleColumn(runner) for _ in range(3)]
    resets = checked = 0
    for _ in range(3):
        rollout = runner.sample(num_steps=23)
        for t in range(23):
            for i, player in enumerate(players):
                if not rollout.mask[t, i]:
                    player.forget()
                    resets += 1
                    continue
                dist_inputs, value = player.step(rollout.obs[t, i])
                assert_allclose(rollout.dist_inputs[t, i], dist_inputs, rtol=1e-5, atol=1e-6)
                assert_allclose(rollout.values[t, i], value, rtol=1e-5, atol=1e-6)
                following = runner._groups[0].obs if t == 22 else rollout.obs[t + 1]
                if not rollout.terminated[t, i]:
                    expected = player.peek(following[i])[1].item()
                    assert_allclose(rollout.next_values[t, i], expected, rtol=1e-5, atol=1e-6)
                    checked += rollout.truncated[t, i]
    assert resets > 4
    assert (checked > 4) == (limit == 7)


@pytest.mark.parametrize("limit", [7, 500])
def test_same_step_rollouts_equal_a_network_stepped_alone(make_remembering, limit):
    runner = make_remembering(SAME_STEP_ID, env_config={"max_episode_steps": limit})
    envs = [gym.make("CartPole-v1", max_episode_steps=limit) for _ in range(3)]
    for env, seed in zip(envs, runner.env.np_random_seed, strict=True):
        env.reset(seed=seed)
    players, ends, cuts = [SingleColumn(runner) for _ in range(3)], 0, 0
    for _ in range(3):
        rollout = runner.sample(num_steps=23)
        for t in range(23):
            for i, (player, env) in enumerate(zip(players, envs, strict=True)):
                dist_inputs, value = player.step(rollout.obs[t, i])
                assert_allclose(rollout.dist_inputs[t, i], dist_inputs, rtol=1e-5, atol=1e-6)
                assert_allclose(rollout.values[t, i], value, rtol=1e-5, atol=1e-6)
                obs, _, terminated, truncated, _ = env.step(int(rollout.actions[t, i]))
                if not terminated:
                    expected = player.peek(obs)[1].item()
                    assert_allclose(rollout.next_values[t, i], expected, rtol=1e-5, atol=1e-6)
                if terminated or truncated:
                    env.reset()
                    player.forget()
                ends, cuts = ends + terminated, cuts + (truncated and not terminated)
    assert ends + cuts > 4
    assert (cuts > 4) == (limit == 7)


@pytest.mark.parametrize("env", ["CartPole-v1", SAME_STEP_ID])
@pytest.mark.parametrize(
    "model", [FCNET, OURS, {"custom_model": Gated}], ids=["fcnet", "ours", "its own"]
)
@pytest.mark.parametrize("longest", [1, 5, 20, 23, 40])
def test_unrolled_under_unchanged_weights_gives_the_rollouts_own_numbers(
    make_remembering, env, model, longest
):
    model = {**model, "max_seq_len": longest}
    runner = make_remembering(env, model=model, env_config={"max_episode_steps": 12})
    for _ in range(3):
        rollout = runner.sample(num_steps=23)
        batch, log_probs, values = recomputed(runner, rollout)
        assert len(batch.advantages) == rollout.num_steps
        assert rollout.firsts[1:].any()
        torch.testing.assert_close(log_probs, batch.old_log_probs, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(values, batch.old_values, rtol=1e-5, atol=1e-5)


def test_states_that_are_not_reset_would_show(make_remembering):
    """Negative control: without ``firsts`` the comparison above fails."""
    runner = make_remembering(env_config={"max_episode_steps": 12})
    runner.sample(num_steps=23)
    rollout = runner.sample(num_steps=23)
    for part in (rollout.firsts, rollout.states):
        kept = part.copy()
        part[:] = 0
        batch, log_probs, _ = recomputed(runner, rollout)
        assert not torch.allclose(log_probs, batch.old_log_probs, rtol=1e-5, atol=1e-5)
        part[:] = kept
    batch, log_probs, _ = recomputed(runner, rollout)
    torch.testing.assert_close(log_probs, batch.old_log_probs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("same_step", [False, True])
def test_lost_lives_do_not_reset_the_state(make_remembering, same_step):
    model, options = {**FCNET, "max_seq_len": 30}, {"same_step": same_step}
    runner = make_remembering(LIVES_ID, model=model, env_config=options)
    rollout = runner.sample(num_steps=25)
    lost = [2, 5, 8, 11, 14, 17, 20, 23] if same_step else [2, 5, 8, 12, 15, 18, 22]
    assert_array_equal(np.flatnonzero(rollout.terminated[:, 0]), lost)
    games = [0, 9, 18] if same_step else [0, 10, 20]
    assert_array_equal(np.flatnonzero(rollout.firsts[:, 0]), games)
    assert_array_equal(np.flatnonzero(~rollout.mask[:, 0]), [] if same_step else [9, 19])
    batch, log_probs, _ = recomputed(runner, rollout)
    assert sorted(batch.lengths.tolist()) == [7 if same_step else 5] * 3 + [9] * 6
    torch.testing.assert_close(log_probs, batch.old_log_probs, rtol=1e-5, atol=1e-5)


def test_rollouts_are_cut_and_joined_with_their_states(make_remembering):
    runner = make_remembering()
    first = runner.sample(num_steps=12).copy()
    second = runner.sample(num_steps=12).copy()
    assert first.states.shape == (3, 3, 16)
    assert not np.array_equal(first.states, second.states)
    joined = Rollout.concatenate([first, second])
    assert joined.states.shape == (3, 6, 16)
    assert joined.firsts.shape == (12, 6)
    batch, log_probs, _ = recomputed(runner, joined)
    torch.testing.assert_close(log_probs, batch.old_log_probs, rtol=1e-5, atol=1e-5)


def test_a_network_without_state_makes_rollouts_without_states(make_runner):
    rollout = make_runner().sample(num_steps=5)
    assert rollout.states is None
    assert rollout.firsts is None
    assert not {"states", "firsts"} & rollout.arrays().keys()


@pytest.mark.parametrize("env", ["CartPole-v1", SAME_STEP_ID])
def test_evaluation_forgets_between_episodes_and_remembers_within(make_remembering, env):
    model = {**FCNET, "fcnet_activation": "linear"}
    options = {"max_episode_steps": 9}
    runner = make_remembering(env, model=model, env_config=options, evaluation=True)
    runner.sample(num_steps=4)
    runner.reset_episodes()
    players, resetting = [SingleColumn(runner) for _ in range(3)], np.zeros(3, bool)
    forgotten = 0
    for _ in range(30):
        obs = runner._groups[0].obs
        for i, player in enumerate(players):
            if not resetting[i]:
                player.step(obs[i])
        ended = [i for i, _ in runner.step_episodes(explore=False)]
        states = runner._groups[0].recurrent_state.states
        for i, player in enumerate(players):
            if i in ended if env == SAME_STEP_ID else resetting[i]:
                player.forget()
                forgotten += 1
                assert_array_equal(states[i], 0.0)
            elif env == SAME_STEP_ID or i not in ended:
                assert_allclose(states[i], player.state[0], rtol=1e-5, atol=1e-6)
        if env != SAME_STEP_ID:
            resetting = np.isin(np.arange(3), ended)
    assert forgotten > 4
    assert len(play_episodes(runner, 5, explore=True)) == 5


def test_a_video_of_one_environment_begins_without_memory(make_remembering):
    runner = make_remembering(evaluation=True)
    runner.sample(num_steps=4)
    before = runner._groups[0].recurrent_state.states.clone()
    obs = np.full((1, 4), 0.1, np.float32)
    for _ in range(2):
        state, player = runner.initial_recurrent_state(1), SingleColumn(runner)
        for _ in range(3):
            runner.act(obs, explore=False, recurrent_state=state)
            player.step(obs[0])
            assert_allclose(state.states, player.state, rtol=1e-5, atol=1e-6)
    assert_array_equal(runner._groups[0].recurrent_state.states, before)


def test_several_threads_play_the_same_rollout(make_remembering):
    one, two = (
        make_remembering(num_envs_per_env_runner=9, torch_num_threads=threads).sample(num_steps=30)
        for threads in (1, 2)
    )
    assert_array_equal(one.actions, two.actions)
    assert_array_equal(one.firsts, two.firsts)
    assert_allclose(one.states, two.states, rtol=1e-5, atol=1e-6)
    assert_allclose(one.values, two.values, rtol=1e-5, atol=1e-6)
