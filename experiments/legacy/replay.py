"""The retired replay buffers' keys, which DQN and DDPG share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rllib_zoo.experiments.legacy.removed_keys import LeftOut, leave_out
from rllib_zoo.experiments.spec.changes import Edits, one_value

BUFFER = "config.replay_buffer_config"
_STARTS = ("learning_starts", "min_size_for_sampling")
# Adam's epsilon at the top, a smallest priority inside the buffer's settings.
_ADAM_EPSILON = "config.eps"


def asked_to_prioritize(edits: Edits) -> bool:
    """What ``prioritized_replay`` says, true where a file is silent; the key is left out."""
    path = "config.prioritized_replay"
    if not edits.has(path):
        return True
    asked = bool(one_value(edits.get(path), path))
    edits.leave_out(path, "the buffer's type says so")
    return asked


def translate_replay(
    edits: Edits, buffer_keys: Mapping[str, str], left_out: Mapping[str, LeftOut]
) -> None:
    """Rename the keys at the top or inside ``replay_buffer_config``, and leave out what is gone.

    Args:
        edits: of the file.
        buffer_keys: key → key of today's buffer.
        left_out: key → why it has no place today; checked after the others.
    """
    for where in ("config", BUFFER):
        for key in edits.keys(where):
            path = f"{where}.{key}"
            if key in _STARTS:
                edits.rename(path, "config.num_steps_sampled_before_learning_starts")
            elif key in buffer_keys and path != f"{BUFFER}.{buffer_keys[key]}":
                edits.rename(path, f"{BUFFER}.{buffer_keys[key]}")
            elif key in left_out and path != _ADAM_EPSILON:
                leave_out(edits, path, left_out[key])


def leave_priorities_out(edits: Edits, priorities: Iterable[str]) -> None:
    """A uniform buffer's settings without those of a prioritized one."""
    for key in priorities:
        if edits.has(f"{BUFFER}.{key}"):
            edits.leave_out(f"{BUFFER}.{key}", "replay is uniform")
