"""What an algorithm of one's own changes: class attributes of a subclass, and nothing else to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from rllib_zoo import algorithms

# Distribution, its inputs [B, K], values [B], batch, configuration, entropy coefficient of the update
# → loss, metrics.
Loss = Callable[[Any, Tensor, Tensor, Any, Any, float], tuple[Tensor, dict[str, Tensor]]]


class Extensible:
    """Base of the algorithms.

    Attributes:
        default_config_class: class of the configuration.
        settings: own configuration keys with their defaults, and other defaults of known keys.
        loss: replaces the loss of A2C, A3C, PG or PPO; see :data:`Loss`. A function of the module, so that
            it can be tested alone.
    """

    default_config_class: type
    settings: Mapping[str, Any] = {}
    loss: Loss | None = None

    @classmethod
    def get_default_config(cls) -> Any:
        """RLlib's hook."""
        config = cls.default_config_class()
        config.algo_class = cls
        for key, value in cls.settings.items():
            setattr(config, key, value)
        algorithms.add_class(cls, config)
        return config

    def setup(self, config: Any) -> None:
        """As RLlib, whose copy of a configuration object forgets the algorithm's class."""
        if config.algo_class is not type(self):
            self.config = config = config.copy(copy_frozen=False)
            config.algo_class = type(self)
            config.freeze()
        super().setup(config)  # type: ignore[misc]


def own_loss(config: Any) -> Loss | None:
    """The loss that the algorithm's class sets; None for the algorithm's own."""
    return getattr(config.algo_class, "loss", None)


def computed(
    loss: Loss,
    distribution: Any,
    dist_inputs_BK: Tensor,
    values_B: Tensor,
    batch: Any,
    config: Any,
    entropy_coeff: float,
) -> tuple[Tensor, dict[str, Tensor]]:
    """An own loss and its metrics, detached and with ``total_loss``."""
    total, metrics = loss(distribution, dist_inputs_BK, values_B, batch, config, entropy_coeff)
    metrics = {name: value.detach() for name, value in metrics.items()}
    return total, {**metrics, "total_loss": total.detach()}
