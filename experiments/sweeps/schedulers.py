"""Trial schedulers, which stop bad trials of a sweep early: ``scheduler:`` of a file."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.experiments.errors import RequestError, first_line, nearest
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import samplers
from rllib_zoo.experiments.sweeps.mutations import (
    ClipToBounds,
    as_samplers,
    mutated_config,
    tune_mutations,
    with_choices,
)
from rllib_zoo.experiments.sweeps.search import (
    canonical,
    check_arguments,
    number_of_trials,
    require_metric,
    search_name,
    stop_bound,
    typed,
)

if TYPE_CHECKING:
    from rllib_zoo.experiments.tune.resumable_scheduler import ResumableScheduler

_TUNE = "ray.tune.schedulers"
# Common name → module and class.
CLASSES = {
    "asha": (f"{_TUNE}.async_hyperband", "AsyncHyperBandScheduler"),
    "hyperband": (f"{_TUNE}.hyperband", "HyperBandScheduler"),
    "median_stopping": (f"{_TUNE}.median_stopping_rule", "MedianStoppingRule"),
    "pbt": ("rllib_zoo.experiments.sweeps.population", "SteppingPBT"),
    "pb2": (f"{_TUNE}.pb2", "PB2"),
}
SCHEDULERS = ("fifo", *CLASSES)
POPULATIONS = ("pbt", "pb2")
# Tune's names, in lower case.
ALIASES = {
    "asynchyperband": "asha", "async_hyperband": "asha", "medianstopping": "median_stopping",
    "median_stopping_rule": "median_stopping",
}  # fmt: skip
NOT_SUPPORTED = {
    "hb_bohb": "it needs HpBandSter, which is not maintained",
    "pbt_replay": "it needs a policy file written by pbt; train with the values in it instead",
    "resource_changing": "it needs a Python function",
}
# Arguments that this module sets itself.
RESERVED = ("metric", "mode", "custom_explore_fn", "require_attrs", "log_config")
STEPS = "timesteps_total"
# Fraction of max_t before a scheduler may stop a trial; with ASHA's reduction factor of 4 it leaves
# two rounds of elimination.
GRACE_FRACTION = 1 / 16


def scheduler_name(experiment: Experiment) -> str:
    """One of ``SCHEDULERS``.

    Raises:
        RequestError: another name.
    """
    original, _ = typed(experiment.scheduler or "fifo", "scheduler")
    name = ALIASES.get(original.lower(), original.lower())
    if name in NOT_SUPPORTED:
        hint = NOT_SUPPORTED[name]
        raise RequestError(f"{original} is not supported", key="scheduler", hint=hint)
    if name not in SCHEDULERS:
        hint = nearest(name, [*SCHEDULERS, *ALIASES]) or f"there are {', '.join(SCHEDULERS)}"
        raise RequestError(f"{original!r} is unknown", key="scheduler", hint=hint)
    return name


def make_scheduler(experiment: Experiment) -> ResumableScheduler:
    """Tune's scheduler, made resumable.

    Raises:
        RequestError: an unknown name or argument, no metric, or conflicting settings.
    """
    from rllib_zoo.experiments.tune.resumable_scheduler import ResumableScheduler

    name = scheduler_name(experiment)
    _, settings = typed(experiment.scheduler or "fifo", "scheduler")
    if name == "fifo":
        if settings:
            key = f"scheduler.{next(iter(settings))}"
            raise RequestError("is unknown: fifo has no settings", key=key)
        return ResumableScheduler(None)
    scheduler_class = _class(name)
    check_arguments(scheduler_class, settings, "scheduler", RESERVED)
    require_metric(experiment, "scheduler")
    _check_conflicts(experiment, name)
    arguments = _with_defaults(experiment, name, settings)
    _check_time(experiment, arguments)
    recorded = {"type": name, **_defaults(scheduler_class), **arguments}
    if name in POPULATIONS:
        with_mutations(experiment)  # raises errors of single values, with their keys
        arguments |= _population(name, arguments.pop(_mutations_key(name)))
    try:
        mode = experiment.mode or "max"
        inner = scheduler_class(metric=experiment.metric, mode=mode, **arguments)
    except Exception as error:  # Tune raises errors of many kinds here
        raise RequestError(first_line(error), key="scheduler") from None
    return ResumableScheduler(
        inner,
        max_t=arguments.get("max_t"),
        time_attr=arguments["time_attr"],
        worst=math.inf if experiment.mode == "min" else -math.inf,
        settings=recorded,
    )


def _defaults(scheduler_class: Any) -> dict[str, Any]:
    """Tune's values of the settings that a file may leave out."""
    parameters = inspect.signature(scheduler_class).parameters.items()
    return {
        name: parameter.default
        for name, parameter in parameters
        if name not in RESERVED and parameter.default is not parameter.empty
    }


def _class(name: str) -> Any:
    if name == "pb2" and importlib.util.find_spec("sklearn") is None:
        problem = "scikit-learn is missing: pip install 'rllib-zoo[search]'"
        raise RequestError(problem, key="scheduler")
    module, class_name = CLASSES[name]
    return getattr(importlib.import_module(module), class_name)


