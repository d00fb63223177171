"""Deep Q-learning: RLlib's DQN with the keys of its older releases."""

from rllib_zoo.algorithms.dqn.dqn import DQN, DQNConfig

__all__ = ["DQN", "DQNConfig"]
