"""Search algorithms, which choose the configurations of a sweep: ``search:`` of a file."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rllib_zoo.algorithms.base.result_names import LEGACY_NAMES
from rllib_zoo.algorithms.base.validators import (
    Kind,
    anything,
    boolean,
    complaint,
    integer,
    number,
    optional,
)
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.grid import GRID
from rllib_zoo.experiments.spec.search_space import grid_size, is_drawn, samplers

SEARCHES = ("random", "optuna")
# Used where a search has no seed, so that the same file samples the same configurations.
DEFAULT_SEED = 0

# Arguments of schedulers in units of the result `time_attr`.
TIMES = ("max_t", "grace_period", "perturbation_interval", "burn_in_period")


def _factors(value: Any) -> str | None:
    """Factors of a perturbation."""
    factors = value if isinstance(value, list) and value else [None]
    valid = not any(number(0, above=True)(factor) for factor in factors)
    return None if valid else "a list of numbers above 0 such as [1.2, 0.8]"


# Arguments whose signature does not tell their type. Seeds are checked by :func:`_check_seed`.
KINDS: dict[str, Kind] = {
    "seed": anything,
    "resample_probability": number(0, 1),
    "perturbation_factors": _factors,
}
FUNCTIONS_OF_TPE = ("gamma", "weights", "constraints_func", "categorical_distance_func")


def typed(value: Any, key: str) -> tuple[str, dict[str, Any]]:
    """``asha`` or ``{type: asha, max_t: 100}`` as a name and its arguments.

    Raises:
        RequestError: neither form.
    """
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        return value["type"], {str(k): v for k, v in value.items() if k != "type"}
    problem = f"must be a name or a mapping with a type, got {value!r}"
    raise RequestError(problem, key=key, hint=f"{key}: {{type: …}}")


def search_name(experiment: Experiment) -> str:
    """ "random", the default, or "optuna".

    Raises:
        RequestError: an unknown name.
    """
    name, _ = typed(experiment.search or "random", "search")
    if name not in SEARCHES:
        hint = nearest(name, SEARCHES) or f"there are {', '.join(SEARCHES)}"
        raise RequestError(f"{name!r} is unknown", key="search", hint=hint)
    return name


def make_search(experiment: Experiment) -> Any:
    """Tune's search algorithm.

    Args:
        experiment: with ``search``, ``metric``, ``mode``, ``seeds`` and ``max_concurrent``.

    Raises:
        RequestError: an unknown name or argument, a missing package, or no sampled value.
    """
    name = search_name(experiment)
    _, settings = typed(experiment.search or "random", "search")
    return _random(experiment, settings) if name == "random" else _optuna(experiment, settings)


def random_state(experiment: Experiment) -> Any:
    """Random generator of the random search: the same for a dry run and the run."""
    _, settings = typed(experiment.search or "random", "search")
    return np.random.default_rng(settings.get("seed", DEFAULT_SEED))


def _random(experiment: Experiment, settings: dict[str, Any]) -> Any:
    from ray.tune.search import BasicVariantGenerator

    for key, value in settings.items():
        if key != "seed":
            raise RequestError("is unknown", key=f"search.{key}", hint="random supports: seed")
        _check_seed(value)
    # Values are sampled once per grid, so that all seeds train the same configuration.
    return BasicVariantGenerator(
        constant_grid_search=True,
        max_concurrent=experiment.max_concurrent or 0,
        random_state=random_state(experiment),
    )


def _check_seed(value: Any) -> None:
    """Check that a value is a seed of numpy's generators: an unsigned integer of 32 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
        problem = f"must be a whole number from 0 to 2^32 - 1, got {value!r}"
        raise RequestError(problem, key="search.seed")


def _optuna(experiment: Experiment, settings: dict[str, Any]) -> Any:
    _require_optuna(experiment)
    import optuna
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    from rllib_zoo.experiments.sweeps.seed_repeater import SeedRepeater

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    check_arguments(optuna.samplers.TPESampler, settings, "search", FUNCTIONS_OF_TPE)
    if settings.get("seed") is not None:
        _check_seed(settings["seed"])
    sampler = optuna.samplers.TPESampler(**{"seed": DEFAULT_SEED, **settings})
    search = OptunaSearch(metric=experiment.metric, mode=experiment.mode or "max", sampler=sampler)
    bound, statistic = score_bound(experiment), experiment.seed_score
    repeater = SeedRepeater(search, experiment.seeds, bound=bound, statistic=statistic)
    if experiment.max_concurrent:
        return ConcurrencyLimiter(repeater, max_concurrent=experiment.max_concurrent)
    return repeater


