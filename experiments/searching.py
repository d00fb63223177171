"""How a sweep chooses its trials and ends bad ones early: ``search:`` and ``scheduler:`` of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.errors import RequestError, nearest
from experiments.experiment import Experiment

SEARCHES = ("random", "optuna")
# Our word, which is the field's → Tune's.
SCHEDULERS = {
    "fifo": "FIFO",
    "asha": "AsyncHyperBand",
    "hyperband": "HyperBand",
    "median_stopping": "MedianStopping",
    "pbt": "pbt",
    "pb2": "pb2",
}
# Those of Tune's names that stay as they are given.
RETIRED_SCHEDULERS = ("AsyncHyperBand", "HyperBand", "MedianStopping", "hb_bohb", "async_hyperband")
TIME_ATTRIBUTE = "timesteps_total"


def typed(value: Any, key: str) -> tuple[str, dict[str, Any]]:
    """``asha`` or ``{type: asha, max_t: 100}`` as a name and its arguments.

    Raises:
        RequestError: neither of them.
    """
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        return value["type"], {k: v for k, v in value.items() if k != "type"}
    raise RequestError(f"must be a name or a mapping with a type, got {value!r}", key=key)


def make_search(experiment: Experiment, *, drawn: bool) -> Any:
    """Tune's search algorithm; None where Tune's own variant generator does.

    Args:
        experiment: with ``search``, ``metric``, ``mode``, ``seeds`` and ``max_concurrent``.
        drawn: whether something in its configuration is drawn at random.

    Raises:
        RequestError: an unknown name or argument, a missing package, or nothing to search.
    """
    name, settings = typed(experiment.search or "random", "search")
    if name not in SEARCHES:
        hint = nearest(name, SEARCHES) or f"there are {', '.join(SEARCHES)}"
        raise RequestError(f"{name!r} is unknown", key="search", hint=hint)
    if name == "random":
        return _random(experiment, settings)
    if not drawn:
        raise RequestError(
            "has nothing to search", key="search", hint="write lr: {loguniform: [1.0e-5, 1.0e-3]}"
        )
    require_metric(experiment, "search")
    return _optuna(experiment, settings)


def _random(experiment: Experiment, settings: dict[str, Any]) -> Any:
    from ray.tune.search import BasicVariantGenerator

    unknown = sorted(set(settings) - {"seed"})
    if unknown:
        raise RequestError("is unknown", key=f"search.{unknown[0]}", hint="random has: seed")
    # Values are drawn once and kept over the grid, so that all seeds try the same configuration.
    return BasicVariantGenerator(
        constant_grid_search=True,
        max_concurrent=experiment.max_concurrent or 0,
        random_state=settings.get("seed"),
    )


def _optuna(experiment: Experiment, settings: dict[str, Any]) -> Any:
    import importlib.util

    if importlib.util.find_spec("optuna") is None:
        raise RequestError("optuna is missing: pip install 'rllib-zoo[search]'", key="search")
    import optuna
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    from experiments.seed_repeater import SeedRepeater

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        sampler = optuna.samplers.TPESampler(**settings)
    except TypeError as error:
        raise RequestError(str(error).split("() ")[-1], key="search") from None
    found: Any = OptunaSearch(
        metric=experiment.metric, mode=experiment.mode or "max", sampler=sampler
    )
    if experiment.seeds:
        found = SeedRepeater(found, experiment.seeds)
    if experiment.max_concurrent:
        found = ConcurrencyLimiter(found, max_concurrent=experiment.max_concurrent)
    return found


def repeats_seeds(search: Any) -> bool:
    """Whether the search sets the seeds itself."""
    from experiments.seed_repeater import SeedRepeater

    return isinstance(getattr(search, "searcher", search), SeedRepeater) or isinstance(
        search, SeedRepeater
    )


def number_of_samples(experiment: Experiment, search: Any) -> int:
    """Tune's ``num_samples``: a search that repeats seeds counts every trial."""
    repeats = len(experiment.seeds or ()) if repeats_seeds(search) else 1
    return experiment.num_samples * max(repeats, 1)


def require_metric(experiment: Experiment, key: str) -> None:
    """Refuse a search or scheduler that does not know what a good trial is.

    Raises:
        RequestError: the experiment names no metric.
    """
    if experiment.metric is None:
        raise RequestError(
            "needs a metric to judge trials by",
            key=key,
            hint="metric: env_runners/episode_return_mean",
        )


def make_scheduler(experiment: Experiment) -> Any:
    """Tune's scheduler; None for FIFO.

    Raises:
        RequestError: an unknown name or argument, or no metric.
    """
    if experiment.scheduler is None:
        return None
    name, settings = typed(experiment.scheduler, "scheduler")
    known = {**SCHEDULERS, **{given: given for given in RETIRED_SCHEDULERS}}
    todays = known.get(name) or known.get(name.lower())
    if todays is None:
        hint = nearest(name.lower(), SCHEDULERS) or f"there are {', '.join(SCHEDULERS)}"
        raise RequestError(f"{name!r} is unknown", key="scheduler", hint=hint)
    if todays == "FIFO":
        if settings:
            raise RequestError("has no settings", key=f"scheduler.{next(iter(settings))}")
        return None
    if "metric" not in settings:
        require_metric(experiment, "scheduler")
    return _created(todays, experiment, settings)


def _created(name: str, experiment: Experiment, settings: dict[str, Any]) -> Any:
    from ray.tune.schedulers import create_scheduler

    from experiments.search_space import tune_space

    given = {"time_attr": TIME_ATTRIBUTE, "metric": experiment.metric,
             "mode": experiment.mode or "max", **settings}  # fmt: skip
    if name == "pbt":
        given["hyperparam_mutations"] = tune_space(given.get("hyperparam_mutations", {}))
    try:
        return create_scheduler(name, **given)
    except (ValueError, TypeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(reason, key="scheduler") from None
