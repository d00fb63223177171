"""What config files, checks and comparisons need to know about an algorithm, stated once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pkgutil import resolve_name
from typing import Any

from rllib_zoo.algorithms.base.validators import Kind

ACTOR_CRITIC_RESULTS = (
    "total_loss", "policy_loss", "vf_loss", "vf_explained_var", "entropy", "entropy_coeff", "curr_lr",
    "gradients_default_optimizer_global_norm", "gradient_variance", "gradient_squared_norm",
)  # fmt: skip


@dataclass(frozen=True)
class AlgorithmDescriptor:
    """An algorithm as the rest of the project sees it.

    Attributes:
        name: of the algorithm in config files (``run:``).
        algorithm: RLlib Algorithm, or its dotted path, which is imported at first use: checks of a file
            need neither RLlib nor torch.
        keys: its own configuration keys, each with a check of the value.
        nested_keys: key whose value is a mapping → keys of that mapping.
        uses_common_key: whether a key of ``algorithms/base/schema.py`` ``COMMON`` has an effect.
        learner_results: result names below ``learners/default_policy/``.
        missing_runner_results: result names below ``env_runners/`` that it does not report.
        on_policy: it learns from what its current policy sampled.
        vector_env_runner: it samples with this project's env runners, not RLlib's.
        asynchronous: every env runner's rollout is an update of its own.
        fewest_env_runners: 0 if the training process can sample itself.
        nondeterministic: why equal seeds need not give equal results; None if they do.
        agent_keys: own keys that an exported agent needs to act.
    """

    name: str
    algorithm: type | str
    keys: Mapping[str, Kind] = field(default_factory=dict)
    nested_keys: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)
    uses_common_key: Callable[[str], bool] = lambda key: True
    learner_results: tuple[str, ...] = ACTOR_CRITIC_RESULTS
    missing_runner_results: tuple[str, ...] = ()
    on_policy: bool = True
    vector_env_runner: bool = True
    asynchronous: bool = False
    fewest_env_runners: int = 0
    nondeterministic: str | None = None
    agent_keys: tuple[str, ...] = ()

    @cached_property
    def algorithm_class(self) -> Any:
        """The class of :attr:`algorithm`."""
        return resolve_name(self.algorithm) if isinstance(self.algorithm, str) else self.algorithm

    @property
    def config_class(self) -> Any:
        """The class of the algorithm's AlgorithmConfig."""
        return self.algorithm_class.default_config_class

    def steps_per_update(self, config: Any) -> int:
        """Environment steps sampled between two updates.

        Args:
            config: a validated configuration of :attr:`config_class`.
        """
        steps = config.get_rollout_fragment_length() * config.num_envs_per_env_runner
        if self.asynchronous:
            return int(steps)
        rounds = getattr(config, "rollouts_per_batch", 1)
        return int(steps * max(config.num_env_runners, 1) * rounds)