def _require_optuna(experiment: Experiment) -> None:
    """Check for the package, a metric, sampled values, and no grid."""
    if importlib.util.find_spec("optuna") is None:
        raise RequestError("optuna is missing: pip install 'rllib-zoo[search]'", key="search")
    space = {"env": experiment.env, **experiment.config}
    if not is_drawn(space):
        hint = "write for example lr: {loguniform: [1.0e-5, 1.0e-3]}"
        problem = "no value in the configuration is sampled"
        raise RequestError(problem, key="search", hint=hint)
    for path, name, _ in samplers(space):
        if name == GRID:
            key = ".".join(map(str, ("config", *path, GRID)))
            hint = "write choice, or leave out search"
            raise RequestError("not supported by optuna", key=key, hint=hint)
    require_metric(experiment, "search")


def require_metric(experiment: Experiment, key: str) -> None:
    """Check that there is a metric to compare trials by.

    Raises:
        RequestError: the experiment has no metric.
    """
    if experiment.metric is None:
        hint = "metric: env_runners/episode_return_mean"
        raise RequestError("requires a metric to compare trials by", key=key, hint=hint)


def check_arguments(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    key: str,
    reserved: tuple[str, ...] = (),
) -> None:
    """Check names of arguments, and their types where the default is a boolean or a number.

    Args:
        function: called with them.
        arguments: from the file.
        key: theirs in the file, for messages.
        reserved: parameters that are set elsewhere or are Python functions.

    Raises:
        RequestError: the first invalid one, with the nearest valid name.
    """
    parameters = inspect.signature(function).parameters
    for name, value in arguments.items():
        if name in reserved:
            raise RequestError("cannot be set", key=f"{key}.{name}")
        if name not in parameters or name == "self":
            valid = [other for other in parameters if other not in (*reserved, "self")]
            hint = nearest(name, valid) or f"there are {', '.join(valid)}"
            raise RequestError("is unknown", key=f"{key}.{name}", hint=hint)
        kind = _kind_of(name, parameters[name])
        if kind is not None and (problem := complaint(kind, value)):
            raise RequestError(problem, key=f"{key}.{name}")


def _kind_of(name: str, parameter: inspect.Parameter) -> Kind | None:
    """The type of an argument, from its default and annotation; None for neither boolean nor number."""
    if name in KINDS:
        return KINDS[name]
    default, annotation = parameter.default, parameter.annotation
    # A class, or in code with postponed evaluation text such as "int | None".
    base, _, alternative = str(getattr(annotation, "__name__", annotation)).partition(" | ")
    kind: Kind | None = None
    if isinstance(default, bool) or base == "bool":
        kind = boolean
    # Times may be in seconds; some parameters annotated as float have an integer default.
    elif base == "float" or isinstance(default, float) or (name in TIMES and default is not None):
        kind = number(0)
    elif isinstance(default, int) or base == "int":
        kind = integer(0)
    return optional(kind) if kind and alternative == "None" else kind


def canonical(result: str) -> str:
    """The current name of a result that also has a legacy name."""
    return LEGACY_NAMES.get(result, result)


def stop_bound(experiment: Experiment, result: str | None) -> float | None:
    """The bound of a result in the stop criteria, under any of its names; None without one."""
    if result is None:
        return None
    bounds = [b for key, b in experiment.stop.items() if canonical(key) == canonical(result)]
    return min(bounds, default=None)


def score_bound(experiment: Experiment) -> float | None:
    """Upper limit of scores: the metric's stop bound, as what exceeds it is chance."""
    return stop_bound(experiment, experiment.metric) if experiment.mode != "min" else None


def repeats_seeds(search: Any) -> bool:
    """Whether the search sets seeds itself, as :class:`SeedRepeater` does."""
    from ray.tune.search import Searcher

    return isinstance(search, Searcher)


def number_of_samples(experiment: Experiment, search: Any) -> int:
    """Tune's ``num_samples``; for a search that repeats seeds it counts every trial."""
    repeats = len(experiment.seeds or (None,)) if repeats_seeds(search) else 1
    return experiment.num_samples * repeats


def number_of_configurations(experiment: Experiment) -> int:
    """Configurations of the sweep, each trained once per seed."""
    return experiment.num_samples * grid_size({"env": experiment.env, **experiment.config})


def number_of_trials(experiment: Experiment) -> int:
    """Trials of the sweep."""
    return number_of_configurations(experiment) * len(experiment.seeds or (None,))
