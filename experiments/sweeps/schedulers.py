"""Which trials of a sweep end early: ``scheduler:`` of a file."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
from collections.abc import Mapping
from typing import Any

from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.mutations import (
    Within,
    as_samplers,
    mutated_config,
    tune_mutations,
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
from rllib_zoo.experiments.tune.resumable_scheduler import ResumableScheduler

# The field's name → module and class of Tune.
CLASSES = {
    "asha": ("async_hyperband", "AsyncHyperBandScheduler"),
    "hyperband": ("hyperband", "HyperBandScheduler"),
    "median_stopping": ("median_stopping_rule", "MedianStoppingRule"),
    "pbt": ("pbt", "PopulationBasedTraining"),
    "pb2": ("pb2", "PB2"),
}
SCHEDULERS = ("fifo", *CLASSES)
POPULATIONS = ("pbt", "pb2")
# Tune's spellings, in lower case.
ALIASES = {
    "asynchyperband": "asha",
    "async_hyperband": "asha",
    "medianstopping": "median_stopping",
    "median_stopping_rule": "median_stopping",
}
NOT_OFFERED = {
    "hb_bohb": "it needs the search of HpBandSter, which is not kept up",
    "pbt_replay": "it needs a file that pbt writes while it runs; train with its values instead",
    "resource_changing": "it needs a Python function",
}
# Names that this module sets itself.
OWN = ("metric", "mode", "custom_explore_fn", "require_attrs", "log_config")
STEPS = "timesteps_total"
# What a trial is given before a scheduler may end it: with ASHA's reduction factor of 4 there are
# two rounds of elimination after it.
GRACE = 1 / 16


def scheduler_name(experiment: Experiment) -> str:
    """One of ``SCHEDULERS``.

    Raises:
        RequestError: another name.
    """
    given, _ = typed(experiment.scheduler or "fifo", "scheduler")
    name = ALIASES.get(given.lower(), given.lower())
    if name in NOT_OFFERED:
        raise RequestError(f"{given} is not offered", key="scheduler", hint=NOT_OFFERED[name])
    if name not in SCHEDULERS:
        hint = nearest(name, [*SCHEDULERS, *ALIASES]) or f"there are {', '.join(SCHEDULERS)}"
        raise RequestError(f"{given!r} is unknown", key="scheduler", hint=hint)
    return name


def make_scheduler(experiment: Experiment) -> ResumableScheduler:
    """Tune's scheduler, in a shell that keeps what Tune does not.

    Raises:
        RequestError: an unknown name or argument, no metric, or what does not go together.
    """
    name = scheduler_name(experiment)
    _, settings = typed(experiment.scheduler or "fifo", "scheduler")
    if name == "fifo":
        if settings:
            raise RequestError("is unknown: fifo has none", key=f"scheduler.{next(iter(settings))}")
        return ResumableScheduler(None)
    made = _class(name)
    check_arguments(made, settings, "scheduler", OWN)
    require_metric(experiment, "scheduler")
    _check_company(experiment, name)
    arguments = _with_defaults(experiment, name, settings)
    _check_time(experiment, arguments)
    mutations = None
    if name in POPULATIONS:
        mutations = arguments.pop(_mutations_key(name))
        arguments |= _population(name, mutations)
    try:
        inner = made(metric=experiment.metric, mode=experiment.mode or "max", **arguments)
    except Exception as error:  # Tune raises errors of many kinds here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(reason, key="scheduler") from None
    return ResumableScheduler(
        inner,
        max_t=arguments.get("max_t"),
        time_attr=arguments["time_attr"],
        worst=math.inf if experiment.mode == "min" else -math.inf,
    )


def _class(name: str) -> Any:
    if name == "pb2" and importlib.util.find_spec("sklearn") is None:
        raise RequestError(
            "scikit-learn is missing: pip install 'rllib-zoo[search]'", key="scheduler"
        )
    module, wanted = CLASSES[name]
    return getattr(importlib.import_module(f"ray.tune.schedulers.{module}"), wanted)


def _check_company(experiment: Experiment, name: str) -> None:
    """Refuse a scheduler beside what contradicts it."""
    seeds, search = experiment.seeds, search_name(experiment)
    if name in POPULATIONS:
        if search != "random":
            raise RequestError(
                f"goes without a search: {name} draws values itself", key="scheduler"
            )
        if seeds is not None:
            hint = "leave out seeds; num_samples is the size of the population"
            raise RequestError(
                f"{name} copies weights between trials, so seeds cannot be told apart",
                key="seeds",
                hint=hint,
            )
        if number_of_trials(experiment) < 2:
            raise RequestError("is the population, of at least 2", key="num_samples")
        if experiment.num_to_keep is not None and experiment.num_to_keep < 3:
            hint = "keep at least 3, or all"
            raise RequestError(
                f"{experiment.num_to_keep} may delete a checkpoint that another trial copies",
                key="checkpoint_config.num_to_keep",
                hint=hint,
            )
    elif search == "optuna" and seeds is not None and len(seeds) > 1:
        raise RequestError(
            f"optuna judges a configuration by all its seeds, but {name} ends single ones",
            key="scheduler",
            hint="leave out scheduler, seeds or search",
        )


def _with_defaults(
    experiment: Experiment, name: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings, with what follows from the stop rule.

    Raises:
        RequestError: something needed is neither given nor follows.
    """
    # HyperBand's first round is one unit of time, so that its unit cannot be a step.
    found = {"time_attr": "training_iteration" if name == "hyperband" else STEPS, **settings}
    known = result_names(experiment.algorithm)
    if found["time_attr"] not in known:
        hint = nearest(found["time_attr"], known)
        problem = f"result {found['time_attr']!r} is unknown"
        raise RequestError(problem, key="scheduler.time_attr", hint=hint)
    bound = stop_bound(experiment, found["time_attr"])
    if name in ("asha", "hyperband"):
        _fill(found, "max_t", bound, f"or stop: {{{found['time_attr']}: …}}")
    if name in ("asha", "median_stopping"):
        total = found.get("max_t", bound)
        share = max(total * GRACE, 1) if isinstance(total, int | float) else None
        _fill(found, "grace_period", share, f"or stop: {{{found['time_attr']}: …}}")
    if name in POPULATIONS:
        hint = "for example perturbation_interval: 50_000"
        _fill(found, "perturbation_interval", None, hint)
        example = "[1.0e-4, 1.0e-2]" if name == "pb2" else "{loguniform: [1.0e-4, 1.0e-2]}"
        _fill(found, _mutations_key(name), None, f"for example {{lr: {example}}}")
    return found


