"""Results that contain the configuration only once, to save memory.

The process of `rllib train` keeps every result until the trial ends (Ray's actor manager frees none), and 12
of a result's 14 KB are the configuration: some 5 MiB an hour at one result every ten seconds.
`rllib_zoo.experiments.tune.loggers` adds it to the other results there.
"""

from __future__ import annotations

from typing import Any


class RepeatsConfig:
    """Mixin for a configuration: adds ``config_in_every_result``."""

    # True, as RLlib's results. With False the receiver must add the configuration.
    config_in_every_result: bool = True


class SendsConfigOnce:
    """Mixin for an Algorithm: implements ``config_in_every_result``."""

    config: Any
    _config_sent: Any = None

    def log_result(self, result: dict[str, Any]) -> None:
        """As RLlib, once per iteration; then removes ``config`` if an earlier result had it."""
        super().log_result(result)  # type: ignore[misc]
        if self.config.config_in_every_result:
            return
        if self._config_sent is self.config:
            del result["config"]
        self._config_sent = self.config
