"""Policy gradient (Williams 1992), with whole episodes."""

from rllib_zoo.algorithms.pg.pg import PG, PGConfig

__all__ = ["PG", "PGConfig"]
