"""Whether an experiment was written for a retired release."""

from __future__ import annotations

from collections.abc import Mapping

from rllib_zoo.experiments.legacy.envs import is_retired_id
from rllib_zoo.experiments.legacy.models import MODEL_SPECIAL
from rllib_zoo.experiments.legacy.removed_keys import EARLY, MODEL_LEFT_OUT
from rllib_zoo.experiments.legacy.renamed_keys import (
    EXPERIMENT_SIGNS,
    MODEL_RENAMED,
    MOVED,
    RENAMED,
    RETIRED_RESULTS,
    TODAYS_ALONE,
)
from rllib_zoo.experiments.legacy.values import SPECIAL
from rllib_zoo.experiments.spec.changes import Edits, each

_ONLY_THEN = {"preprocessing", "model_config_dict"}
_MODEL_MARKERS = MODEL_LEFT_OUT.keys() | MODEL_RENAMED.keys() | MODEL_SPECIAL.keys()
_MARKERS = _ONLY_THEN | RENAMED.keys() | MOVED.keys() | EARLY.keys() | SPECIAL.keys()


def is_retired(edits: Edits) -> bool:
    """Whether the entry has a key or an environment's id that only retired releases know."""
    if has_retired_keys(edits):
        return True
    if TODAYS_ALONE & set(edits.keys("config")) or edits.has("checkpoint_config"):
        return False
    outside = EXPERIMENT_SIGNS & set(edits.keys(""))
    results = any(key.startswith(RETIRED_RESULTS) for key in edits.keys("stop"))
    envs = [*each(edits.get("env")), *each(edits.get("config.env"))]
    return bool(outside or results or any(is_retired_id(env) for env in envs))


def has_retired_keys(edits: Edits) -> bool:
    """Whether its ``config`` has a key that only retired releases know."""
    config = set(edits.keys("config"))
    models = [model for model in each(edits.get("config.model")) if isinstance(model, Mapping)]
    return bool(config & _MARKERS) or any(model.keys() & _MODEL_MARKERS for model in models)