def _fill(settings: dict[str, Any], key: str, value: Any, hint: str) -> None:
    if settings.get(key) is None:
        if value is None:
            raise RequestError("is missing", key=f"scheduler.{key}", hint=hint)
        settings[key] = value


def _check_time(experiment: Experiment, arguments: Mapping[str, Any]) -> None:
    """Refuse times that are never reached."""
    name = arguments["time_attr"]
    bound, until = stop_bound(experiment, name), arguments.get("max_t")
    for key in ("max_t", "grace_period", "perturbation_interval"):
        given = arguments.get(key)
        if given is not None and bound is not None and given > bound:
            raise RequestError(
                f"{given:g} is never reached: trials stop at {canonical(name)} {bound:g}",
                key=f"scheduler.{key}",
            )
    grace = arguments.get("grace_period")
    if until is not None and grace is not None and grace > until:
        raise RequestError(f"{grace:g} is above max_t {until:g}", key="scheduler.grace_period")


def _mutations_key(name: str) -> str:
    return "hyperparam_bounds" if name == "pb2" else "hyperparam_mutations"


def _population(name: str, mutations: Any) -> dict[str, Any]:
    """What PBT and PB2 are told of the values they change."""
    # A result before the first episode has no metric yet.
    common: dict[str, Any] = {"require_attrs": False}
    if name == "pb2":
        return {**common, "hyperparam_bounds": mutations}
    found = {"hyperparam_mutations": tune_mutations(mutations)}
    return {**common, **found, "custom_explore_fn": Within(mutations)}


def with_mutations(experiment: Experiment) -> dict[str, Any]:
    """The configuration with samplers where a population changes values, to be checked as one.

    Raises:
        RequestError: mutations that are no samplers.
    """
    name = scheduler_name(experiment)
    if name not in POPULATIONS:
        return dict(experiment.config)
    _, settings = typed(experiment.scheduler, "scheduler")
    where = f"scheduler.{_mutations_key(name)}"
    mutations = settings.get(_mutations_key(name))
    if mutations is None:
        return dict(experiment.config)  # make_scheduler says so
    if name == "pb2":
        mutations = as_samplers(mutations, where)
    return mutated_config(experiment.config, mutations, where)


def retired_scheduler(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``--scheduler NAME --scheduler-config SETTINGS``, what is not said as Tune's own default."""
    todays = ALIASES.get(name.lower(), name.lower())
    found: dict[str, Any] = {"type": name}
    if todays in CLASSES and importlib.util.find_spec("sklearn" if todays == "pb2" else "ray"):
        defaults = inspect.signature(_class(todays)).parameters
        kept = ("time_attr", "max_t", "grace_period", "perturbation_interval")
        found |= {key: defaults[key].default for key in kept if key in defaults}
    return {**found, **settings}
