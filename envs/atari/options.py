"""The options of Atari games; the only place with their defaults."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from rllib_zoo.envs.errors import EnvironmentRequestError


@dataclass(frozen=True)
class AtariOptions:
    """How a game is played and observed; every field is an ``env_config`` key.

    Attributes:
        frameskip: frames one action lasts, >= 1; the last two are merged by their maximum (Mnih
            et al. 2015, "Human-level control through deep reinforcement learning", Methods).
        repeat_action_probability: chance, each frame, that the console repeats the previous action
            instead, 0 <= p < 1 ("sticky actions", Machado et al. 2018, "Revisiting the Arcade
            Learning Environment"; 0.25 is theirs and what ``ALE/*-v5`` registers).
        screen_size: side in pixels of the square observation, >= 1 (84: Mnih et al. 2015).
        grayscale_obs: one luminance channel instead of RGB (Mnih et al. 2015).
        stack_size: observed frames, oldest first, >= 1 (4: Mnih et al. 2015).
        noop_max: a game starts after a random number of idle frames below this, >= 0 (30: Mnih
            et al. 2015, "no-op" starts; counted as in ale-py's vector environment).
        terminal_on_life_loss: a lost life ends the episode for learning while the game continues
            (Mnih et al. 2015). Off, as Machado et al. 2018 advise.
        use_fire_reset: press FIRE for one frame at the start of a game that has this action (on
            in ale-py and in OpenAI Baselines' Atari wrappers). Without it nothing moves in Breakout
            until the policy presses it.
        full_action_space: all 18 joystick actions instead of the game's own (Mnih et al. 2015
            used the game's own; Machado et al. 2018 all 18).
        max_num_frames_per_episode: a game is truncated after this many frames, those of the start not
            counted, >= 1 (108000, half an hour of play, as ``ALE/*-v5``
            registers; Hessel et al. 2018, "Rainbow").
    """

    frameskip: int = 4
    repeat_action_probability: float = 0.25
    screen_size: int = 84
    grayscale_obs: bool = True
    stack_size: int = 4
    noop_max: int = 30
    terminal_on_life_loss: bool = False
    use_fire_reset: bool = True
    full_action_space: bool = False
    max_num_frames_per_episode: int = 108_000

    def __post_init__(self) -> None:
        for field in fields(self):
            _require(field.name, field.type, getattr(self, field.name))

    @classmethod
    def from_dict(cls, env_config: Mapping[str, Any] | None) -> Self:
        """The options of an ``env_config``, with defaults.

        Raises:
            EnvironmentRequestError: an unknown key, or a value of the wrong type or range.
        """
        options = dict(env_config or {})
        names = [field.name for field in fields(cls)]
        for key in options:
            if key not in names:
                raise EnvironmentRequestError(_unknown_key(key, names))
        return cls(**options)


_AT_LEAST = {"noop_max": 0}
# Keys of other libraries that are not supported, with the reason.
_UNSUPPORTED = {
    "mode": "ale-py's vector environment plays every game in its first mode",
    "difficulty": "ale-py's vector environment plays every game at its first difficulty",
    "obs_type": "set grayscale_obs to true or false; RAM is not supported",
    "render_mode": "only videos are rendered",
    "sound_obs": "ale-py's vector environment has no sound",
    "continuous": "actions are discrete; see full_action_space",
    "continuous_action_threshold": "actions are discrete; see full_action_space",
    "game": "the environment's id names it",
    "reward_clipping": "reported scores are raw; clip_rewards of the algorithm clips for learning",
    "clip_rewards": "reported scores are raw; it is a key of the algorithm, outside env_config",
    "autoreset_mode": "it is always NEXT_STEP",
    "maxpool": "the last two frames are always merged",
    "num_threads": "it is not an option of the game",
    "scale_obs": "observations are bytes; the network scales them",
    "grayscale_newaxis": "the stack is the first axis; there is no other",
}
# Keys of other libraries → ours.
_RENAMED = {
    "frame_skip": "frameskip", "skip": "frameskip", "sticky_actions": "repeat_action_probability",
    "grayscale": "grayscale_obs", "gray_scale": "grayscale_obs", "img_height": "screen_size",
    "img_width": "screen_size", "dim": "screen_size", "stack_num": "stack_size",
    "framestack": "stack_size", "frame_stack": "stack_size", "num_stack": "stack_size",
    "episodic_life": "terminal_on_life_loss", "life_loss_info": "terminal_on_life_loss",
    "fire_reset": "use_fire_reset", "noop_start": "noop_max",
    "max_episode_steps": "max_num_frames_per_episode",
}  # fmt: skip


def _unknown_key(key: object, names: list[str]) -> str:
    problem = f"env_config key {key!r} is not an option of Atari games"
    if key in _UNSUPPORTED:
        return f"{problem}: {_UNSUPPORTED[str(key)]}"
    near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.5)
    nearest = _RENAMED.get(str(key)) or (near[0] if near else None)
    hint = f"did you mean {nearest!r}?" if nearest else f"choose from {', '.join(names)}"
    return f"{problem}; {hint}"


def _require(name: str, kind: object, value: object) -> None:
    """Raises EnvironmentRequestError unless the value has the field's type and range."""
    if kind == "bool":
        valid, expected = isinstance(value, bool), "true or false"
    elif kind == "float":
        valid = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1
        expected = "a number from 0 to below 1"
    else:
        least = _AT_LEAST.get(name, 1)
        valid = isinstance(value, int) and not isinstance(value, bool) and value >= least
        expected = f"an integer of at least {least}"
    if not valid:
        raise EnvironmentRequestError(f"env_config {name} must be {expected}, not {value!r}")
