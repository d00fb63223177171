"""Deep deterministic policy gradient (Lillicrap et al. 2016)."""

from rllib_zoo.algorithms.ddpg.ddpg import DDPG, DDPGConfig

__all__ = ["DDPG", "DDPGConfig"]
