"""A3C's descriptor."""

from __future__ import annotations

from rllib_zoo.algorithms.a3c.a3c import A3C, A3CConfig
from rllib_zoo.algorithms.base.descriptor import ACTOR_CRITIC_RESULTS, AlgorithmDescriptor

DESCRIPTOR = AlgorithmDescriptor(
    name="A3C",
    algorithm_class=A3C,
    config_class=A3CConfig,
    learner_results=(*ACTOR_CRITIC_RESULTS, "gradient_staleness_mean", "gradient_staleness_max"),
    asynchronous=True,
    fewest_env_runners=1,
    nondeterministic="A3C: the order in which gradients arrive depends on timing",
)
