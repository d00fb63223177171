"""Translation of DDPG's keys of older RLlib releases."""

import pytest

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.translate import translate


def translated(**config):
    """The translated configuration of a legacy one, and its changes as text."""
    entry = {"run": "DDPG", "env": "Pendulum-v1", "config": {"num_workers": 0, **config}}
    new_entry, changes = translate(entry)
    return new_entry["config"], " ".join(map(str, changes))


def test_where_a_file_is_silent_it_is_as_it_was():
    config, _ = translated()
    assert config["replay_buffer_config"] == {"type": "PrioritizedReplayBuffer"}
    assert config["optimizer"] == {"type": "adam", "epsilon": 1e-7}
    assert (config["l2_reg"], config["critic_action_layer"]) == (1e-6, 0)
    assert "exploration_noise" not in config  # the current default is the legacy one


@pytest.mark.parametrize(
    "legacy_keys",
    [
        {
            "buffer_size": 500,
            "prioritized_replay": True,
            "prioritized_replay_alpha": 0.5,
            "prioritized_replay_beta": 0.3,
            "prioritized_replay_eps": 1e-5,
            "learning_starts": 70,
        },
        {
            "replay_buffer_config": {
                "type": "MultiAgentPrioritizedReplayBuffer",
                "capacity": 500,
                "prioritized_replay_alpha": 0.5,
                "prioritized_replay_beta": 0.3,
                "prioritized_replay_eps": 1e-5,
                "learning_starts": 70,
                "worker_side_prioritization": False,
            }
        },
    ],
    ids=["Ray 1", "Ray 2"],
)
def test_prioritized_replay(legacy_keys):
    config, _ = translated(**legacy_keys)
    assert config["replay_buffer_config"] == {
        "type": "PrioritizedReplayBuffer",
        "capacity": 500,
        "alpha": 0.5,
        "beta": 0.3,
        "eps": 1e-5,
    }
    assert config["num_steps_sampled_before_learning_starts"] == 70


def test_uniform_replay_has_no_priorities():
    config, notes = translated(
        prioritized_replay=False, prioritized_replay_alpha=0.5, buffer_size=9
    )
    assert config["replay_buffer_config"] == {"type": "ReplayBuffer", "capacity": 9}
    assert "replay is uniform" in notes


@pytest.mark.parametrize(
    ("exploration", "noise", "random"),
    [
        (
            {"final_scale": 0.5, "scale_timesteps": 100, "ou_base_scale": 0.75, "ou_sigma": 0.3},
            {
                "type": "ornstein_uhlenbeck",
                "scale": [[0, 1.5], [1000, 1.5], [1100, 0.75]],
                "theta": 0.15,
                "sigma": 0.3,
            },
            1000,
        ),
        (
            {"type": "GaussianNoise", "stddev": 0.2, "random_timesteps": 0, "scale_timesteps": 50},
            {"type": "gaussian", "scale": [[0, 0.2], [50, 0.004]]},
            0,
        ),
    ],
)
def test_noise(exploration, noise, random):
    config, _ = translated(exploration_config=exploration)
    assert config["exploration_noise"] == noise
    assert config["random_steps"] == random
    assert "exploration_config" not in config


def test_noise_of_releases_before_0_8_3():
    config, _ = translated(
        exploration_ou_noise_scale=0.2,
        exploration_ou_theta=0.3,
        exploration_fraction=0.5,
        schedule_max_timesteps=200,
        pure_exploration_steps=10,
    )
    assert config["exploration_noise"]["scale"] == [[0, 0.4], [10, 0.4], [110, 0.008]]
    assert config["exploration_noise"]["theta"] == 0.3
    assert config["random_steps"] == 10


def test_a_fragment_shorter_than_a_target_keeps_its_updates():
    config, notes = translated(n_step=3, rollout_fragment_length=1, train_batch_size=64)
    assert (config["rollout_fragment_length"], config["training_intensity"]) == (3, 64.0)
    assert "fewer than n_step" in notes
    assert "training_intensity" not in translated(n_step=1, rollout_fragment_length=1)[0]


def test_one_rate_is_that_of_both_networks():
    config, _ = translated(lr=0.01, actor_loss_coeff=0.1, critic_loss_coeff=1.0)
    assert (config["actor_lr"], config["critic_lr"]) == (0.01, 0.01)
    assert "lr" not in translated(lr=0.01, actor_lr=0.1)[0]


def test_what_had_no_effect_goes():
    config, _ = translated(model={"fcnet_hiddens": [8]}, twin_q=False, target_noise=0.2)
    assert not {"model", "twin_q", "target_noise"} & config.keys()


@pytest.mark.parametrize(
    ("legacy_keys", "problem"),
    [
        ({"twin_q": True}, "TD3 is not supported"),
        ({"policy_delay": 2}, "TD3 is not supported"),
        ({"smooth_target_policy": True}, "TD3 is not supported"),
        ({"use_state_preprocessor": True}, "state layers are not supported"),
        ({"observation_filter": "MeanStdFilter"}, "DDPG has no observation filter"),
        ({"model": {"custom_model": "x"}}, "config.model.custom_model: is not supported with DDPG"),
        ({"model": {"use_lstm": True}}, "config.model.use_lstm: is not supported with DDPG"),
        ({"exploration_config": {"type": "SoftQ"}}, "SoftQ is not supported"),
        ({"exploration_config": {"ou_bse_scale": 1}}, "ou_bse_scale"),
        ({"exploration_config": {"ou_sigma": "x"}}, "must be a number"),
    ],
)
def test_what_is_missing_is_refused_by_name(legacy_keys, problem):
    with pytest.raises(RequestError, match=problem):
        translated(**legacy_keys)


def test_exploration_of_the_first_releases():
    """Ray 0.6: noise_scale · (1 → exploration_final_eps) over fraction · max steps, times the range."""
    config, changes = translated(
        noise_scale=0.2,
        exploration_theta=0.3,
        exploration_sigma=0.4,
        exploration_final_eps=0.05,
        exploration_fraction=0.5,
        schedule_max_timesteps=4000,
    )
    noise = config["exploration_noise"]
    # In units of half the action range, twice those of the whole range.
    assert noise["scale"] == [[0, 0.4], [2000, pytest.approx(0.02)]]
    assert (noise["type"], noise["theta"], noise["sigma"]) == ("ornstein_uhlenbeck", 0.3, 0.4)
    assert config["random_steps"] == 0
    assert config["actor_hiddens"] == config["critic_hiddens"] == [64, 64]
    assert "actor_lr" not in config
    assert "default of Ray 0.5 and 0.6" in changes


def test_one_old_exploration_key_is_enough():
    entry = {"run": "DDPG", "env": "Pendulum-v1", "config": {"exploration_sigma": 0.1}}
    config = translate(entry)[0]["config"]
    assert config["exploration_noise"]["sigma"] == 0.1
    assert translated(exploration_final_eps=0.1)[0]["exploration_noise"]["scale"] == [
        [0, 0.2],
        [10_000, pytest.approx(0.02)],
    ]


def test_of_two_learning_rates_the_actors_was_the_smaller():
    assert translated(noise_scale=0.1, critic_lr=1e-2)[0]["actor_lr"] == 1e-4
    assert translated(noise_scale=0.1, actor_lr=3e-3, critic_lr=1e-2)[0]["actor_lr"] == 3e-3
