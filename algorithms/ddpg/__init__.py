"""Deep deterministic policy gradient (Lillicrap et al. 2016)."""

from rllib_zoo.algorithms.ddpg.ddpg import DDPG, DDPGConfig
from rllib_zoo.algorithms.ddpg.descriptor import DESCRIPTOR

__all__ = ["DDPG", "DESCRIPTOR", "DDPGConfig"]
