"""A world that asks for memory: solved with ``use_lstm``, not without it."""

import pytest

pytestmark = pytest.mark.ray

OURS = {
    "custom_model": "custom_models.SharedEncoderActorCritic",
    "custom_model_config": {"encoder_hiddens": [16]},
}
FCNET = {"fcnet_hiddens": [16], "fcnet_activation": "tanh"}
MEMORY = {"use_lstm": True, "lstm_cell_size": 16, "max_seq_len": 8}
SETTINGS = {
    "lr": 0.01,
    "gamma": 0.9,
    "entropy_coeff": 0.01,
    "num_envs_per_env_runner": 16,
    "min_sample_timesteps_per_iteration": 16_000,
}
OWN_SETTINGS = {
    "PPO": {"train_batch_size": 512, "minibatch_size": 128, "num_epochs": 4},
    "A2C": {"train_batch_size": 256, "optimizer": {"type": "adam"}},
    "A3C": {
        "num_env_runners": 1,
        "rollout_fragment_length": 16,
        "optimizer": {"type": "adam"},
    },
}


@pytest.fixture
def last_returns(make_algo, make_config):
    """Mean return of the last 100 of about 3000 episodes, in [-1, 1]."""

    def run(name, **model):
        settings = {**SETTINGS, **OWN_SETTINGS[name], "model": model}
        algo = make_algo(make_config(name, "envs.probes.RecalledReward", **settings))
        result = algo.train()["env_runners"]
        assert result["episode_window_size"] == 100
        return result["episode_return_mean"]

    return run


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param("PPO", FCNET, id="PPO"),
        pytest.param("PPO", OURS, id="PPO, our network", marks=pytest.mark.slow),
        pytest.param("A2C", FCNET, id="A2C", marks=pytest.mark.slow),
        pytest.param("A2C", OURS, id="A2C, our network"),
        pytest.param("A3C", OURS, id="A3C, our network", marks=pytest.mark.slow),
    ],
)
def test_memory_recalls_what_was_shown_first(last_returns, name, model):
    assert last_returns(name, **model, **MEMORY) >= 0.9


@pytest.mark.parametrize(
    "name", ["PPO", *(pytest.param(name, marks=pytest.mark.slow) for name in ("A2C", "A3C"))]
)
def test_without_memory_the_same_settings_only_guess(last_returns, name):
    assert abs(last_returns(name, **FCNET)) <= 0.5  # 100 guesses: standard deviation 0.1
