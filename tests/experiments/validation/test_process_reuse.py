"""Which sweeps run several trials in one process."""

import gymnasium as gym
import pytest

from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.process_reuse import reuses_processes

CONFIG = {"num_env_runners": 0, "model": {"custom_model": "custom_models.SharedEncoderActorCritic"}}

PBT = {
    "type": "pbt",
    "perturbation_interval": 100,
    "hyperparam_mutations": {"lr": {"uniform": [1e-4, 1e-3]}},
}


class CartPole(gym.Wrapper):
    def __init__(self, **options):
        super().__init__(gym.make("CartPole-v1", **options))


def request(tmp_path, *, algorithm="PPO", env="CartPole-v1", config=None, **fields):
    given = {"stop": {"timesteps_total": 2048}, "seeds": (0, 1), "storage_path": str(tmp_path)}
    given["metric"] = "env_runners/episode_return_mean"
    experiment = Experiment(
        "sweep", algorithm, env, {**CONFIG, **(config or {})}, **{**given, **fields}
    )
    return validate_job(experiment, FileOptions(ray_num_cpus=4)).experiment


def test_trials_of_this_project_and_gymnasium(tmp_path):
    assert reuses_processes(request(tmp_path))
    assert reuses_processes(request(tmp_path, env="ALE/Pong-v5", config={"clip_rewards": True}))
    swept = {"lr": {"loguniform": [1e-5, 1e-3]}, "gamma": {"grid_search": [0.9, 0.99]}}
    asha = {"type": "asha", "max_t": 1024}
    assert reuses_processes(
        request(tmp_path, seeds=None, num_samples=2, config=swept, scheduler=asha)
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"seeds": (0,)},
        {"algorithm": "DQN", "config": {"model": {}}},  # RLlib's own: the weights differ
        {"env": CartPole},
        {"env": f"{__name__}.CartPole"},
        {"config": {"model": {"custom_model": "recurrent_model.Gated"}}},
        {"config": {"torch_num_threads": {"grid_search": [1, 2]}}},
        {"seeds": None, "num_samples": 2, "scheduler": PBT},
    ],
    ids=["one trial", "DQN", "environment class", "class path", "network", "threads", "pbt"],
)
def test_others_get_a_process_each(tmp_path, fields):
    assert not reuses_processes(request(tmp_path, **fields))
