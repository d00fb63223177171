"""Write the defaults, batch sizes and summed losses of older RLlib releases into the experiment."""

from __future__ import annotations

import math
from typing import Any

from rllib_zoo.envs import is_atari
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.envs import DEEPMIND
from rllib_zoo.experiments.legacy.releases import ADAM, DEFAULTS, EPSILON, SCREENS_0_4
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.grid import grid_values, map_grid

YEAR = 365 * 24 * 3600
_FRAGMENT = "config.rollout_fragment_length"


def fill_defaults(edits: Edits, algorithm: str, release: str) -> None:
    """Set the release's defaults, where they differ from the current ones."""
    defaults = DEFAULTS[release].get(algorithm, {})
    if release == "0.4" and any(is_atari(env) for env in grid_values(edits.get("env"))):
        model = edits.get("config.model") or {}
        own_network = "custom_model" in model or "conv_filters" in model
        if algorithm != "DQN" and not own_network and model.get("dim", 80) == 80:
            defaults = {**defaults, **SCREENS_0_4}
    for key, value in defaults.items():
        edits.fill(f"config.{key}", value, f"default of Ray {release}")
    if not edits.get("stop") and edits.get("time_budget_s") is None:
        if edits.has("stop"):
            edits.pop("stop")
        why = "without a stop criterion the run continues until you interrupt it, or for a year"
        edits.fill("stop", {"time_total_s": YEAR}, why)


def preprocessing(edits: Edits, algorithm: str, release: str) -> Any:
    """The value of ``preprocessor_pref`` or its default; before Ray 0.5 "deepmind" for DQN only."""
    default = "rllib" if release == "0.4" and algorithm != "DQN" else DEEPMIND
    return edits.get("config.preprocessor_pref", default)


def at_least_one_runner(edits: Edits, algorithm: str) -> None:
    """A3C needs at least one env runner."""
    if algorithm == "A3C" and edits.get("config.num_env_runners") == 0:
        why = "A3C computes its gradients in env runners, at least one"
        edits.amend("config.num_env_runners", 1, why)


def round_up_batches(edits: Edits, algorithm: str, release: str, defaults: Any) -> None:
    """Set the batch size that the release really collected.

    Its sampler collected a fragment from every environment until ``train_batch_size`` was reached
    or exceeded; current batches are exact.

    Raises:
        RequestError: a grid with alternatives that were collected in different ways.
    """
    if algorithm == "A3C":
        return
    runners = _largest(edits, "num_env_runners", defaults)
    envs_per_runner = _largest(edits, "num_envs_per_env_runner", defaults)
    size = "config.train_batch_size"
    if edits.has(f"{size}_per_learner"):
        size += "_per_learner"
    requested = edits.get(size, defaults.train_batch_size)
    totals = grid_values(requested)
    fragment = edits.get(_FRAGMENT, "auto")
    integers = all(isinstance(total, int) for total in totals)
    if runners is None or envs_per_runner is None or not integers:
        return
    envs = runners * envs_per_runner
    # PPO of older releases collected the larger batch instead.
    if algorithm == "PPO" and release in ("1", "2") and _exceeds_batch(fragment, envs, totals):
        why = f"PPO shortened it: {envs} environments x {fragment} steps are more than a batch"
        edits.amend(_FRAGMENT, "auto", why)
        fragment = "auto"
    if fragment != "auto" and not (isinstance(fragment, int) and fragment > 0):
        return
    per_round = envs if fragment == "auto" else envs * fragment
    collected = map_grid(lambda total: math.ceil(total / per_round) * per_round, requested)
    if collected != requested:
        new, old = (str(grid_values(value)).strip("[]") for value in (collected, requested))
        why = f"{old} rounded up to {new}, a multiple of {per_round} steps per sampling round"
        if edits.has(size):
            edits.amend(size, collected, why)
        else:
            edits.fill(size, collected, why)


def scale_summed_losses(edits: Edits, algorithm: str) -> None:
    """Divide ``grad_clip`` and Adam's epsilon of A2C and A3C by the steps B of a gradient.

    Older releases summed losses over the B steps, current losses are means, so the old gradient is
    B times the current one. Adam's step depends on the gradient only through its epsilon.

    Raises:
        RequestError: a grid that leads to several values of B.
    """
    clip, adam = edits.get("config.grad_clip"), edits.get("config.optimizer") == ADAM
    clips = any(_is_number(bound) for bound in grid_values(clip))
    steps = _steps_per_gradient(edits, algorithm) if clips or adam else None
    if steps is None:
        return
    why = f"divided by the {steps} steps of a gradient: losses are means, not sums"
    if clips:
        new = map_grid(lambda bound: bound / steps if _is_number(bound) else bound, clip)
        edits.amend("config.grad_clip", new, why)
    if adam:
        edits.amend("config.optimizer", {**ADAM, "epsilon": EPSILON / steps}, why)


def _steps_per_gradient(edits: Edits, algorithm: str) -> int | None:
    """The steps B of a gradient; None if a value is invalid, which is refused later."""
    names = ["rollout_fragment_length", "num_envs_per_env_runner"]
    if algorithm != "A3C":
        names = ["minibatch_size" if edits.get("config.minibatch_size") else "train_batch_size"]
    values = [edits.get(f"config.{name}") for name in names]
    for name, value in zip(names, values, strict=True):
        if len(grid_values(value)) > 1:
            problem = "its alternatives need different values of grad_clip"
            problem += f": {algorithm} summed its losses"
            raise RequestError(problem, key=f"config.{name}", hint="split the grid")
    valid = all(isinstance(value, int) and value > 0 for value in values)
    return math.prod(values) if valid else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _largest(edits: Edits, key: str, defaults: Any) -> int | None:
    """The largest value of a grid, at least 1: its rounds are multiples of the smaller ones."""
    values = grid_values(edits.get(f"config.{key}", getattr(defaults, key)))
    valid = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return max(*values, 1) if valid else None


def _exceeds_batch(fragment: Any, envs: int, totals: list[int]) -> bool:
    """Whether a sampling round is larger than the batch; an error if only for some of a grid."""
    if not isinstance(fragment, int):
        return False
    exceeds = [envs * fragment > total for total in totals]
    if any(exceeds) and not all(exceeds):
        problem = f"{envs} environments x {fragment} steps are more than some of these batches"
        raise RequestError(problem, key="config.train_batch_size", hint="split the grid")
    return all(exceeds)
