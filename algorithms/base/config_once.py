"""A configuration that a trainer sends with its first result, instead of with every one.

The process of `rllib train` keeps the message of every result until the trial ends (Ray's actor manager lets
go of none), and 12 of a result's 14 KB are the configuration: some 5 MiB an hour at one result every ten
seconds. `rllib_zoo.experiments.tune.loggers` puts it back there.
"""

from __future__ import annotations

from typing import Any


class RepeatsConfig:
    """Mixed into a configuration."""

    # As RLlib's results. False asks for someone on the other side who puts it back.
    config_in_every_result: bool = True


class SendsConfigOnce:
    """Mixed into an Algorithm: obeys ``config_in_every_result``."""

    config: Any
    _config_sent: Any = None

    def log_result(self, result: dict[str, Any]) -> None:
        """As RLlib, once per iteration; then takes ``config`` out where an earlier result had it."""
        super().log_result(result)  # type: ignore[misc]
        if self.config.config_in_every_result:
            return
        if self._config_sent is self.config:
            del result["config"]
        self._config_sent = self.config
