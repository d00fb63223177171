"""How a sweep chooses its trials: ``search:`` of a file."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rllib_zoo.algorithms.base.result_names import RETIRED_NAMES
from rllib_zoo.algorithms.base.validators import Kind, boolean, complaint, integer, number
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.grid import GRID
from rllib_zoo.experiments.spec.search_space import grid_size, is_drawn, samplers

SEARCHES = ("random", "optuna")
# Of a search that is given no seed: the same file draws the same configurations.
DEFAULT_SEED = 0

# Arguments of schedulers that are numbers of the result `time_attr`.
TIMES = ("max_t", "grace_period", "perturbation_interval", "burn_in_period")
FUNCTIONS_OF_TPE = ("gamma", "weights", "constraints_func", "categorical_distance_func")


def typed(value: Any, key: str) -> tuple[str, dict[str, Any]]:
    """``asha`` or ``{type: asha, max_t: 100}`` as a name and its arguments.

    Raises:
        RequestError: neither of them.
    """
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        return value["type"], {str(k): v for k, v in value.items() if k != "type"}
    hint = f"{key}: {{type: …}}"
    raise RequestError(
        f"must be a name or a mapping with a type, got {value!r}", key=key, hint=hint
    )


def search_name(experiment: Experiment) -> str:
    """ "random", which is what a file without ``search`` gets, or "optuna".

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
        RequestError: an unknown name or argument, a missing package, or nothing to search.
    """
    name = search_name(experiment)
    _, settings = typed(experiment.search or "random", "search")
    return _random(experiment, settings) if name == "random" else _optuna(experiment, settings)


def random_state(experiment: Experiment) -> Any:
    """What the random search draws from: the same for the plan and for the run."""
    _, settings = typed(experiment.search or "random", "search")
    return np.random.default_rng(settings.get("seed", DEFAULT_SEED))


def _random(experiment: Experiment, settings: dict[str, Any]) -> Any:
    from ray.tune.search import BasicVariantGenerator

    for key, value in settings.items():
        if key != "seed":
            raise RequestError("is unknown", key=f"search.{key}", hint="random has: seed")
        _check_seed(value)
    # Values are drawn once and kept over the grid, so that all seeds try the same configuration.
    return BasicVariantGenerator(
        constant_grid_search=True,
        max_concurrent=experiment.max_concurrent or 0,
        random_state=random_state(experiment),
    )


def _check_seed(value: Any) -> None:
    """Refuse what is no seed of numpy's generators.

    Raises:
        RequestError: no whole number, a negative one, or one of more than 32 bits.
    """
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
    found: Any = SeedRepeater(search, experiment.seeds, bound=score_bound(experiment))
    if experiment.max_concurrent:
        found = ConcurrencyLimiter(found, max_concurrent=experiment.max_concurrent)
    return found


def _require_optuna(experiment: Experiment) -> None:
    """Refuse what Optuna cannot serve.

    Raises:
        RequestError: a missing package or metric, a grid, or nothing to search.
    """
    if importlib.util.find_spec("optuna") is None:
        raise RequestError("optuna is missing: pip install 'rllib-zoo[search]'", key="search")
    space = {"env": experiment.env, **experiment.config}
    if not is_drawn(space):
        hint = "write for example lr: {loguniform: [1.0e-5, 1.0e-3]}"
        raise RequestError("has nothing to search", key="search", hint=hint)
    for path, name, _ in samplers(space):
        if name == GRID:
            where = ".".join(map(str, path))
            hint = "write choice, or leave out search"
            raise RequestError("optuna runs no grids", key=f"config.{where}.{GRID}", hint=hint)
    require_metric(experiment, "search")


def require_metric(experiment: Experiment, key: str) -> None:
    """Refuse a search or scheduler that does not know what a good trial is.

    Raises:
        RequestError: the experiment names no metric.
    """
    if experiment.metric is None:
        hint = "metric: env_runners/episode_return_mean"
        raise RequestError("needs a metric to judge trials by", key=key, hint=hint)


def check_arguments(
    function: Callable[..., Any], given: Mapping[str, Any], key: str, without: tuple[str, ...] = ()
) -> None:
    """Names of arguments, and their kinds where the default is a truth value or a number.

    Args:
        function: what takes them.
        given: the arguments.
        key: where they stand, for messages.
        without: those that are not offered, since they are set elsewhere or are Python functions.

    Raises:
        RequestError: the first wrong one, with the nearest known name.
    """
    known = {
        name: p for name, p in inspect.signature(function).parameters.items() if name != "self"
    }
    for name, value in given.items():
        if name in without:
            raise RequestError("cannot be set", key=f"{key}.{name}")
        if name not in known:
            offered = [other for other in known if other not in without]
            hint = nearest(name, offered) or f"there are {', '.join(offered)}"
            raise RequestError("is unknown", key=f"{key}.{name}", hint=hint)
        kind = _kind_of(name, known[name])
        if kind is not None and (problem := complaint(kind, value)):
            raise RequestError(problem, key=f"{key}.{name}")


def _kind_of(name: str, parameter: inspect.Parameter) -> Kind | None:
    """What an argument must be, by its default; None where that says nothing."""
    default = parameter.default
    if isinstance(default, bool):
        return boolean
    # Times may be in seconds, whatever Tune writes; some whole defaults stand for fractions.
    fraction = name in TIMES or parameter.annotation in (float, "float")
    if isinstance(default, int) and not fraction:
        return integer(0)
    return number(0) if isinstance(default, int | float) else None


def canonical(result: str) -> str:
    """The one name of a result that has several."""
    return RETIRED_NAMES.get(result, result)


def stop_bound(experiment: Experiment, result: str | None) -> float | None:
    """The bound at which the stop rule ends trials by this result, under any of its names."""
    if result is None:
        return None
    bounds = [b for key, b in experiment.stop.items() if canonical(key) == canonical(result)]
    return min(bounds, default=None)


def score_bound(experiment: Experiment) -> float | None:
    """Where a trial's score ends it: better scores count as this one, what is above it is luck."""
    return stop_bound(experiment, experiment.metric) if experiment.mode != "min" else None


def repeats_seeds(search: Any) -> bool:
    """Whether the search sets the seeds itself."""
    from ray.tune.search import Searcher

    return isinstance(search, Searcher)


def number_of_samples(experiment: Experiment, search: Any) -> int:
    """Tune's ``num_samples``: a search that repeats seeds counts every trial."""
    repeats = len(experiment.seeds or ()) if repeats_seeds(search) else 1
    return experiment.num_samples * max(repeats, 1)


def number_of_configurations(experiment: Experiment) -> int:
    """How many the sweep tries, each once per seed."""
    return experiment.num_samples * grid_size({"env": experiment.env, **experiment.config})


def number_of_trials(experiment: Experiment) -> int:
    """How many the sweep runs, if nothing ends it early."""
    return number_of_configurations(experiment) * len(experiment.seeds or (None,))
