"""From options and files to experiments: what the user asked for, precedence applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.config.overrides import (
    apply_overrides,
    into_retired,
    parse_mapping,
    parse_seeds,
)
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.translate import (
    has_retired_keys,
    result_today,
    score_today,
    translated,
    with_todays_env,
)
from rllib_zoo.experiments.options import FileOptions, LaunchOptions, TrainOptions
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.schedulers import retired_scheduler

# Options of the retired command that TensorFlow or older Rays alone could serve.
REFUSED = {
    "trace": "--trace was for TensorFlow 2, which Ray 2.60's RLlib no longer has",
    "local_mode": "--local-mode is gone from Ray; use --set num_env_runners=0",
}
FRAMEWORKS = ("torch", "tf", "tf2")


def experiments_from_files(files: list[Path], options: FileOptions) -> list[Experiment]:
    """Read the files and apply the options over them.

    Raises:
        RequestError: a wrong file or option.
    """
    found = [e for file in files for e in read_experiments(file, options.set_ or [])]
    if options.env is not None:
        found = [replace(experiment, env=options.env) for experiment in found]
    _require_different_names(found)
    if len(found) > 1 and options.experiment_name is not None:
        raise RequestError(
            problem=f"--experiment-name names one experiment, but the files describe {len(found)}"
        )
    return [with_options(experiment, options) for experiment in found]


def experiment_from_options(options: TrainOptions) -> Experiment:
    """The experiment `rllib train` without a file describes.

    Raises:
        RequestError: algorithm or environment missing, or a wrong option.
    """
    config = parse_mapping(options.config, what="--config")
    env = options.env or config.pop("env", None)
    if options.algo is None:
        raise RequestError(
            problem="say what to run: --algo A2C, A3C, DDPG, DQN, PG or PPO", key="--algo"
        )
    if env is None:
        raise RequestError(problem="say where: --env CartPole-v1", key="--env")
    if options.resources_per_trial is not None:
        raise RequestError(
            key="--resources-per-trial",
            problem="the algorithm requests its resources itself; "
            "use --set num_cpus_per_env_runner=… and --set num_gpus_per_learner=…",
        )
    name = f"{options.algo.lower()}-{str(env).split('/')[-1].lower()}"
    stop = parse_mapping(options.stop, what="--stop") if options.stop is not None else {}
    given: dict[str, Any] = {"run": options.algo, "env": env, "config": config, "stop": stop}
    assigned: tuple[str, ...] = ()
    if retired := has_retired_keys(Edits(given)):  # an id alone does not date a command line
        given, assigned = into_retired(given, options.set_ or [])
    entry, changes = translated(given, retired=retired)
    experiment = Experiment(
        name=name,
        algorithm=entry["run"],
        env=entry["env"],
        config=entry["config"],
        stop=entry["stop"],
        changes=tuple(changes),
        assigned=assigned,
    )
    return with_options(experiment, options)


def with_options(experiment: Experiment, options: LaunchOptions) -> Experiment:
    """The experiment with the options' values over its own; options not given change nothing."""
    _refuse_retired(options)
    changes: dict[str, Any] = {}
    if options.stop is not None:
        stop = parse_mapping(options.stop, what="--stop")
        changes["stop"] = {result_today(key): bound for key, bound in stop.items()}
        # The option replaces the file's rule, and what was said about it.
        kept = [c for c in experiment.changes if not str(c.new).startswith("stop")]
        changes["changes"] = tuple(kept)
    storage = options.storage_path or options.local_dir or options.upload_dir
    given = {
        "storage_path": storage,
        "name": options.experiment_name,
        "num_samples": options.num_samples,
        "checkpoint_frequency": options.checkpoint_freq,
        "checkpoint_at_end": options.checkpoint_at_end,
        "num_to_keep": options.keep_checkpoints_num,
    }
    changes |= {key: value for key, value in given.items() if value is not None}
    if options.seeds is not None:
        changes["seeds"] = tuple(parse_seeds(options.seeds))
        changes["config"] = {k: v for k, v in experiment.config.items() if k != "seed"}
    if options.scheduler != "FIFO" or options.scheduler_config != "{}":
        settings = parse_mapping(options.scheduler_config, what="--scheduler-config")
        for key in ("metric", "mode"):
            if key in settings:
                changes[key] = settings.pop(key)
        changes["scheduler"] = retired_scheduler(options.scheduler, settings)
    if options.checkpoint_score_attr is not None:
        attribute = score_today(options.checkpoint_score_attr)
        changes["score_attribute"] = attribute.removeprefix("min-")
        changes["score_order"] = "min" if attribute.startswith("min-") else "max"
    later = [text for text in options.set_ or [] if text not in experiment.assigned]
    overridden = apply_overrides(replace(experiment, **changes), later)
    return with_todays_env(overridden)


def option_notes(options: LaunchOptions) -> list[str]:
    """What the user should know about retired spellings that still work."""
    found = []
    if options.framework in ("tf", "tf2"):
        found.append(f"--framework {options.framework}: runs as torch")
    for name in ("local_dir", "upload_dir"):
        if getattr(options, name) is not None:
            found.append(f"--{name.replace('_', '-')} means --storage-path now")
    return found


def _refuse_retired(options: LaunchOptions) -> None:
    for name, reason in REFUSED.items():
        if getattr(options, name):
            raise RequestError(problem=reason)
    if options.framework is not None and options.framework not in FRAMEWORKS:
        raise RequestError(
            key="--framework",
            problem=f"{options.framework!r} is unknown; torch is the one there is",
        )


def _require_different_names(experiments: list[Experiment]) -> None:
    names = [experiment.name for experiment in experiments]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RequestError(
            problem=f"{len(names)} experiments, but the name {twice[0]!r} occurs more than once"
        )
