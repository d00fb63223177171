"""The runner on real games: raw scores, lives, clipping, frames, and shares of several threads."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.runtime import forward_context, keep_freed_memory, num_threads
from rllib_zoo.custom_models.rl_module import ModelV2Module
from rllib_zoo.envs import make_vector_env

CUSTOM = "custom_models.SharedEncoderActorCritic"
SMALL = {"encoder_hiddens": [32], "policy_hiddens": [], "value_hiddens": []}
# A game takes 0.2 seconds to build and as long to start.
COPIES = 2
# A thread takes four games at least.
SHARE = 4
SCREEN = {"screen_size": 42, "repeat_action_probability": 0.0}


def sizes(copies):
    return {
        "num_envs_per_env_runner": copies,
        "rollout_fragment_length": 5,
        "train_batch_size": 5 * copies,
    }


def atari_config(game="Pong", name="A2C", options=None, **settings):
    given = {
        "env": f"ALE/{game}-v5",
        "env_config": {**SCREEN, **(options or {})},
        "seed": 0,
        "num_env_runners": 0,
        **sizes(COPIES),
        "log_sys_usage": False,
        "model": {"custom_model": CUSTOM, "custom_model_config": SMALL},
    }
    return config_class(name)().update_from_dict({**given, **settings})


@pytest.fixture
def build():
    built = []

    def make(**settings):
        runner = VectorEnvRunner(config=atari_config(**settings), worker_index=0)
        built.append(runner)
        return runner

    yield make
    for runner in built:
        runner.stop()


def test_observations_stay_bytes(build):
    rollout = build(**sizes(2)).sample()
    assert (rollout.obs.dtype, rollout.obs.shape) == (np.uint8, (5, 2, 4, 42, 42))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_rollout_is_what_the_actions_lead_to(build, threads):
    copies = SHARE * threads
    runner = build(torch_num_threads=threads, game="Assault", **sizes(copies))
    rollout = runner.sample(num_steps=60)
    env = make_vector_env("ALE/Assault-v5", copies, SCREEN)
    obs, _ = env.reset(seed=runner._env_seed)
    for t in range(60):
        assert_array_equal(rollout.obs[t], obs)
        obs, rewards, terminated, truncated, _ = env.step(rollout.actions[t])
        assert_array_equal(rollout.rewards[t], np.sign(rewards))
        assert_array_equal(rollout.terminated[t], terminated)
        assert_array_equal(rollout.truncated[t], truncated)
    env.close()
    assert len(runner._groups) == threads


def test_shares_of_threads_change_no_game(build):
    runners = [build(torch_num_threads=n, **sizes(2 * SHARE)) for n in (1, 2)]
    assert [len(runner._groups) for runner in runners] == [1, 2]
    alone, shared = (runner.sample(num_steps=20) for runner in runners)
    assert_array_equal(alone.actions, shared.actions)
    assert_array_equal(alone.obs, shared.obs)
    np.testing.assert_allclose(alone.values, shared.values, atol=1e-5)
    np.testing.assert_allclose(alone.next_values, shared.next_values, atol=1e-5)


def test_scores_are_raw_and_learning_is_clipped(build):
    runner = build(game="Assault", options={"max_num_frames_per_episode": 2400})
    rollout = runner.sample(num_steps=700)
    assert {-1.0, 0.0, 1.0} >= set(np.unique(rollout.rewards))
    scores = [episode.episode_return for episode in rollout.episodes]
    assert len(scores) >= COPIES
    # Assault counts 21 points a hit.
    assert max(scores) >= 21
    assert all(score % 21 == 0 for score in scores)


@pytest.mark.parametrize(("clip_rewards", "largest"), [(False, 21.0), (5, 5.0), (None, 1.0)])
def test_clip_rewards_decides_what_is_learned_from(build, clip_rewards, largest):
    runner = build(game="Assault", clip_rewards=clip_rewards)
    assert runner.sample(num_steps=200).rewards.max() == largest


@pytest.mark.parametrize("lives_end", [False, True])
def test_lost_lives_end_advantages_but_not_games(build, lives_end):
    runner = build(game="Breakout", options={"terminal_on_life_loss": lives_end})
    rollout = runner.sample(num_steps=400)
    games, ends = len(rollout.episodes), int(rollout.terminated.sum())
    assert games > 0
    # Breakout has five lives; games begun but not over have lost some, too.
    assert ends >= 5 * games if lives_end else ends == games
    resets = int((~rollout.mask).sum())
    assert games - COPIES <= resets <= games
    lengths = sum(episode.length for episode in rollout.episodes)
    assert lengths <= rollout.num_steps


@pytest.mark.ray
def test_frames_are_four_per_step(make_algo):
    algo = make_algo(atari_config(min_sample_timesteps_per_iteration=80))
    runners = algo.train()["env_runners"]
    steps = runners["num_env_steps_sampled_lifetime"]
    assert (steps, runners["num_frames_sampled_lifetime"]) == (80, 320)


def test_dim_of_the_model_is_the_screen_size():
    config = atari_config(options={"screen_size": 42}, model={"dim": 42})
    assert config.environment_options["screen_size"] == 42
    config = atari_config(model={"dim": 84})
    with pytest.raises(
        ValueError, match=r"model\.dim 84 conflicts with env_config\.screen_size 42"
    ):
        config.validate()


@pytest.mark.parametrize("model", [{}, {"vf_share_layers": False}, {"conv_activation": "elu"}])
def test_rllibs_convolutions_get_images_their_way(model, monkeypatch):
    space = gym.spaces.Box(0, 255, (4, 42, 42), np.uint8)
    module = ModelV2Module(
        observation_space=space, action_space=gym.spaces.Discrete(6), model_config=model
    )
    obs = torch.randint(0, 256, (3, 4, 42, 42), dtype=torch.uint8)
    kind = type(module.model)
    seen, forward = [], kind.forward

    def watched(self, given, state, lengths):
        seen.append(given["obs"])
        return forward(self, given, state, lengths)

    monkeypatch.setattr(kind, "forward", watched)
    dist_inputs, values = module.policy_and_value(obs)
    assert (dist_inputs.shape, values.shape) == ((3, 6), (3,))
    assert torch.equal(seen[0], obs.permute(0, 2, 3, 1).float() / 255.0)


# --- numbers and threads --------------------------------------------------------------------


@pytest.mark.parametrize("size", [42, 84])
def test_bfloat16_is_close_to_float32(size):
    torch.manual_seed(0)
    module = ModelV2Module(
        observation_space=gym.spaces.Box(0, 255, (4, size, size), np.uint8),
        action_space=gym.spaces.Discrete(6),
        model_config={
            "custom_model": CUSTOM,
            "custom_model_config": {**SMALL, "initializer": "orthogonal"},
        },
    )
    obs = torch.randint(0, 256, (64, 4, size, size), dtype=torch.uint8)
    device = torch.device("cpu")
    outputs, gradients = [], []
    for setting in (False, True):
        with forward_context(setting, device)():
            dist_inputs, values = module.policy_and_value(obs)
        assert dist_inputs.dtype == values.dtype == torch.float32
        outputs.append((dist_inputs, values))
        loss = dist_inputs[:, 0].mean() + values.square().mean()
        gradients.append(torch.autograd.grad(loss, list(module.parameters())))
    for exact, rough in zip(*outputs, strict=True):
        # bfloat16 keeps 8 bits: 0.4 % of rounding an operation, averaged over many.
        assert (exact - rough).norm() / exact.norm() < 0.02
        assert not torch.equal(exact, rough)
    exact, rough = (torch.cat([g.flatten() for g in found]) for found in gradients)
    assert torch.cosine_similarity(exact, rough, dim=0) > 0.99


def test_threads_of_a_process():
    config = atari_config(torch_num_threads="auto")
    assert [num_threads(config, cpus=n) for n in (0, 0.5, 1, 3)] == [1, 1, 1, 3]
    config.torch_num_threads = 5
    assert num_threads(config, cpus=2) == 5
    config.torch_num_threads = None
    assert num_threads(config, cpus=2) is None


def test_auto_takes_the_cpus_set_aside(build):
    assert build(torch_num_threads="auto", num_cpus_for_main_process=3)._num_threads == 3


def test_keeping_memory_is_harmless_twice():
    keep_freed_memory()
    keep_freed_memory()
    assert torch.ones(1000, 1000).sum() == 1_000_000
