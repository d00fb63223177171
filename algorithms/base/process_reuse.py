"""Running one trial after another in the same process."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from ray.tune.result import TRIAL_INFO


class StartsAnew:
    """Mixin of an Algorithm: Tune's ``reset_config`` builds everything anew, as a new process would."""

    def reset_config(self, new_config: Mapping[str, Any]) -> bool:
        """End this trial's algorithm and become another one, of a trial with this configuration.

        What a process keeps are its imports, its number of threads and freed memory. Without a seed,
        the global random generators start anew: they may be those of a trial that had one.
        """
        storage, trial = self._storage, self._trial_info  # type: ignore[attr-defined]
        self._monitor.stop()  # type: ignore[attr-defined]
        self.cleanup()  # type: ignore[attr-defined]
        self.__dict__.clear()
        if new_config.get("seed") is None:
            random.seed()
            np.random.seed()  # noqa: NPY002
            torch.seed()
        config = {**new_config, TRIAL_INFO: trial}
        type(self).__init__(self, config=config, storage=storage)  # type: ignore[call-arg]
        return True
