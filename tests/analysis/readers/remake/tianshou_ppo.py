"""Tianshou: ``python tianshou_ppo.py DATA``, with tianshou 2.0.1 and tensorboard."""

from __future__ import annotations

import sys
from pathlib import Path

import counting
import torch
from tianshou.algorithm import PPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OnPolicyTrainerParams
from tianshou.utils import TensorboardLogger
from tianshou.utils.net.common import Net
from tianshou.utils.net.discrete import DiscreteActor, DiscreteCritic
from torch.utils.tensorboard import SummaryWriter

if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "tianshou" / "CartPole-v1_ppo_0"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    counting.start()
    train = DummyVectorEnv([lambda: counting.make("CartPole-v1")] * 4)
    test = DummyVectorEnv([lambda: counting._MAKE("CartPole-v1")] * 2)
    space = train.action_space[0]
    actor = DiscreteActor(preprocess_net=Net(state_shape=(4,), hidden_sizes=[8]), action_shape=2)
    critic = DiscreteCritic(preprocess_net=Net(state_shape=(4,), hidden_sizes=[8]))
    policy = ProbabilisticActorPolicy(
        actor=actor,
        dist_fn=lambda logits: torch.distributions.Categorical(logits=logits),
        action_space=space,
        action_scaling=False,
        action_bound_method=None,
    )
    algorithm = PPO(policy=policy, critic=critic, optim=AdamOptimizerFactory(lr=3e-4))
    algorithm.run_training(
        OnPolicyTrainerParams(
            training_collector=Collector(algorithm, train, VectorReplayBuffer(2000, 4)),
            test_collector=Collector(algorithm, test),
            max_epochs=3,
            epoch_num_steps=1200,
            collection_step_num_env_steps=400,
            update_step_num_repetitions=1,
            batch_size=128,
            test_step_num_episodes=2,
            logger=TensorboardLogger(SummaryWriter(str(folder))),
            show_progress=False,
        )
    )
    counting.write(folder)