def _check_conflicts(experiment: Experiment, name: str) -> None:
    """Check a scheduler against search, seeds and checkpoint settings."""
    seeds, search = experiment.seeds, search_name(experiment)
    if name in POPULATIONS:
        if search != "random":
            problem = f"{name} samples values itself and conflicts with search {search!r}"
            raise RequestError(problem, key="scheduler")
        if seeds is not None:
            problem = f"conflicts with scheduler {name}, which copies weights between trials"
            hint = "leave out seeds; num_samples is the size of the population"
            raise RequestError(problem, key="seeds", hint=hint)
        if number_of_trials(experiment) < 2:
            raise RequestError("must be at least 2, the size of the population", key="num_samples")
        if experiment.num_to_keep is not None and experiment.num_to_keep < 3:
            problem = f"{experiment.num_to_keep} may delete a checkpoint that another trial copies"
            key, hint = "checkpoint_config.num_to_keep", "keep at least 3, or all"
            raise RequestError(problem, key=key, hint=hint)
    elif search == "optuna" and seeds is not None and len(seeds) > 1:
        problem = f"optuna scores a configuration by all its seeds, but {name} stops single trials"
        hint = "leave out scheduler, seeds or search"
        raise RequestError(problem, key="scheduler", hint=hint)


def _with_defaults(
    experiment: Experiment, name: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings, with defaults derived from the stop criteria."""
    # HyperBand's first round is one unit of time, so that its unit cannot be a step.
    time_attr = "training_iteration" if name == "hyperband" else STEPS
    arguments = {"time_attr": time_attr, **settings}
    time_attr = arguments["time_attr"]
    valid = result_names(experiment.algorithm)
    if time_attr not in valid:
        problem, hint = f"result {time_attr!r} is unknown", nearest(time_attr, valid)
        raise RequestError(problem, key="scheduler.time_attr", hint=hint)
    bound = stop_bound(experiment, time_attr)
    hint = f"or stop: {{{time_attr}: …}}"
    if name in ("asha", "hyperband"):
        _fill(arguments, "max_t", bound, hint)
    if name in ("asha", "median_stopping"):
        total = arguments.get("max_t", bound)
        grace = max(total * GRACE_FRACTION, 1) if isinstance(total, int | float) else None
        _fill(arguments, "grace_period", grace, hint)
    if name in POPULATIONS:
        hint = "for example perturbation_interval: 50_000"
        _fill(arguments, "perturbation_interval", None, hint)
        example = "[1.0e-4, 1.0e-2]" if name == "pb2" else "{loguniform: [1.0e-4, 1.0e-2]}"
        _fill(arguments, _mutations_key(name), None, f"for example {{lr: {example}}}")
    return arguments


def _fill(settings: dict[str, Any], key: str, value: Any, hint: str) -> None:
    if settings.get(key) is None:
        if value is None:
            raise RequestError("is missing", key=f"scheduler.{key}", hint=hint)
        settings[key] = value


def _check_time(experiment: Experiment, arguments: Mapping[str, Any]) -> None:
    """Check that trials run long enough for the scheduler's times."""
    name = arguments["time_attr"]
    bound, max_t = stop_bound(experiment, name), arguments.get("max_t")
    for key in ("max_t", "grace_period", "perturbation_interval"):
        time = arguments.get(key)
        if time is not None and bound is not None and time > bound:
            problem = f"{time:g} is never reached: trials stop at {canonical(name)} {bound:g}"
            raise RequestError(problem, key=f"scheduler.{key}")
    grace = arguments.get("grace_period")
    if max_t is not None and grace is not None and grace > max_t:
        raise RequestError(f"{grace:g} is above max_t {max_t:g}", key="scheduler.grace_period")


def _mutations_key(name: str) -> str:
    return "hyperparam_bounds" if name == "pb2" else "hyperparam_mutations"


def _population(name: str, mutations: Any) -> dict[str, Any]:
    """Arguments of PBT or PB2 for the values they change."""
    # Results before the first finished episode lack the metric.
    arguments: dict[str, Any] = {"require_attrs": False}
    if name == "pb2":
        return {**arguments, "hyperparam_bounds": mutations}
    mutations = with_choices(mutations, f"scheduler.{_mutations_key(name)}")
    arguments["hyperparam_mutations"] = tune_mutations(mutations)
    return {**arguments, "custom_explore_fn": ClipToBounds(mutations)}


def _mutations(experiment: Experiment) -> tuple[str, Any]:
    """Key of the values that a population changes in the file, and their samplers; None without any.

    Raises:
        RequestError: PB2's bounds are not pairs of numbers.
    """
    name = scheduler_name(experiment)
    if name not in POPULATIONS:
        return "scheduler", None
    _, settings = typed(experiment.scheduler, "scheduler")
    where, given = f"scheduler.{_mutations_key(name)}", settings.get(_mutations_key(name))
    if given is None:  # make_scheduler reports it
        return where, None
    return where, (as_samplers if name == "pb2" else with_choices)(given, where)


def mutated_paths(experiment: Experiment) -> dict[tuple[Any, ...], str]:
    """Path in the configuration of every value that a population changes → its key in the file."""
    where, mutations = _mutations(experiment)
    return {path: ".".join(map(str, (where, *path))) for path, _, _ in samplers(mutations)}


def with_mutations(experiment: Experiment) -> dict[str, Any]:
    """The configuration with samplers in place of values that a population changes, for validation.

    Raises:
        RequestError: a mutation is not a sampler.
    """
    where, mutations = _mutations(experiment)
    if mutations is None:
        return dict(experiment.config)
    return mutated_config(experiment.config, mutations, where)


def legacy_scheduler(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``--scheduler NAME --scheduler-config SETTINGS`` of older releases, with Tune's defaults."""
    current = ALIASES.get(name.lower(), name.lower())
    scheduler: dict[str, Any] = {"type": name}
    if current in CLASSES and importlib.util.find_spec("sklearn" if current == "pb2" else "ray"):
        defaults = inspect.signature(_class(current)).parameters
        keys = ("time_attr", "max_t", "grace_period", "perturbation_interval")
        scheduler |= {key: defaults[key].default for key in keys if key in defaults}
    return {**scheduler, **settings}
