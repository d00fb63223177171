"""skrl: ``python skrl_ppo.py DATA``, with skrl 2.1.1 and tensorboard."""

from __future__ import annotations

import sys
from pathlib import Path

import counting
import gymnasium
import torch
from skrl.agents.torch.ppo import PPO, PPO_CFG
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import CategoricalMixin, DeterministicMixin, Model
from skrl.trainers.torch import SequentialTrainer


class Policy(CategoricalMixin, Model):
    def __init__(self, observations, actions):
        Model.__init__(self, observation_space=observations, action_space=actions, device="cpu")
        CategoricalMixin.__init__(self)
        self.net = torch.nn.Linear(4, 2)

    def compute(self, inputs, role):
        return self.net(inputs["observations"]), {}


class Value(DeterministicMixin, Model):
    def __init__(self, observations, actions):
        Model.__init__(self, observation_space=observations, action_space=actions, device="cpu")
        DeterministicMixin.__init__(self)
        self.net = torch.nn.Linear(4, 1)

    def compute(self, inputs, role):
        return self.net(inputs["observations"]), {}


if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "skrl"
    folder.mkdir(parents=True)
    counting.start()
    envs = wrap_env(gymnasium.vector.SyncVectorEnv([lambda: counting.make("CartPole-v1")] * 4))
    spaces = envs.observation_space, envs.action_space
    config = PPO_CFG()
    config.rollouts, config.learning_epochs, config.mini_batches = 64, 1, 1
    config.experiment.directory = str(folder)
    config.experiment.write_interval, config.experiment.checkpoint_interval = 50, 0
    agent = PPO(
        models={"policy": Policy(*spaces), "value": Value(*spaces)},
        memory=RandomMemory(memory_size=64, num_envs=4, device="cpu"),
        cfg=config,
        observation_space=spaces[0],
        action_space=spaces[1],
        device="cpu",
    )
    SequentialTrainer(cfg={"timesteps": 800, "headless": True}, env=envs, agents=agent).train()
    counting.write(folder)
