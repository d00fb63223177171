"""Classes that record the settings of RLlib's configuration classes in Python config files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from rllib_zoo.experiments.legacy.renamed_keys import MAPPING_KEYS
from rllib_zoo.experiments.spec.changes import deep_copy

# Methods of a configuration → name of their first parameter.
_FIRST_PARAMETERS = {
    "environment": "env",
    "framework": "framework",
    "callbacks": "callbacks_class",
    "update_from_dict": "",
}
_METHODS = {
    *_FIRST_PARAMETERS,
    "api_stack", "checkpointing", "debugging", "env_runners", "evaluation", "experimental",
    "exploration", "fault_tolerance", "learners", "multi_agent", "offline_data",
    "python_environment", "reporting", "resources", "rl_module", "rollouts", "training",
}  # fmt: skip
_TRAINING_METHODS = (
    "build", "build_algo", "build_env_runner_group", "build_learner_group", "train",
)  # fmt: skip


class TrainingCallError(Exception):
    """A config file calls a function that starts Ray or a training."""

    def __init__(self, call: str):
        super().__init__(f"{call} is not allowed in a config file")


class RecordedConfig:
    """Replaces RLlib's ``AlgorithmConfig``: records settings by methods, attributes or items."""

    algorithm = ""
    release = "2"

    def __init__(self, algo_class: Any = None):
        self.__dict__["settings"] = {}

    def __getattr__(self, name: str) -> Any:
        settings = self.__dict__.get("settings", {})
        if name in settings:
            return settings[name]
        if name in _TRAINING_METHODS:
            raise TrainingCallError(f"config.{name}()")
        if name in _METHODS:
            return self._method(name)
        if name in MAPPING_KEYS:
            return settings.setdefault(name, {})
        raise AttributeError(f"the configuration has no {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        self.settings[name] = value

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.settings[name] = value

    def update(self, *mappings: Any, **settings: Any) -> None:
        """As :meth:`dict.update`."""
        self.settings.update(*mappings, **settings)

    def _method(self, name: str) -> Callable[..., RecordedConfig]:
        def record(*arguments: Any, **settings: Any) -> RecordedConfig:
            if len(arguments) > 1 or (arguments and name not in _FIRST_PARAMETERS):
                raise TypeError(f"config.{name}() takes only keyword arguments")
            if arguments and name == "update_from_dict":
                settings = dict(arguments[0])
            elif arguments:
                settings = {_FIRST_PARAMETERS[name]: arguments[0], **settings}
            for key, value in settings.items():
                previous = self.settings.get(key)
                merge = key in MAPPING_KEYS and isinstance(previous, Mapping)
                # RLlib's own examples pass the None that dict.update() returns.
                self.settings[key] = {**previous, **(value or {})} if merge else value
            return self

        return record

    @staticmethod
    def overrides(**settings: Any) -> dict[str, Any]:
        """The settings of an ``evaluation_config``."""
        return settings

    def copy(self, copy_frozen: bool | None = None) -> Self:
        """A deep copy."""
        other = type(self)()
        other.settings.update(deep_copy(self.settings))
        return other

    def to_dict(self) -> RecordedDict:
        """The settings as a dictionary."""
        return RecordedDict(self.algorithm, deep_copy(self.settings), release="2")


class RecordedDict(dict[str, Any]):
    """Replaces ``DEFAULT_CONFIG`` of Ray 1.x: empty, with the name of its algorithm."""

    def __init__(self, algorithm: str, *settings: Any, release: str = "1"):
        super().__init__(*settings)
        self.algorithm = algorithm
        self.release = release

    def __missing__(self, key: str) -> Any:
        if key not in MAPPING_KEYS:
            raise KeyError(f"{key} is read before the file sets it")
        self[key] = {}
        return self[key]

    def copy(self) -> RecordedDict:
        """A deep copy."""
        return RecordedDict(self.algorithm, deep_copy(self), release=self.release)

    def __deepcopy__(self, memo: Any) -> RecordedDict:
        return self.copy()


class RecordedAlgorithm:
    """Replaces RLlib's algorithm classes, which give their default configuration."""

    config_class = RecordedConfig

    def __init__(self, *args: Any, **kwargs: Any):
        raise TrainingCallError(f"{type(self).__name__}()")

    @classmethod
    def get_default_config(cls) -> RecordedConfig:
        """A configuration without settings."""
        return cls.config_class()


def recorded_entry(config: Any) -> dict[str, Any] | None:
    """The settings of a recorded configuration as an experiment's entry; None for other objects."""
    if not isinstance(config, RecordedConfig | RecordedDict):
        return None
    settings = config.settings if isinstance(config, RecordedConfig) else config
    plain = {key: _plain(value) for key, value in settings.items()}
    return {"run": config.algorithm, "env": plain.pop("env", None), "config": plain}


def _plain(value: Any) -> Any:
    """Lists instead of tuples and Python numbers instead of numpy's, as in YAML files."""
    if type(value) in (list, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value.item() if isinstance(value, np.generic) else value
