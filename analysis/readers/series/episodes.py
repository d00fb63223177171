"""Curves of formats that write every episode: means over the last 100, as in this project's own runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rllib_zoo.analysis.files.record import table_of

WINDOW = 100


def table_of_episodes(
    steps_E: np.ndarray,
    returns_E: np.ndarray,
    lengths_E: np.ndarray | None = None,
    seconds_E: np.ndarray | None = None,
    frames_E: np.ndarray | None = None,
) -> np.ndarray:
    """``values_TC`` with a row per episode, of the last ``WINDOW`` episodes each.

    Args:
        steps_E: [E] agent steps of the run at the end of each episode, increasing.
        returns_E: [E] raw returns.
        lengths_E: [E].
        seconds_E: [E] since the start of the run.
        frames_E: [E] frames of the run at the end of each episode.
    """
    number_E = np.arange(1, len(returns_E) + 1)
    returns = pd.Series(returns_E, dtype=float).rolling(WINDOW, min_periods=1)
    columns = {
        "steps": steps_E,
        "episodes": number_E,
        "window": np.minimum(number_E, WINDOW),
        "return_mean": returns.mean(),
        "return_min": returns.min(),
        "return_max": returns.max(),
    }
    if lengths_E is not None:
        lengths = pd.Series(lengths_E, dtype=float).rolling(WINDOW, min_periods=1)
        columns["length_mean"] = lengths.mean()
    if seconds_E is not None:
        columns["seconds"] = seconds_E
    if frames_E is not None:
        columns["frames"] = frames_E
    return table_of(columns, len(returns_E))
