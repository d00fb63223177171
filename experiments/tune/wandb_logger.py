"""Logging to Weights & Biases without its key in any file."""

from __future__ import annotations

import os
from typing import Any

from ray.air.integrations.wandb import WANDB_ENV_VAR, WandbLoggerCallback


class WandbLogger(WandbLoggerCallback):
    """Ray's logger, whose processes inherit the key from the command's environment.

    Ray would hand it to them as part of a runtime environment, which it writes into its log.
    """

    def _start_logging_actor(self, *args: Any, **kwargs: Any) -> None:
        key = os.environ.pop(WANDB_ENV_VAR, None)
        try:
            super()._start_logging_actor(*args, **kwargs)
        finally:
            if key is not None:
                os.environ[WANDB_ENV_VAR] = key
