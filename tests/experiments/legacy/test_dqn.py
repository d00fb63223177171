"""Translation of DQN's keys of older RLlib releases."""

import pytest

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.translate import translate


def translated(**config):
    """The translated configuration of a legacy one, and its changes as text."""
    entry = {"run": "DQN", "env": "CartPole-v1", "config": {"num_workers": 0, **config}}
    new_entry, changes = translate(entry)
    return new_entry["config"], " ".join(map(str, changes))


def test_where_a_file_is_silent_it_explores_as_it_did():
    assert translated()[0]["epsilon"] == [[0, 1.0], [10_000, 0.02]]


@pytest.mark.parametrize(
    ("exploration", "epsilon"),
    [
        ({"epsilon_timesteps": 2, "final_epsilon": 0.0}, [[0, 1.0], [2, 0.0]]),
        (
            {"type": "PerWorkerEpsilonGreedy", "warmup_timesteps": 100},
            [[0, 1.0], [100, 1.0], [10_100, 0.02]],
        ),
        ({"type": "ParameterNoise"}, [[0, 1.0], [10_001, 1.0], [10_002, 0.01]]),
        ({"type": "ParameterNoise", "random_timesteps": 5}, [[0, 1.0], [6, 1.0], [7, 0.01]]),
    ],
)
def test_ways_to_explore(exploration, epsilon):
    assert translated(exploration_config=exploration)[0]["epsilon"] == epsilon


def test_parameter_noise_keeps_its_deviation():
    config, _ = translated(exploration_config={"type": "ParameterNoise", "initial_stddev": 0.4})
    assert config["parameter_noise_stddev"] == 0.4
    assert (
        translated(exploration_config={"type": "ParameterNoise"})[0]["parameter_noise_stddev"]
        == 1.0
    )


def test_parameter_noise_in_the_words_of_0_6():
    assert translated(parameter_noise=True)[0]["parameter_noise_stddev"] == 1.0
    assert "parameter_noise" not in translated(parameter_noise=False)[0]


def test_a_softmax_has_its_temperature():
    config, _ = translated(exploration_config={"type": "SoftQ", "temperature": 0.5})
    assert config["exploration_temperature"] == 0.5
    assert "exploration_config" not in config


def test_exploration_of_releases_before_0_8_3():
    config, _ = translated(
        exploration_final_eps=0.1, exploration_fraction=0.2, schedule_max_timesteps=1_000
    )
    assert config["epsilon"] == [[0, 1.0], [200, 0.1]]


def test_noisy_layers_stay():
    config, _ = translated(noisy=True, sigma0=0.4)
    assert (config["noisy"], config["sigma0"]) == (True, 0.4)


@pytest.mark.parametrize(
    ("legacy_keys", "buffer"),
    [
        (
            {"buffer_size": 100, "prioritized_replay_alpha": 0.5},
            {"capacity": 100, "alpha": 0.5},
        ),
        (
            {"prioritized_replay": False},
            {"type": "EpisodeReplayBuffer", "capacity": 50_000},
        ),
        (
            {"replay_buffer_config": {"type": "MultiAgentReplayBuffer", "capacity": 7}},
            {"type": "EpisodeReplayBuffer", "capacity": 7},
        ),
    ],
)
def test_replay_buffers(legacy_keys, buffer):
    assert translated(**legacy_keys)[0]["replay_buffer_config"] == buffer


def test_what_has_no_effect_is_removed_with_a_reason():
    config, notes = translated(prioritized_replay_eps=1e-6, learning_starts=500)
    assert config["num_steps_sampled_before_learning_starts"] == 500
    assert "fixed minimum priority" in notes


def test_a_fragment_holds_a_whole_target():
    assert translated(n_step=3, rollout_fragment_length=1)[0]["rollout_fragment_length"] == 3


@pytest.mark.parametrize(
    ("exploration", "message"),
    [
        ({"type": "Curiosity"}, "exploration by Curiosity is not supported"),
        ({"type": "SoftQ", "temprature": 1}, "is not a key of SoftQ"),
    ],
)
def test_what_is_refused(exploration, message):
    with pytest.raises(RequestError, match=message):
        translated(exploration_config=exploration)


@pytest.mark.parametrize(
    "kind", ["MultiAgentPrioritizedReplayBuffer", "ray.x.PrioritizedEpisodeReplayBuffer"]
)
def test_uniform_replay_overrules_the_buffers_type(kind):
    buffer = {"type": kind, "capacity": 9, "prioritized_replay_alpha": 0.5}
    config, notes = translated(prioritized_replay=False, replay_buffer_config=buffer)
    assert config["replay_buffer_config"] == {"type": "EpisodeReplayBuffer", "capacity": 9}
    assert "prioritized_replay: false overrides it" in notes
