"""The tuned CartPole configurations learn: threshold, step budget, greedy evaluation."""

import numpy as np
import pytest
import yaml

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.evaluation import play_episodes
from rllib_zoo.experiments.paths import ROOT

pytestmark = pytest.mark.ray

CONFIGS = ROOT / "tuned_configs"
# Of 500, over the last 100 training episodes: gymnasium's reward_threshold of CartPole-v1.
THRESHOLD = 475
STEP_BUDGET = {"PPO": 200_000, "A2C": 300_000, "A3C": 600_000}


def tuned(name):
    """The configuration as the file says, with seed 0."""
    (experiment,) = yaml.safe_load((CONFIGS / f"cartpole-{name.lower()}.yaml").read_text()).values()
    assert experiment["run"] == name
    assert experiment["env"] == "CartPole-v1"
    settings = {**experiment["config"], "env": experiment["env"], "seed": 0}
    return config_class(name)().update_from_dict(settings)


def greedy_returns(algo, episodes=20):
    """Returns of the most probable actions, on a runner of evaluation's own."""
    config = algo.config.copy(copy_frozen=False)
    config.update_from_dict({"num_env_runners": 0, "num_envs_per_env_runner": 10})
    config.in_evaluation = True
    runner = VectorEnvRunner(config=config, worker_index=0, num_workers=0)
    runner.set_state({"rl_module": algo.env_runner.module.get_state()})
    runner.set_moments(algo.moments_state())
    played = play_episodes(runner, episodes, explore=False)
    runner.stop()
    return [episode.episode_return for episode in played]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n != "PPO")) for n in STEP_BUDGET]
)
def test_cartpole_is_solved_within_its_step_budget(make_algo, name):
    algo = make_algo(tuned(name))
    best, steps = 0.0, 0
    while best < THRESHOLD and steps < STEP_BUDGET[name]:
        runners = algo.train()["env_runners"]
        steps = runners["num_env_steps_sampled_lifetime"]
        if runners.get("episode_window_size") == 100:
            best = max(best, runners["episode_return_mean"])
    assert best >= THRESHOLD, f"{best} after {steps} steps"
    # A3C's gradients race, so no two of its runs are alike; the README says of how many seeds the most
    # probable actions reach the threshold too.
    if name != "A3C":
        assert np.mean(greedy_returns(algo)) >= THRESHOLD


def test_an_untrained_policy_is_far_from_the_threshold(make_algo):
    """Negative control: the threshold and the evaluation can be missed."""
    algo = make_algo(tuned("PPO"))
    assert np.mean(greedy_returns(algo)) < 300
    window = algo.train()["env_runners"]
    assert window.get("episode_return_mean", 0.0) < 300
