"""Asynchronous advantage actor-critic (Mnih et al. 2016)."""

from rllib_zoo.algorithms.a3c.a3c import A3C, A3CConfig

__all__ = ["A3C", "A3CConfig"]
