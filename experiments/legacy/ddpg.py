"""Translate the keys of DDPG in older RLlib releases: replay buffer, exploration noise, TD3."""

from __future__ import annotations

from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy import replay
from rllib_zoo.experiments.legacy.releases import NOW
from rllib_zoo.experiments.legacy.removed_keys import removed_keys
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.grid import require_number, require_single

# Key at the top level or inside replay_buffer_config → key of the current buffer.
_BUFFER_KEYS = {
    "buffer_size": "capacity", "capacity": "capacity", "prioritized_replay_alpha": "alpha",
    "prioritized_replay_beta": "beta", "prioritized_replay_eps": "eps",
}  # fmt: skip
_PRIORITIES = ("alpha", "beta", "eps")
_BUFFER_TYPES = {
    "MultiAgentPrioritizedReplayBuffer": "PrioritizedReplayBuffer",
    "MultiAgentReplayBuffer": "ReplayBuffer",
}
_REMOVED = replay.OFF_POLICY_REMOVED | removed_keys(
    ("twin_q", "DDPG has a single critic", (False, None), "TD3 is not supported"),
    ("policy_delay", "actor and critic are updated together", (1, None), "TD3 is not supported"),
    ("smooth_target_policy", "DDPG does not smooth targets", (False, None), "TD3 is not supported"),
    ("target_noise target_noise_clip", "DDPG does not smooth targets"),
    ("use_state_preprocessor", "it is not set", (False, None), "state layers are not supported"),
    ("actor_loss_coeff critic_loss_coeff", "Adam's updates do not depend on the scale of the loss"),
    ("normalize_actions clip_actions", "DDPG always scales actions to the action space"),
    ("observation_filter", "it is not set", ("NoFilter", None), "DDPG has no observation filter"),
    ("exploration_should_anneal", "it is the default", (True,), "use final_scale to change it"),
)
_EXPLORATION = "config.exploration_config"
# Type → key → default of Ray 1 and 2.
_SCALES = {"initial_scale": 1.0, "final_scale": 0.02, "scale_timesteps": 10_000}
_OU_NOISE = {"ou_base_scale": 0.1, "ou_theta": 0.15, "ou_sigma": 0.2, "random_timesteps": 1000}
_EXPLORATION_DEFAULTS: dict[str, dict[str, float]] = {
    "OrnsteinUhlenbeckNoise": {**_SCALES, **_OU_NOISE},
    "GaussianNoise": {**_SCALES, "stddev": 0.1, "random_timesteps": 1000},
}
# Key of Ray 0.5 to 0.8.2 → key of exploration_config.
_OLD_EXPLORATION = {
    "noise_scale": "ou_base_scale", "exploration_ou_noise_scale": "ou_base_scale",
    "exploration_theta": "ou_theta", "exploration_ou_theta": "ou_theta",
    "exploration_sigma": "ou_sigma", "exploration_ou_sigma": "ou_sigma",
    "exploration_final_scale": "final_scale", "pure_exploration_steps": "random_timesteps",
    "exploration_gaussian_sigma": "stddev", "exploration_final_eps": "final_scale",
}  # fmt: skip
# Keys of Ray 0.5 and 0.6 only, and defaults of these releases that later ones changed.
_KEYS_0_6 = ("noise_scale", "exploration_theta", "exploration_sigma", "exploration_final_eps")
_HIDDENS_0_6 = {"actor_hiddens": [64, 64], "critic_hiddens": [64, 64]}
# Keys of DDPG alone that only legacy files have.
LEGACY_KEYS = _OLD_EXPLORATION.keys() - {"exploration_final_eps"} | {"exploration_noise_type"}


def translate_ddpg(edits: Edits) -> None:
    """Replace the keys that only DDPG has.

    Raises:
        RequestError: TD3, or a type of exploration that is not supported.
    """
    for key, supported in (("custom_model", (None,)), ("use_lstm", (None, False))):
        if edits.get(f"config.model.{key}") not in supported:
            raise RequestError("is not supported with DDPG", key=f"config.model.{key}")
    edits.remove("config.model", "actor_hiddens and critic_hiddens define the networks")
    _translate_lr(edits)
    _translate_exploration(edits)
    prioritized = _translate_buffer_type(edits)
    replay.translate_replay(edits, _BUFFER_KEYS, _REMOVED)
    if not prioritized:
        replay.remove_priorities(edits, _PRIORITIES)


def fill_fragment_length(edits: Edits, release: str) -> None:
    """Set the release's fragment length, at least the length of an n-step target.

    A longer fragment keeps the number of updates per step (``training_intensity``).
    """
    path = "config.rollout_fragment_length"
    if release not in ("2", NOW):
        edits.fill(path, 1, f"default of Ray {release}")
    fragment, steps = edits.get(path), edits.get("config.n_step", 1)
    if not (isinstance(fragment, int) and isinstance(steps, int) and 0 < fragment < steps):
        return
    batch = edits.get("config.train_batch_size", 256)
    edits.amend(path, steps, f"{fragment} steps are fewer than n_step {steps}")
    if isinstance(batch, int):
        why = f"one batch for every {fragment} steps, as before"
        edits.fill("config.training_intensity", batch / fragment, why)


