"""Logging to Weights & Biases without its key in any file."""

from __future__ import annotations

import os
from typing import Any

from ray.air.integrations.wandb import WANDB_ENV_VAR, WandbLoggerCallback

from rllib_zoo.experiments.tune.storage import results_folder


class WandbLogger(WandbLoggerCallback):
    """Ray's logger, whose processes inherit the key from the command's environment.

    Ray would hand it to them as part of a runtime environment, which it writes into its log.
    """

    def _start_logging_actor(self, trial: Any, *args: Any, **settings: Any) -> None:
        # Not Ray's folder, which Tune copies before W&B has written an offline run whole.
        folder = results_folder(trial)
        folder.mkdir(parents=True, exist_ok=True)
        key = os.environ.pop(WANDB_ENV_VAR, None)
        try:
            super()._start_logging_actor(trial, *args, dir=str(folder), **settings)
        finally:
            if key is not None:
                os.environ[WANDB_ENV_VAR] = key
