"""PG's descriptor."""

from __future__ import annotations

from rllib_zoo.algorithms.base.descriptor import AlgorithmDescriptor
from rllib_zoo.algorithms.base.validators import boolean, choice
from rllib_zoo.algorithms.pg.pg import PG, PGConfig

DESCRIPTOR = AlgorithmDescriptor(
    name="PG",
    algorithm_class=PG,
    config_class=PGConfig,
    keys={
        "credit": choice("reward_to_go", "whole_return"),
        "constant_baseline": boolean,
        "batch_mode": choice("truncate_episodes", "complete_episodes"),
    },
)