def _translate_lr(edits: Edits) -> None:
    """``lr`` was the one learning rate of Ray 0.6; later releases ignored it."""
    if edits.has("config.actor_lr") or edits.has("config.critic_lr"):
        edits.remove("config.lr", "actor_lr and critic_lr override it")
    elif edits.has("config.lr"):
        lr, why = edits.get("config.lr"), "lr is actor_lr and critic_lr"
        edits.change("config.lr", "config.actor_lr", lr, why)
        edits.fill("config.critic_lr", lr, why)


def _translate_buffer_type(edits: Edits) -> bool:
    """Replace the type of the replay buffer and return whether replay is prioritized."""
    prioritized = replay.pop_prioritized_replay(edits)
    path = f"{replay.BUFFER}.type"
    kind = require_single(edits.get(path), path)
    if kind is None:
        kind = "PrioritizedReplayBuffer" if prioritized else "ReplayBuffer"
        edits.fill(path, kind, "default of Ray 1 and 2")
    else:
        short = str(kind).rsplit(".", 1)[-1]
        kind = _BUFFER_TYPES.get(short, short)
        if edits.get(path) != kind:
            edits.change(path, path, kind, "training has a single agent")
        if not prioritized and kind != "ReplayBuffer":
            kind = "ReplayBuffer"
            edits.amend(path, kind, "prioritized_replay: false overrides it")
    return bool(kind == "PrioritizedReplayBuffer")


def _translate_exploration(edits: Edits) -> None:
    """Exploration noise, in units of half the action range."""
    settings: Any = {**(edits.get(_EXPLORATION) or {}), **_pop_old_exploration(edits)}
    if not settings:
        edits.remove(_EXPLORATION, "it is empty")
        return
    if "type" in settings:
        settings["type"] = str(settings["type"]).removeprefix("PerWorker")
    kind = replay.check_exploration(settings, _EXPLORATION_DEFAULTS, "OrnsteinUhlenbeckNoise")
    values = {
        key: require_number(settings.get(key, default), f"{_EXPLORATION}.{key}")
        for key, default in _EXPLORATION_DEFAULTS[kind].items()
    }
    noise = _current_noise(values)
    why = "is exploration_noise, in units of half the action range"
    if edits.has(_EXPLORATION):
        edits.change(_EXPLORATION, "config.exploration_noise", noise, why)
    else:
        edits.fill("config.exploration_noise", noise, why)
    edits.fill("config.random_steps", int(values["random_timesteps"]), "random actions at first")


def _current_noise(values: dict[str, float]) -> dict[str, Any]:
    """The value of ``exploration_noise``: the type and a schedule of its scale."""
    # Ornstein-Uhlenbeck noise was scaled by the whole action range, twice the current unit.
    base = 2.0 * values["ou_base_scale"] if "ou_base_scale" in values else values["stddev"]
    start = int(values["random_timesteps"])
    end = start + max(int(values["scale_timesteps"]), 1)
    first, last = values["initial_scale"] * base, values["final_scale"] * base
    schedule = [[0, first], [start, first], [end, last]] if start else [[0, first], [end, last]]
    if "ou_theta" not in values:
        return {"type": "gaussian", "scale": schedule}
    ou_noise = {"theta": values["ou_theta"], "sigma": values["ou_sigma"]}
    return {"type": "ornstein_uhlenbeck", "scale": schedule, **ou_noise}


def _fill_0_6(edits: Edits) -> None:
    """Set the networks of Ray 0.5 and 0.6; of 0.5, which had two learning rates, the actor's."""
    defaults: dict[str, Any] = dict(_HIDDENS_0_6)
    if edits.has("config.critic_lr"):
        defaults["actor_lr"] = 1e-4
    for key, value in defaults.items():
        edits.fill(f"config.{key}", value, "default of Ray 0.5 and 0.6")


def _pop_old_exploration(edits: Edits) -> dict[str, Any]:
    """Remove the exploration keys of releases before 0.8.3; return them by their later names."""
    settings: dict[str, Any] = {}
    why = "it is part of exploration_noise"
    if any(edits.has(f"config.{key}") for key in _KEYS_0_6):
        settings["random_timesteps"] = 0  # random actions at first came with 0.7
        _fill_0_6(edits)
    for old, new in _OLD_EXPLORATION.items():
        if edits.has(f"config.{old}"):
            settings[new] = edits.remove(f"config.{old}", why)
    if edits.has(path := "config.exploration_noise_type"):
        kind = str(edits.remove(path, why))
        kinds = {"ou": "OrnsteinUhlenbeckNoise", "gaussian": "GaussianNoise"}
        settings["type"] = kinds.get(kind, kind)
    if (steps := replay.pop_annealing_steps(edits, why)) is not None:
        settings["scale_timesteps"] = steps
    return settings
