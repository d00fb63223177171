"""DDPG's benchmark and page: equal settings are equal, the page shows the kept results."""

import itertools

import pytest
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_zoo import algorithms
from rllib_zoo.benchmarks.peers.ours import VARIANTS
from rllib_zoo.benchmarks.settings import ddpg as ddpg_settings
from rllib_zoo.benchmarks.speed.ddpg import BENCHMARK
from rllib_zoo.envs import environment_spaces


def test_pairs_name_contenders():
    names = [contender.name for contender in BENCHMARK.contenders]
    assert {n for pair in BENCHMARK.pairs for n in (pair.ours, pair.peer)} == set(names)


@pytest.mark.parametrize("batch", ddpg_settings.BATCHES)
def test_both_sides_have_the_same_networks_and_batches(batch):
    run = VARIANTS[f"ddpg-{batch}-as-sb3"]
    config = algorithms.config_class(run.algorithm)().update_from_dict(run.settings())
    config.environment(run.env)
    config.validate()
    spaces = environment_spaces(run.env, config.environment_options)
    network = config.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: spaces}).build()
    ours = [tuple(p.shape) for part in (network.actor, network.critic) for p in part.parameters()]
    # 3 observations and 1 action; the critic sees both at its input.
    widths = ((3, 400, 300, 1), (4, 400, 300, 1))
    by_hand = [
        shape
        for of_part in widths
        for into, out in itertools.pairwise(of_part)
        for shape in ((out, into), (out,))
    ]
    assert ours == by_hand
    pytest.importorskip("stable_baselines3")
    from rllib_zoo.benchmarks.peers import sb3

    model = sb3.ddpg_model(batch)
    theirs = [
        tuple(p.shape)
        for part in (model.policy.actor, model.policy.critic)
        for p in part.parameters()
    ]
    assert theirs == by_hand
    assert model.batch_size == config.total_train_batch_size == batch
    assert (model.gamma, model.tau) == (config.gamma, config.tau)
    model.env.close()
