"""Replay and exploration keys of older RLlib releases that DQN and DDPG share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.legacy.removed_keys import RemovedKey, remove, removed_keys
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.grid import require_number, require_single

BUFFER = "config.replay_buffer_config"
_LEARNING_STARTS = ("learning_starts", "min_size_for_sampling")
# At the top level eps is Adam's epsilon, inside the buffer's settings a minimum priority.
_ADAM_EPSILON = "config.eps"

OFF_POLICY_REMOVED = removed_keys(
    ("final_prioritized_replay_beta beta_annealing_fraction "
     "prioritized_replay_beta_annealing_timesteps", "beta is not annealed"),
    ("worker_side_prioritization", "the learner computes priorities"),
    ("replay_sequence_length replay_batch_size", "single steps are replayed, not sequences"),
    ("batch_mode", "single steps are replayed"),
    ("replay_mode", "training has a single agent"),
    ("storage_unit", "the replay buffer defines its storage unit"),
    ("_enable_replay_buffer_api", "the replay buffer API is always used"),
    ("per_worker_exploration", "all env runners use the same schedule"),
    ("optimizer_class optimizer_config", "current releases have a single training loop"),
    ("max_weight_sync_delay num_replay_buffer_shards min_train_to_sample_ratio",
     "Ape-X is not supported"),
    ("num_epochs", "each batch is used once", (1, None), "each batch is used once"),
    ("minibatch_size", "batches are not split", (None,), "use train_batch_size"),
    ("shuffle_batch_per_epoch", "batches are sampled at random"),
)  # fmt: skip


def pop_prioritized_replay(edits: Edits) -> bool:
    """Remove the key ``prioritized_replay`` and return its value, by default True."""
    path = "config.prioritized_replay"
    prioritized = bool(require_single(edits.get(path, True), path))
    edits.remove(path, "it is part of the buffer's type")
    return prioritized


def translate_replay(
    edits: Edits, buffer_keys: Mapping[str, str], removed: Mapping[str, RemovedKey]
) -> None:
    """Rename or remove keys at the top level and inside ``replay_buffer_config``.

    Args:
        edits: of the experiment.
        buffer_keys: key → current key of the replay buffer.
        removed: key → rule; renaming comes first.
    """
    for where in ("config", BUFFER):
        for key in edits.keys(where):
            path = f"{where}.{key}"
            if key in _LEARNING_STARTS:
                edits.rename(path, "config.num_steps_sampled_before_learning_starts")
            elif key in buffer_keys and path != f"{BUFFER}.{buffer_keys[key]}":
                edits.rename(path, f"{BUFFER}.{buffer_keys[key]}")
            elif key in removed and path != _ADAM_EPSILON:
                remove(edits, path, removed[key])


def remove_priorities(edits: Edits, keys: Iterable[str]) -> None:
    """Remove the settings of a prioritized buffer."""
    for key in keys:
        edits.remove(f"{BUFFER}.{key}", "replay is uniform")


def check_exploration(
    settings: Mapping[str, Any], supported: Mapping[str, Iterable[str]], default: str
) -> str:
    """Return the type of an ``exploration_config``.

    Args:
        settings: the ``exploration_config``.
        supported: type → its keys.
        default: the type if none is set.

    Raises:
        RequestError: an unsupported type, or an unknown key.
    """
    path = "config.exploration_config"
    kind = str(settings.get("type", default))
    if kind not in supported:
        raise RequestError(f"exploration by {kind} is not supported", key=f"{path}.type")
    for key in settings:
        if key != "type" and key not in supported[kind]:
            hint = nearest(key, supported[kind])
            raise RequestError(f"is not a key of {kind}", key=f"{path}.{key}", hint=hint)
    return kind


def pop_annealing_steps(edits: Edits, why: str) -> int | None:
    """Remove the length of a schedule as releases before 0.8.3 set it, and return it in steps."""
    defaults = {"exploration_fraction": 0.1, "schedule_max_timesteps": 100_000}
    fraction, total = (
        require_number(edits.get(f"config.{key}", default), f"config.{key}")
        for key, default in defaults.items()
    )
    keys = [key for key in defaults if edits.has(f"config.{key}")]
    for key in keys:
        edits.remove(f"config.{key}", why)
    return int(fraction * total) if keys else None
