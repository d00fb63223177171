"""Create experiments from the command's options and files; options override files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rllib_zoo.experiments.config.load import read_with_errors
from rllib_zoo.experiments.config.overrides import (
    apply_overrides,
    merge_into_legacy,
    parse_mapping,
    parse_seeds,
    parse_stop,
)
from rllib_zoo.experiments.errors import Collected, RequestError
from rllib_zoo.experiments.legacy.translate import (
    current_result_name,
    current_score_name,
    has_legacy_keys,
    translate,
    with_canonical_algorithm,
    with_current_env,
)
from rllib_zoo.experiments.options import FileOptions, LaunchOptions, TrainOptions
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.schedulers import legacy_scheduler
from rllib_zoo.experiments.validation.names import check_request

# Options of older releases → why they are not supported.
REFUSED = {
    "trace": "--trace needs TensorFlow 2, which Ray 2.60's RLlib does not support",
    "local_mode": "--local-mode does not exist in Ray 2.60; use --set num_env_runners=0",
}
FRAMEWORKS = ("torch", "tf", "tf2")


def experiments_from_files(files: list[Path], options: FileOptions) -> list[Experiment]:
    """Read the files and apply the options.

    Raises:
        RequestError: an invalid file or option.
    """
    experiments: list[Experiment] = []
    with Collected() as check:
        for file in files:
            with check():
                experiments += read_with_errors(file, options.set_ or [])
        if options.env is not None:
            experiments = [replace(experiment, env=options.env) for experiment in experiments]
        names = [experiment.name for experiment in experiments]
        duplicates = sorted({name for name in names if names.count(name) > 1})
        if duplicates:
            problem = f"several of the {len(names)} experiments are named {duplicates[0]!r}"
            check.errors.append(RequestError(problem))
        if len(names) > 1 and options.experiment_name is not None:
            problem = f"requires a single experiment, but the files describe {len(names)}"
            check.errors.append(RequestError(problem, key="--experiment-name"))
        for i, experiment in enumerate(experiments):
            with check():
                experiments[i] = with_options(experiment, options)
                check_request(experiments[i])
    return experiments


def experiment_from_options(options: TrainOptions) -> Experiment:
    """The experiment of `rllib train` without a file.

    Raises:
        RequestError: algorithm or environment missing, or an invalid option.
    """
    config = parse_mapping(options.config, what="--config")
    env = options.env or config.pop("env", None)
    if options.algo is None:
        raise RequestError("is missing: A2C, A3C, DDPG, DQN, PG or PPO", key="--algo")
    if env is None:
        raise RequestError("is missing, for example --env CartPole-v1", key="--env")
    if options.resources_per_trial is not None:
        problem = "the algorithm requests its resources itself"
        hint = "use --set num_cpus_per_env_runner=… and --set num_gpus_per_learner=…"
        raise RequestError(problem, key="--resources-per-trial", hint=hint)
    stop = parse_stop(options.stop or [])
    entry = {"run": options.algo, "env": env, "config": config, "stop": stop}
    entry = with_canonical_algorithm(entry)
    assigned: tuple[str, ...] = ()
    # A legacy environment id alone does not make a command line a legacy one.
    original = entry
    if legacy := has_legacy_keys(Edits(entry)):
        entry, assigned = merge_into_legacy(entry, options.set_ or [])
    entry, changes = translate(entry, legacy=None if legacy else False, original=original)
    name = f"{options.algo.rsplit('.', 1)[-1].lower()}-{str(env).split('/')[-1].lower()}"
    experiment = Experiment(
        name, entry.pop("run"), **entry, changes=tuple(changes), assigned=assigned
    )
    experiment = with_options(experiment, options)
    check_request(experiment)
    return experiment


def with_options(experiment: Experiment, options: LaunchOptions) -> Experiment:
    """The experiment with the options applied; options that are not set change nothing."""
    _check_legacy_options(options)
    fields: dict[str, Any] = {
        "storage_path": options.storage_path or options.local_dir or options.upload_dir,
        "name": options.experiment_name,
        "num_samples": options.num_samples,
        "checkpoint_frequency": options.checkpoint_freq,
        "checkpoint_at_end": options.checkpoint_at_end,
        "num_to_keep": options.keep_checkpoints_num,
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    if options.stop:
        stop = parse_stop(options.stop)
        fields["stop"] = {current_result_name(key): bound for key, bound in stop.items()}
        # The option replaces the file's stop criteria, so changes to them are not reported.
        kept = [c for c in experiment.changes if not str(c.new).startswith("stop")]
        fields["changes"] = tuple(kept)
    if options.seeds is not None:
        fields["seeds"] = tuple(parse_seeds(options.seeds))
        fields["config"] = {k: v for k, v in experiment.config.items() if k != "seed"}
    if options.scheduler != "FIFO" or options.scheduler_config != "{}":
        settings = parse_mapping(options.scheduler_config, what="--scheduler-config")
        fields |= {key: settings.pop(key) for key in ("metric", "mode") if key in settings}
        fields["scheduler"] = legacy_scheduler(options.scheduler, settings)
    if options.checkpoint_score_attr is not None:
        attribute = current_score_name(options.checkpoint_score_attr)
        fields["score_attribute"] = attribute.removeprefix("min-")
        fields["score_order"] = "min" if attribute.startswith("min-") else "max"
    # The others were translated together with the file.
    assignments = [text for text in options.set_ or [] if text not in experiment.assigned]
    return with_current_env(apply_overrides(replace(experiment, **fields), assignments))


def option_notes(options: LaunchOptions) -> list[str]:
    """Notes on legacy options that are still accepted."""
    notes = []
    if options.framework in ("tf", "tf2"):
        notes.append(f"--framework {options.framework}: runs with torch")
    for name in ("local_dir", "upload_dir"):
        if getattr(options, name) is not None:
            notes.append(f"--{name.replace('_', '-')} is --storage-path")
    return notes


def _check_legacy_options(options: LaunchOptions) -> None:
    """Raises: RequestError: a legacy option or framework that is not supported."""
    for name, problem in REFUSED.items():
        if getattr(options, name):
            raise RequestError(problem)
    if options.framework is not None and options.framework not in FRAMEWORKS:
        problem = f"unknown framework {options.framework!r}; only 'torch' is supported"
        raise RequestError(problem, key="--framework")
