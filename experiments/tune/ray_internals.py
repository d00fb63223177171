"""Every private name of Ray that this package uses; ``test_ray_internals.py`` checks that they exist.

Not listed here because they are inherited: the attributes of Tune's two file loggers, see
:mod:`rllib_zoo.experiments.tune.loggers`.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult as TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune.search.variant_generator import parse_spec_vars

from rllib_zoo.algorithms.base.result_names import lookup, valid_number

__all__ = ["StorageContext", "TrainingResult"]

# Environment variable: Tune leaves the handler of Ctrl-C alone.
DISABLE_SIGINT_HANDLER = "TUNE_DISABLE_SIGINT_HANDLER"
# Tune installs the handler it uses for Ctrl-C for this signal as well, and leaves it installed.
INTERRUPT_TUNE = signal.SIGUSR1

# Processes without which a run cannot go on; names in ``Node.all_processes``.
SERVERS = ("gcs_server", "raylet")


@contextmanager
def loopback_only() -> Iterator[None]:
    """Let a Ray that starts meanwhile listen on loopback only, unless the user's environment decides.

    Otherwise its processes listen on every interface, regardless of the address given to ``ray.init``.
    Ray reads the variable when it is imported; the processes that it starts read it again.
    """
    name, before = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    if name in os.environ:
        yield
        return
    os.environ[name], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        del os.environ[name]
        ray_constants.ENABLE_RAY_CLUSTER = before


def ray_servers(cluster: Any = None) -> dict[str, subprocess.Popen[bytes]]:
    """Name → process of the Ray servers that this process started; of an emulated cluster its head's."""
    node = ray._private.worker._global_node if cluster is None else cluster.head_node
    return {
        name: node.all_processes[name][0].process for name in SERVERS if name in node.all_processes
    }


def trials_of(results: Any) -> list[Any]:
    """Tune's trials of a ResultGrid, which has no public access to their status."""
    return list(results._experiment_analysis.trials)


def save_experiment(tune_controller: Any) -> None:
    """Save Tune's experiment state now rather than at its next interval."""
    tune_controller.checkpoint(force=True, wait=True)


def forget_resolved_calls(tune_controller: Any) -> None:
    """Let Ray free the answers of a trial's earlier calls, each with a result.

    Ray's actor manager keeps the reference of every call, and so its answer, until the actor ends.
    """
    manager = tune_controller._actor_manager
    pending = manager._actor_task_events.get_futures()
    for futures in manager._tracked_actors_to_task_futures.values():
        futures &= pending


def kill_unresponsive(tune_controller: Any, after_s: float) -> None:
    """Kill the processes of trials that run or are being built; Tune would wait 10 s for them at its end.

    Args:
        tune_controller: Tune's.
        after_s: seconds in which Tune ends, so that a death is no failure of the trial.
    """
    live = tune_controller._actor_manager._live_actors_to_ray_actors_resources
    actors = [
        live[tracked][0]
        for tracked, trial in tune_controller._actor_to_trial.items()
        if trial.status in ("RUNNING", "PENDING") and tracked in live
    ]

    def kill() -> None:
        for actor in actors:
            with suppress(Exception):  # Ray may have ended
                ray.kill(actor)

    timer = threading.Timer(after_s, kill)
    timer.daemon = True
    timer.start()


def staging_folder(trial: Any) -> Path:
    """Folder whose files Tune copies to the experiment's folder with its state, and back on resume.

    Files written directly into the experiment's folder would be overwritten after a resume.
    """
    folder = Path(trial.storage.experiment_driver_staging_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def registered_checkpoints(trial: Any) -> dict[str, TrainingResult]:
    """Folder name → entry of every checkpoint that Tune has registered for a trial."""
    manager = trial.run_metadata.checkpoint_manager
    results = [*manager.best_checkpoint_results, manager.latest_checkpoint_result]
    return {Path(result.checkpoint.path).name: result for result in results if result is not None}


class CheckpointsByScore(_CheckpointManager):
    """Tune's list of a trial's checkpoints, ranked by results with nested names, too.

    Tune's own ignores a ``checkpoint_score_attribute`` such as
    ``env_runners/episode_return_mean``, keeps the newest checkpoints instead, and so deletes the
    best. Checkpoints whose result lacks it rank lowest.
    """

    def register_checkpoint(self, checkpoint_result: TrainingResult) -> None:
        """As Tune's."""
        name, metrics = self.checkpoint_config.checkpoint_score_attribute, checkpoint_result.metrics
        if name is not None:
            value = valid_number(lookup(metrics, name))
            metrics = {**metrics, name: math.nan if value is None else value}
            checkpoint_result = TrainingResult(checkpoint_result.checkpoint, metrics)
        super().register_checkpoint(checkpoint_result)


def rank_checkpoints(trial: Any) -> None:
    """Let a trial rank its checkpoints by :class:`CheckpointsByScore`."""
    trial.run_metadata.checkpoint_manager.__class__ = CheckpointsByScore


def last_value(trial: Any, result: str) -> float | None:
    """The last number that a trial reported under a name, nested ones joined by "/"; None without one."""
    value: float | None = valid_number(trial.metric_analysis.get(result, {}).get("last"))
    return value


def register_checkpoints(trial: Any, results: Sequence[TrainingResult]) -> None:
    """Replace a trial's registered checkpoints, oldest first; Tune deletes those beyond num_to_keep."""
    metadata = trial.run_metadata
    manager = type(metadata.checkpoint_manager)(metadata.checkpoint_manager.checkpoint_config)
    for result in results:
        manager.register_checkpoint(result)
    metadata.checkpoint_manager = manager
    newest = Path(results[-1].checkpoint.path).name.removeprefix("checkpoint_") if results else "-1"
    trial.storage.current_checkpoint_index = int(newest)
    trial.invalidate_json_state()
    metadata.invalidate_cache()


def sampled_paths(space: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Path of every value in a search space that Tune would sample."""
    _, domains, _ = parse_spec_vars(space)
    return [path for path, _ in domains]
