"""`rllib reproduce`: run again what a manifest describes, and say whether it is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.compare.bitwise import Check, bit_by_bit, pairs
from rllib_zoo.analysis.compare.seed_spread import by_spread, groups
from rllib_zoo.analysis.files.trials import TrialFolder, find_trials
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.launch import DONE, launch
from rllib_zoo.experiments.launch.ray_cluster import available, check_options
from rllib_zoo.experiments.launch.resume import DEFAULT_STORAGE, folder_of
from rllib_zoo.experiments.launch.summary import STOPPED_EARLY
from rllib_zoo.experiments.options import LaunchOptions, ReproduceOptions
from rllib_zoo.experiments.provenance.manifest import MANIFEST_NAME, build_manifest, read_manifest
from rllib_zoo.experiments.reproduce.determinism import differences, ends_by_time, reasons_against
from rllib_zoo.experiments.reproduce.recorded_run import Original, open_original, restored_from
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate

FAILED = 1


def reproduce(path: Path, options: ReproduceOptions) -> int:
    """Run it again below the storage path, unless that is done; with ``verify`` compare.

    Returns:
        0: done, and the same where that was asked for; 1: a trial failed or differs; 130: interrupted.

    Raises:
        RequestError: nothing to reproduce, or it cannot run here.
    """
    original = open_original(path)
    experiment = replace(
        original.experiment,
        storage_path=options.storage_path or DEFAULT_STORAGE,
        name=options.experiment_name or original.experiment.name,
    )
    if options.verify and not original.trials:
        raise RequestError("holds no trial to compare with", file=original.file.parent)
    folder = folder_of(experiment)
    _require_apart(folder, original)
    check_options(_launch_options(original, experiment, options))
    done = options.verify and read_manifest(folder).get("status") == "done"
    if done:
        _require_repetition(folder, original)
        print(f"{folder} is done: compared without running again")
    else:
        _say_what_differs(original, todays_manifest(experiment, options))
        code = launch([experiment], _launch_options(original, experiment, options))
        if code not in (DONE, FAILED) or options.dry_run or not options.verify:
            return code
    return verify(original, folder)


def todays_manifest(experiment: Experiment, options: ReproduceOptions) -> dict[str, Any]:
    """What the manifest would say of the experiment if it ran now.

    Raises:
        RequestError: it cannot run here: its algorithm or environment is gone.
    """
    cpus, gpus = available(LaunchOptions(ray_num_cpus=options.ray_num_cpus))
    validated = validate(experiment, cpus=cpus, gpus=gpus, fit=True)
    return build_manifest(
        experiment=validated.experiment,
        resolved=validated.config,
        exact_resume=validated.exact_resume,
        reserved_cpus=validated.demand.cpus,
        notes=[],
    )


def verify(original: Original, folder: Path) -> int:
    """Compare every trial with the one that repeats it, print each, and the verdict."""
    manifest, again = read_manifest(folder), list(find_trials([folder]))
    reasons = reasons_against(original.manifest, manifest)
    repeated = list(pairs(original.trials, again))
    checks = [_checked(first, second, original, manifest) for first, second in repeated]
    for (first, _), check in zip(repeated, checks, strict=True):
        print(f"seed {first.config.get('seed')}: {check.text}")
    if all(check.same for check in checks):
        print("verdict: reproduced, bit by bit")
        return DONE
    if not reasons:
        print("verdict: NOT reproduced: equality bit by bit was promised (rule: bit by bit)")
        return FAILED
    print(f"equality bit by bit was not promised: {'; '.join(reasons)}")
    judged = [_judged(original, again, repeated, name) for name in groups(original.trials)]
    for check in judged:
        print(f"{'in' if check.same else 'OUTSIDE'} the interval: {check.text}")
    timed = ends_by_time(original.manifest) or ends_by_time(manifest)
    complete = all(second is not None and _ended(second, timed) for _, second in repeated)
    same = complete and all(check.same for check in judged)
    gone = "" if complete else " (a trial is missing or did not end)"
    print(f"verdict: {'reproduced' if same else 'NOT reproduced'}{gone} (rule: interval)")
    return DONE if same else FAILED


def _judged(
    original: Original,
    again: list[TrialFolder],
    repeated: list[tuple[TrialFolder, TrialFolder | None]],
    name: str,
) -> Check:
    """One configuration's repetitions by the spread of all its original seeds."""
    of_group = groups(original.trials)[name]
    members = {trial.path for trial in of_group}
    new = [second for first, second in repeated if second is not None and first.path in members]
    return by_spread(groups(original.siblings)[name], new)


def _checked(
    first: TrialFolder,
    second: TrialFolder | None,
    original: Original,
    manifest: Mapping[str, Any],
) -> Check:
    if second is None:
        return Check(False, "missing in the reproduction")
    timed = ends_by_time(original.manifest) or ends_by_time(manifest)
    check = bit_by_bit(first, second, prefix=timed or first.status != "done")
    if not _ended(second, timed):
        return Check(False, f"{second.status}; {check.text}")
    return check


def _ended(trial: TrialFolder, timed: bool) -> bool:
    """Whether a trial went as far as it should; a clock may have been there before the stop rule."""
    return trial.status == "done" or (timed and trial.status == STOPPED_EARLY)


def _say_what_differs(original: Original, today: Mapping[str, Any]) -> None:
    for line in differences(original.manifest, today):
        print(f"differs: {line}")
    reasons = reasons_against(original.manifest, today)
    if not reasons:
        print("promised: the same learning curves, bit by bit")
        if ends_by_time(original.manifest):
            print("as far as both go: a clock ends them")
        return
    print("not promised: the same learning curves bit by bit, because")
    for reason in reasons:
        print(f"  {reason}")


def _require_apart(folder: Path, original: Original) -> None:
    """Refuse a folder that is the original's own, or around it: ``--force`` would move it aside.

    Raises:
        RequestError: names it.
    """
    own, wanted = original.file.parent.resolve(), folder.resolve()
    if wanted == own or wanted in own.parents:
        raise RequestError(
            "is the run that is to be reproduced, or around it",
            file=folder,
            hint="--experiment-name takes another name",
        )


def _require_repetition(folder: Path, original: Original) -> None:
    """Refuse a finished folder of that name which repeats something else.

    Raises:
        RequestError: names the first thing that differs.
    """
    manifest = read_manifest(folder)
    wanted = {
        "algorithm": original.experiment.algorithm,
        "env": str(original.experiment.env),
        "stop": dict(original.experiment.stop),
        "config_given": dict(original.experiment.config),
    }
    for key, value in wanted.items():
        if manifest.get(key) != value:
            raise RequestError(
                f"is not that of {original.file}: another run of this name is done",
                file=folder / MANIFEST_NAME,
                key=key,
                hint="--experiment-name takes another name",
            )


def _launch_options(
    original: Original, experiment: Experiment, options: ReproduceOptions
) -> LaunchOptions:
    return LaunchOptions(
        storage_path=experiment.storage_path,
        restore=restored_from(original.manifest),
        dry_run=options.dry_run,
        force=options.force,
        resume=options.resume,
        trust_checkpoint=options.trust_checkpoint,
        ray_num_cpus=options.ray_num_cpus,
    )
