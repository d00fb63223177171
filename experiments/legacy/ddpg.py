"""The retired DDPG's keys: replay, noise, and what TD3 shared with it."""

from __future__ import annotations

from typing import Any

from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.legacy.dqn import LEFT_OUT as OF_DQN
from rllib_zoo.experiments.legacy.removed_keys import LeftOut, leave_out
from rllib_zoo.experiments.legacy.replay import (
    BUFFER,
    asked_to_prioritize,
    leave_priorities_out,
    translate_replay,
)
from rllib_zoo.experiments.spec.changes import Edits, one_value, plain_number

_PATH = "config.exploration_config"
_TYPES = {
    "MultiAgentPrioritizedReplayBuffer": "PrioritizedReplayBuffer",
    "MultiAgentReplayBuffer": "ReplayBuffer",
}
# Key, at the top or inside replay_buffer_config → key of today's buffer.
_BUFFER_KEYS = {
    "buffer_size": "capacity",
    "capacity": "capacity",
    "prioritized_replay_alpha": "alpha",
    "prioritized_replay_beta": "beta",
    "prioritized_replay_eps": "eps",
}
_PRIORITIES = ("alpha", "beta", "eps")
# Ray 1 and 2, where a file is silent.
_SCALES = {"initial_scale": 1.0, "final_scale": 0.02, "scale_timesteps": 10_000}
_WAYS_TO_EXPLORE: dict[str, dict[str, float]] = {
    "OrnsteinUhlenbeckNoise": {
        **_SCALES, "ou_base_scale": 0.1, "ou_theta": 0.15, "ou_sigma": 0.2, "random_timesteps": 1000,
    },
    "GaussianNoise": {**_SCALES, "stddev": 0.1, "random_timesteps": 1000},
}  # fmt: skip
# Ray 0.5 to 0.8.2 → the key of exploration_config.
_BEFORE_1 = {
    "noise_scale": "ou_base_scale",
    "exploration_ou_noise_scale": "ou_base_scale",
    "exploration_theta": "ou_theta",
    "exploration_ou_theta": "ou_theta",
    "exploration_sigma": "ou_sigma",
    "exploration_ou_sigma": "ou_sigma",
    "exploration_final_scale": "final_scale",
    "pure_exploration_steps": "random_timesteps",
    "exploration_gaussian_sigma": "stddev",
}
_NO_TD3 = "TD3 is not offered here"
_ONE_PATH = "actions of DDPG are stretched from [-1, 1] to the Box"
_SHARED = (
    "final_prioritized_replay_beta", "beta_annealing_fraction", "worker_side_prioritization",
    "prioritized_replay_beta_annealing_timesteps", "replay_sequence_length", "replay_batch_size",
    "replay_mode", "storage_unit", "_enable_replay_buffer_api", "per_worker_exploration",
    "optimizer_class", "optimizer_config", "max_weight_sync_delay", "batch_mode",
    "num_replay_buffer_shards", "min_train_to_sample_ratio", "num_epochs", "minibatch_size",
    "shuffle_batch_per_epoch",
)  # fmt: skip
_LEFT_OUT = {
    **{key: OF_DQN[key] for key in _SHARED},
    "twin_q": LeftOut("there is one critic", (False, None), _NO_TD3),
    "policy_delay": LeftOut("the actor steps with the critic", (1, None), _NO_TD3),
    "smooth_target_policy": LeftOut("targets are not smoothed", (False, None), _NO_TD3),
    "target_noise": LeftOut("targets are not smoothed"),
    "target_noise_clip": LeftOut("targets are not smoothed"),
    "use_state_preprocessor": LeftOut(
        "observations go straight into actor and critic", (False, None), "it has no layers of its own"
    ),
    "actor_loss_coeff": LeftOut("Adam divides it out"),
    "critic_loss_coeff": LeftOut("Adam divides it out"),
    "normalize_actions": LeftOut(_ONE_PATH),
    "clip_actions": LeftOut(_ONE_PATH),
    "observation_filter": LeftOut(
        "nothing is filtered", ("NoFilter", None), "moments of a filter would age in the buffer"
    ),
    "exploration_should_anneal": LeftOut("the schedule of the noise says so", (True,), "give a scale"),
}  # fmt: skip
_MODEL = LeftOut("actor_hiddens and critic_hiddens say what the networks are")


def translate_ddpg(edits: Edits) -> None:
    """Replace the retired DDPG's own keys.

    Raises:
        RequestError: it asks for TD3, or for a way to explore that is not there.
    """
    _networks(edits)
    _rates(edits)
    _noise(edits)
    prioritized = _prioritized(edits)
    translate_replay(edits, _BUFFER_KEYS, _LEFT_OUT)
    if not prioritized:
        leave_priorities_out(edits, _PRIORITIES)


def one_update_per_fragment(edits: Edits, era: str) -> None:
    """Fragments of one step before Ray 2; none shorter than one n-step target, with as many updates."""
    path = "config.rollout_fragment_length"
    if era != "2":
        edits.fill(path, 1, f"as in Ray {era} where the file is silent")
    fragment, steps = edits.get(path), edits.get("config.n_step", 1)
    if not (isinstance(fragment, int) and isinstance(steps, int) and 0 < fragment < steps):
        return
    batch = edits.get("config.train_batch_size", 256)
    edits.correct(path, steps, f"{fragment} steps are fewer than n_step {steps}")
    if isinstance(batch, int):
        why = f"one batch for every {fragment} steps, as before"
        edits.fill("config.training_intensity", batch / fragment, why)


