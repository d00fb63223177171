"""An algorithm as the process that runs Tune sees it: a name, without RLlib and torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ray.tune import PlacementGroupFactory, Trainable, register_trainable
from ray.tune.utils.util import SafeFallbackEncoder

from rllib_zoo import algorithms


class RemoteAlgorithm(Trainable):
    """Builds an algorithm in the process of a trial, and passes on to it what Tune calls there.

    RLlib and torch, some 300 MiB, are imported there only. Results are plain data, as in ``result.json``:
    RLlib's contain classes, with which their reader would import RLlib.

    Attributes:
        algorithm_name: one of :func:`rllib_zoo.algorithms.names`.
        request: the resources of a trial; None where they depend on its configuration.
    """

    algorithm_name: str
    request: PlacementGroupFactory | None = None

    def __init__(self, *args: Any, **kwargs: Any):
        # Not Trainable's constructor, either: the algorithm is the one with counters and a folder.
        self._algorithm = algorithms.algorithm_class(self.algorithm_name)(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self._algorithm)

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> PlacementGroupFactory:
        """The resources of a trial with this configuration."""
        if cls.request is not None:
            return cls.request
        algorithm = algorithms.algorithm_class(cls.algorithm_name)
        return algorithm.default_resource_request(config)

    def get_auto_filled_metrics(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As the algorithm's."""
        return _as_data(self._algorithm.get_auto_filled_metrics(*args, **kwargs))

    def train(self) -> dict[str, Any]:
        """One iteration's result."""
        return _as_data(self._algorithm.train())

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """As the algorithm's."""
        return self._algorithm.save(*args, **kwargs)

    def restore(self, *args: Any, **kwargs: Any) -> Any:
        """As the algorithm's."""
        return self._algorithm.restore(*args, **kwargs)

    def reset(self, *args: Any, **kwargs: Any) -> Any:
        """As the algorithm's: another trial continues in this process."""
        return self._algorithm.reset(*args, **kwargs)

    def stop(self) -> None:
        """As the algorithm's."""
        self._algorithm.stop()


def _as_data(result: dict[str, Any]) -> dict[str, Any]:
    """A result with its configuration as data; in place, for a checkpoint comes with the same one."""
    result["config"] = json.loads(json.dumps(result["config"], cls=SafeFallbackEncoder))
    return result


def register_for_tune(name: str, requests: Sequence[PlacementGroupFactory]) -> None:
    """Make ``tune.Tuner(name)`` run an algorithm that only its trials import.

    An algorithm of a user's own is registered itself: its module is imported already.

    Args:
        name: one of :func:`rllib_zoo.algorithms.names`.
        requests: resources of a trial, for every combination of alternatives of its configuration.
    """
    if name not in algorithms.BUILT_IN:
        register_trainable(name, algorithms.algorithm_class(name))
        return
    request = requests[0] if all(other == requests[0] for other in requests) else None
    attributes = {"algorithm_name": name, "request": request}
    register_trainable(name, type(name, (RemoteAlgorithm,), attributes))
