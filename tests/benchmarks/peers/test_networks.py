"""Equal networks have equally many parameters; the peers' counts are computed by hand."""

import pytest
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_zoo import algorithms
from rllib_zoo.benchmarks.peers.ours import VARIANTS
from rllib_zoo.benchmarks.settings.atari import RLLIB_OLD_FILTERS
from rllib_zoo.envs import environment_spaces

ACTIONS = 6  # of Pong


def convolutions(filters):
    """Weights and biases of (channels, kernel) layers on four stacked screens."""
    channels, total = 4, 0
    for outputs, kernel in filters:
        total += outputs * (channels * kernel**2 + 1)
        channels = outputs
    return total


NATURE = convolutions([(32, 8), (64, 4), (64, 3)]) + 512 * (7 * 7 * 64 + 1) + 513 * (ACTIONS + 1)
RLLIB = convolutions([(filter_[0], filter_[1]) for filter_ in RLLIB_OLD_FILTERS]) + 257 * (
    ACTIONS + 1
)


@pytest.mark.parametrize(
    ("variant", "parameters"),
    [("pong-ppo-as-sb3", NATURE), ("pong-a2c-as-sb3", NATURE), ("pong-ppo-as-rllib", RLLIB)],
)
def test_ours_has_the_peers_network(variant, parameters):
    run = VARIANTS[variant]
    config = algorithms.config_class(run.algorithm)().update_from_dict(run.settings())
    config.environment(run.env)
    spaces = environment_spaces(run.env, config.environment_options)
    network = config.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: spaces}).build()
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_stable_baselines3_has_it_too():
    pytest.importorskip("stable_baselines3")
    from rllib_zoo.benchmarks.peers import sb3

    for model in (sb3.atari_model("pong", "ppo"), sb3.atari_model("pong", "a2c")):
        assert sum(parameter.numel() for parameter in model.policy.parameters()) == NATURE
        assert model.observation_space.shape == (4, 84, 84)
        model.env.close()
