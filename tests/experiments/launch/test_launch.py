"""What stands between options and Ray: refused before anything starts."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.config.from_options import with_options
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.launch import launch
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.spec.experiment import Experiment


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pbt", "scheduler.hyperparam_mutations: is missing"),
        ("nonsense", "scheduler: 'nonsense' is unknown; there are fifo, asha"),
    ],
)
def test_a_scheduler_that_cannot_be_made_is_one_line(name, said):
    options = FileOptions(scheduler=name, scheduler_config="{'metric': 'episode_reward_mean'}")
    config = {"num_env_runners": 0, "lr": {"uniform": [0.1, 0.2]}}
    stop = {"timesteps_total": 9}
    asked = Experiment("x", "PPO", "CartPole-v1", config, stop, num_samples=2)
    with pytest.raises(RequestError) as caught:
        launch([with_options(asked, options)], options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_tracker_is_said_of_the_option_given(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match="--wandb-project: wandb is missing"):
        launch([], FileOptions(wandb_project="mine"))
