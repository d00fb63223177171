"""Options of the environment that a configuration sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_zoo.envs import AtariOptions, is_atari


def environment_options(
    env: Any, env_config: Mapping[str, Any], model: Mapping[str, Any]
) -> dict[str, Any]:
    """``env_config`` with the screen size of Atari games from ``model: {dim: …}``.

    Raises:
        ValueError: ``dim`` conflicts with ``screen_size``.
    """
    options = dict(env_config)
    if not is_atari(env) or "dim" not in model:
        return options
    dim = model["dim"]
    if options.setdefault("screen_size", dim) != dim:
        raise ValueError(
            f"model.dim {dim} conflicts with env_config.screen_size {options['screen_size']}; "
            "remove one of them"
        )
    return options


def frames_per_step(config: Any) -> int:
    """Emulator frames per agent step: ``frameskip`` of Atari games, 1 elsewhere."""
    if is_atari(config.env):
        return AtariOptions.from_dict(config.environment_options).frameskip
    return 1