def _networks(edits: Edits) -> None:
    """The model dict, which had no effect beside ``use_state_preprocessor``."""
    if edits.get("config.model.custom_model") is not None:
        raise RequestError("DDPG takes no custom model here", key="config.model.custom_model")
    if edits.get("config.model.use_lstm"):
        raise RequestError("DDPG is not recurrent here", key="config.model.use_lstm")
    if edits.has("config.model"):
        leave_out(edits, "config.model", _MODEL)


def _rates(edits: Edits) -> None:
    """Ray 0.6's one rate; later it had no effect."""
    if not edits.has("config.lr"):
        return
    if edits.has("config.actor_lr") or edits.has("config.critic_lr"):
        edits.leave_out("config.lr", "actor_lr and critic_lr are what counts")
        return
    rate = edits.get("config.lr")
    edits.change("config.lr", "config.actor_lr", rate, "is actor_lr and critic_lr now")
    edits.fill("config.critic_lr", rate, "lr is actor_lr and critic_lr now")


def _prioritized(edits: Edits) -> bool:
    """Whether replay is prioritized; the buffer's type in today's words."""
    prioritized = asked_to_prioritize(edits)
    path = f"{BUFFER}.type"
    kind = one_value(edits.get(path), path)
    if kind is None:
        kind = "PrioritizedReplayBuffer" if prioritized else "ReplayBuffer"
        edits.fill(path, kind, "as in Ray 1 and 2 where the file is silent")
    else:
        short = str(kind).rsplit(".", 1)[-1]
        kind = _TYPES.get(short, short)
        if edits.get(path) != kind:
            edits.change(path, path, kind, "there is one agent")
        if not prioritized and kind != "ReplayBuffer":
            kind = "ReplayBuffer"
            edits.correct(path, kind, "prioritized_replay: false overruled it")
    return str(kind) == "PrioritizedReplayBuffer"


def _noise(edits: Edits) -> None:
    """Exploration's noise, in units of half the actions' range."""
    given: Any = {**(edits.get(_PATH) or {}), **_before_1(edits)}
    if not given:
        if edits.has(_PATH):
            edits.leave_out(_PATH, "nothing is set")
        return
    kind = given.get("type", "OrnsteinUhlenbeckNoise")
    if kind.startswith("PerWorker"):
        kind = kind.removeprefix("PerWorker")
    if kind not in _WAYS_TO_EXPLORE:
        raise RequestError(f"exploration by {kind} is not offered", key=f"{_PATH}.type")
    known = _WAYS_TO_EXPLORE[kind]
    for key in given:
        if key != "type" and key not in known:
            raise RequestError(
                f"is unknown of {kind}", key=f"{_PATH}.{key}", hint=nearest(key, known)
            )
    values = {
        key: plain_number(given.get(key, default), f"{_PATH}.{key}")
        for key, default in known.items()
    }
    noise, why = _as_today(kind, values)
    if edits.has(_PATH):
        edits.change(_PATH, "config.exploration_noise", noise, why)
    else:
        edits.fill("config.exploration_noise", noise, why)
    edits.fill("config.random_steps", int(values["random_timesteps"]), "random actions before")


def _as_today(kind: str, values: dict[str, float]) -> tuple[dict[str, Any], str]:
    """The noise in today's words, and what to say about it."""
    # The process was scaled by the whole range of actions, which is two of today's units.
    base = 2.0 * values["ou_base_scale"] if "ou_base_scale" in values else values["stddev"]
    start = int(values["random_timesteps"])
    end = start + max(int(values["scale_timesteps"]), 1)
    first, last = values["initial_scale"] * base, values["final_scale"] * base
    schedule = [[0, first], [start, first], [end, last]] if start else [[0, first], [end, last]]
    noise: dict[str, Any] = {"type": "gaussian", "scale": schedule}
    why = "the deviation is a share of half the actions' range now, not in their own unit"
    if kind == "OrnsteinUhlenbeckNoise":
        noise["type"] = "ornstein_uhlenbeck"
        noise |= {"theta": values["ou_theta"], "sigma": values["ou_sigma"]}
        why = "is exploration_noise now, its scale in units of half the actions' range"
    return noise, why


def _before_1(edits: Edits) -> dict[str, Any]:
    """Noise as the releases before 0.8.3 wrote it."""
    found: dict[str, Any] = {}
    for old, new in _BEFORE_1.items():
        if edits.has(f"config.{old}"):
            found[new] = edits.get(f"config.{old}")
            edits.leave_out(f"config.{old}", "is in exploration_noise now")
    if edits.has("config.exploration_noise_type"):
        kinds = {"ou": "OrnsteinUhlenbeckNoise", "gaussian": "GaussianNoise"}
        asked = str(edits.get("config.exploration_noise_type"))
        found["type"] = kinds.get(asked, asked)
        edits.leave_out("config.exploration_noise_type", "is in exploration_noise now")
    given = [
        key
        for key in ("exploration_fraction", "schedule_max_timesteps")
        if edits.has(f"config.{key}")
    ]
    if given:
        fraction, total = (
            plain_number(edits.get(f"config.{key}", default), f"config.{key}")
            for key, default in (("exploration_fraction", 0.1), ("schedule_max_timesteps", 100_000))
        )
        found["scale_timesteps"] = int(fraction * total)
        for key in given:
            edits.leave_out(f"config.{key}", "is in exploration_noise now")
    return found
