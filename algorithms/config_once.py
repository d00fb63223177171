"""A configuration that a trainer sends with its first result, instead of with every one.

The process of `rllib train` keeps the message of every result until the trial ends (Ray's actor manager lets
go of none), and 12 of a result's 14 KB are the configuration: some 5 MiB an hour at one result every ten
seconds. `experiments.config_of_results` puts it back there.
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

    def get_auto_filled_metrics(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As RLlib; without ``config`` where an earlier result had it."""
        filled: dict[str, Any] = super().get_auto_filled_metrics(*args, **kwargs)  # type: ignore[misc]
        if not self.config.config_in_every_result and "config" in filled:
            if self._config_sent is self.config:
                del filled["config"]
            self._config_sent = self.config
        return filled
