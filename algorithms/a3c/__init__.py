"""Asynchronous advantage actor-critic (Mnih et al. 2016)."""

from rllib_zoo.algorithms.a3c.a3c import A3C, A3CConfig
from rllib_zoo.algorithms.a3c.descriptor import DESCRIPTOR

__all__ = ["A3C", "DESCRIPTOR", "A3CConfig"]
