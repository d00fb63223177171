"""What the settings of a sweep do one by one: how much each matters, and the score over its values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from rllib_zoo.analysis import draw
from rllib_zoo.analysis.plots import interactive
from rllib_zoo.analysis.plots.figure_file import FigureImage
from rllib_zoo.analysis.scoring.groups import exact_text
from rllib_zoo.analysis.statistics import Estimate, estimate, iqm

IMPORTANCE = "share of the variance of scores (fANOVA of Optuna, Hutter et al. 2014)"
# Fewer runs tell nothing about several settings.
MIN_RUNS = 8
# Of the random forest.
TREES, SEED = 32, 0
# More values of a setting are gathered in groups of equal size.
MAX_VALUES, PARTS = 12, 6


def importance_figure(
    figure: Callable[..., FigureImage], table: pd.DataFrame, scores: Sequence[float]
) -> FigureImage | None:
    """A row per setting; None without Optuna and scikit-learn, or with few runs.

    Args:
        figure: makes it, see ``sweep_figures``.
        table: a row per run, a column per setting.
        scores: of the runs.
    """
    shares = importances(table, scores)
    if not shares:
        return None
    rows = {key: Estimate(share, np.nan, np.nan, len(table)) for key, share in shares.items()}
    paint = partial(draw.bars, estimates=rows, xlabel=IMPORTANCE)
    plot = interactive.intervals(rows, {}, note=IMPORTANCE, xlabel="share", limits=(-0.02, 1.02))
    return figure("importance", "importance of each setting", paint, plot)


def importances(table: pd.DataFrame, scores: Sequence[float]) -> dict[str, float]:
    """Setting → its share of the variance of scores, the largest first; empty where it cannot be told.

    Args:
        table: a row per run, a column per setting.
        scores: of the runs.
    """
    if len(table) < MIN_RUNS or np.ptp(scores) == 0:
        return {}
    try:
        import optuna
        import sklearn  # noqa: F401  fANOVA's forest
    except ImportError:
        return {}
    distributions = {str(key): _distribution(table[key], optuna) for key in table}
    # Optuna warns that values of categories are not all of simple types: here they are texts.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize")
        for row, score in zip(table.to_dict("records"), scores, strict=True):
            params = {str(key): _value(value) for key, value in row.items()}
            trial = optuna.create_trial(
                params=params, distributions=distributions, value=float(score)
            )
            study.add_trial(trial)
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=SEED)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: float(share) for key, share in found.items()}


def _distribution(values: pd.Series, optuna: Any) -> Any:
    """Optuna's distribution over the values of a setting: a range of numbers, else categories."""
    if all(map(is_number, values)):
        low, high = float(values.min()), float(values.max())
        return optuna.distributions.FloatDistribution(low, high, log=low > 0 and high / low >= 10)
    return optuna.distributions.CategoricalDistribution(sorted({_value(v) for v in values}))


def _value(value: Any) -> float | str:
    return float(value) if is_number(value) else exact_text(value)


def is_number(value: Any) -> bool:
    """Whether a setting's value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def over_values(
    values: Sequence[Any], scores: Sequence[float], *, seed: int, resamples: int
) -> tuple[list[Any], list[Estimate]]:
    """Values of one setting, and the interquartile mean of all runs with each, whatever their other settings.

    More than ``MAX_VALUES`` numbers are gathered in groups of equal size, at their medians; other settings
    with so many values have no points.
    """
    scores_R = np.array(scores, float)
    texts = np.array([exact_text(value) for value in values])
    distinct = {exact_text(value): value for value in values}
    numeric = all(map(is_number, values))
    if len(distinct) > MAX_VALUES and not numeric:
        return [], []
    if len(distinct) > MAX_VALUES:
        order = np.argsort(np.array(values, float), kind="stable")
        parts = [(float(np.median(np.array(values, float)[part])), scores_R[part])
                 for part in np.array_split(order, PARTS)]  # fmt: skip
    else:
        keys = sorted(distinct, key=lambda text: distinct[text] if numeric else text)
        parts = [(distinct[text], scores_R[texts == text]) for text in keys]
    bootstrap = {"seed": seed, "resamples": resamples}
    estimates = [estimate(iqm, [part_R], **bootstrap) for _, part_R in parts]
    return [value for value, _ in parts], estimates
