"""`rllib reproduce`: run a recorded experiment again and compare the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.diff.bitwise import Check, bit_by_bit, is_copy, pairs
from rllib_zoo.analysis.diff.seed_spread import by_spread, groups
from rllib_zoo.analysis.files.object_storage import download, exists, require_reachable, shown
from rllib_zoo.analysis.files.record import Trial
from rllib_zoo.analysis.readers.registry import find_trials
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.launch import launch
from rllib_zoo.experiments.launch.ray_cluster import check_options
from rllib_zoo.experiments.launch.resume import folder_of
from rllib_zoo.experiments.launch.summary import STOPPED_EARLY
from rllib_zoo.experiments.launch.validation import validation_of
from rllib_zoo.experiments.options import LaunchOptions, ReproduceOptions
from rllib_zoo.experiments.paths import DEFAULT_STORAGE
from rllib_zoo.experiments.provenance.manifest import MANIFEST_NAME, read_manifest
from rllib_zoo.experiments.reproduce.determinism import differences, ends_by_time, reasons_against
from rllib_zoo.experiments.reproduce.recorded_run import (
    RecordedRun,
    open_recorded_run,
    restored_from,
)
from rllib_zoo.experiments.spec.experiment import Experiment

DONE, FAILED = 0, 1
OTHER_NAME = "set another --experiment-name"


def reproduce(path: Path, options: ReproduceOptions) -> int:
    """Run it again below the storage path, unless that is already done; with ``verify`` compare.

    Returns:
        0: done, and reproduced if verified; 1: a trial failed or differs; 130: interrupted.

    Raises:
        RequestError: no such run, or it cannot run here.
    """
    download(path)
    original = open_recorded_run(path)
    experiment = replace(
        original.experiment,
        storage_path=options.storage_path or DEFAULT_STORAGE,
        name=options.experiment_name or original.experiment.name,
    )
    if options.verify and not original.trials:
        raise RequestError("contains no trial to compare with", file=original.file.parent)
    folder = folder_of(experiment)
    require_reachable(folder)
    if exists(folder):
        download(folder)
    _check_folder(folder, original)
    launch_options = LaunchOptions(
        storage_path=experiment.storage_path,
        restore=restored_from(original.manifest),
        dry_run=options.dry_run,
        force=options.force,
        resume=options.resume,
        trust_checkpoint=options.trust_checkpoint,
        ray_num_cpus=options.ray_num_cpus,
    )
    check_options(launch_options)
    done = options.verify and read_manifest(folder).get("status") == "done"
    if done:
        _check_repetition(folder, original)
        print(f"{shown(folder)} is complete: compared without running again")
    else:
        _print_differences(original, current_manifest(experiment, options))
        code = launch([experiment], launch_options)
        if code not in (DONE, FAILED) or options.dry_run or not options.verify:
            return code
        download(folder)
    return verify(original, folder)


def current_manifest(experiment: Experiment, options: ReproduceOptions) -> dict[str, Any]:
    """The manifest of the experiment if it ran now.

    Raises:
        RequestError: its algorithm or environment does not exist here.
    """
    return validation_of(experiment, LaunchOptions(ray_num_cpus=options.ray_num_cpus)).manifest


def verify(original: RecordedRun, folder: Path) -> int:
    """Compare every trial with its repetition, print the comparisons and the verdict."""
    manifest = read_manifest(folder)
    reasons = reasons_against(original.manifest, manifest)
    timed = ends_by_time(original.manifest) or ends_by_time(manifest)
    repeated = list(pairs(original.trials, list(find_trials([folder]))))
    if any(second is not None and is_copy(first, second) for first, second in repeated):
        print(
            f"verdict: NOT reproduced: {shown(folder)} has the original's clocks: it is a copy of it"
        )
        return FAILED
    checks = [_compare(first, second, timed) for first, second in repeated]
    for (first, _), check in zip(repeated, checks, strict=True):
        seed = first.config.get("seed")
        print(f"{first.path.name if seed is None else f'seed {seed}'}: {check.text}")
    if all(check.same for check in checks):
        print("verdict: reproduced, bit by bit")
        return DONE
    if not reasons:
        print("verdict: NOT reproduced: equality bit by bit was guaranteed (rule: bit by bit)")
        return FAILED
    print(f"equality bit by bit was not guaranteed: {'; '.join(reasons)}")
    spreads = _compare_spreads(original, repeated)
    for check in spreads:
        print(f"{'in' if check.same else 'OUTSIDE'} the interval: {check.text}")
    complete = all(second is not None and _is_complete(second, timed) for _, second in repeated)
    same = complete and all(check.same for check in spreads)
    remark = "" if complete else " (a trial is missing or incomplete)"
    print(f"verdict: {'reproduced' if same else 'NOT reproduced'}{remark} (rule: interval)")
    return DONE if same else FAILED


def _compare_spreads(
    original: RecordedRun, repeated: Sequence[tuple[Trial, Trial | None]]
) -> list[Check]:
    """Compare each configuration's repetitions with the spread of all its original seeds."""
    siblings, again = groups(original.siblings), {first.path: second for first, second in repeated}
    return [
        by_spread(siblings[name], [new for trial in trials if (new := again.get(trial.path))])
        for name, trials in groups(original.trials).items()
    ]


def _compare(first: Trial, second: Trial | None, timed: bool) -> Check:
    if second is None:
        return Check(False, "missing in the reproduction")
    check = bit_by_bit(first, second, prefix=timed or first.status != "done")
    if not _is_complete(second, timed):
        return Check(False, f"{second.status}; {check.text}")
    return check


def _is_complete(trial: Trial, timed: bool) -> bool:
    """Whether a trial reached its stop criterion, or its time limit."""
    return trial.status == "done" or (timed and trial.status == STOPPED_EARLY)


def _print_differences(original: RecordedRun, manifest: Mapping[str, Any]) -> None:
    for line in differences(original.manifest, manifest):
        print(f"differs: {line}")
    reasons = reasons_against(original.manifest, manifest)
    if not reasons:
        print("guaranteed: the same learning curves, bit by bit")
        if ends_by_time(original.manifest):
            print("for their common iterations: they end by time")
        return
    print("not guaranteed: the same learning curves bit by bit, because")
    for reason in reasons:
        print(f"  {reason}")


def _check_folder(folder: Path, original: RecordedRun) -> None:
    """Check that a new folder is not the original's or a parent, which ``--force`` would rename."""
    current, new = original.file.parent.resolve(), folder.resolve()
    if new == current or new in current.parents:
        problem = "is the folder of the original run, or a parent of it"
        raise RequestError(problem, file=folder, hint=OTHER_NAME)


def _check_repetition(folder: Path, original: RecordedRun) -> None:
    """Check that a complete folder of that name is a repetition of the original run."""
    manifest = read_manifest(folder)
    expected = {
        "algorithm": original.experiment.algorithm,
        "env": str(original.experiment.env),
        "stop": dict(original.experiment.stop),
        "config_given": dict(original.experiment.config),
    }
    for key, value in expected.items():
        if manifest.get(key) != value:
            problem = f"differs from {original.file}: the folder contains another run"
            raise RequestError(problem, file=folder / MANIFEST_NAME, key=key, hint=OTHER_NAME)
