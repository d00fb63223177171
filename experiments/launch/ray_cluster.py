"""Starting Ray or joining a cluster, and checking that a trial fits."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.object_storage import upload
from rllib_zoo.experiments.console import note, show_stage, waiting_lines
from rllib_zoo.experiments.errors import CommandError, RequestError, first_line
from rllib_zoo.experiments.interrupts import CommandInterrupt, uninterrupted
from rllib_zoo.experiments.launch import ray_folder
from rllib_zoo.experiments.launch.ray_folder import (
    own_process_group,
    remove,
    set_password,
    temporary_folder,
)
from rllib_zoo.experiments.launch.ray_monitor import RayMonitor
from rllib_zoo.experiments.launch.validation import Validation
from rllib_zoo.experiments.options import LaunchOptions, cluster_address
from rllib_zoo.experiments.tune.ray_internals import loopback_only, ray_servers
from rllib_zoo.experiments.tune.settings import set_up_tune
from rllib_zoo.experiments.validation.resources import check_resources, first_without_room

# Options of a Ray that this process starts, with their minimum; of memory Ray's own.
MINIMUMS = {
    "ray_num_cpus": 1, "ray_num_gpus": 0, "ray_num_nodes": 1,
    "ray_object_store_memory": 75 * 2**20,
}  # fmt: skip


def address_of(options: LaunchOptions) -> str | None:
    """The cluster to join; None where Ray is started."""
    return cluster_address(options.ray_address)


def is_cluster(options: LaunchOptions) -> bool:
    """Whether several machines (or emulated ones) will train."""
    return address_of(options) is not None or options.ray_num_nodes is not None


def available_cpus(options: LaunchOptions) -> float | None:
    """CPUs that Ray will have; None where a cluster decides."""
    if is_cluster(options):
        return None
    return float(options.ray_num_cpus or len(os.sched_getaffinity(0)))


def available(options: LaunchOptions) -> tuple[float | None, float | None]:
    """CPUs and GPUs that Ray will have; None where a cluster decides."""
    gpus = options.ray_num_gpus
    if gpus is None and not is_cluster(options):
        import torch

        gpus = torch.cuda.device_count()
    return available_cpus(options), None if gpus is None else float(gpus)


def check_options(options: LaunchOptions) -> None:
    """Check the options about Ray.

    Raises:
        RequestError: a number is below its minimum, conflicts with --ray-address, or the address is
            that of Ray's remote client.
    """
    address = address_of(options)
    for name, minimum in MINIMUMS.items():
        option, value = f"--{name.replace('_', '-')}", getattr(options, name)
        if value is not None and value < minimum:
            raise RequestError(f"must be at least {minimum}, got {value}", key=option)
        if value is not None and address is not None:
            raise RequestError("a running cluster has its own", key=f"{option} with --ray-address")
    if address is not None and address.startswith("ray://"):
        raise RequestError(
            "ray:// is Ray's remote client",
            key="--ray-address",
            hint="run the command on a machine of the cluster, with --ray-address auto",
        )


CONNECT_SECONDS = 10.0


@dataclass
class RaySession:
    """A running Ray.

    Attributes:
        folder: of Ray's own files; None where it is Ray's choice.
        monitor: of its servers.
    """

    folder: Path | None
    monitor: RayMonitor


# The one that runs.
_session: RaySession | None = None


@contextmanager
def running_ray(options: LaunchOptions, *, temporary: bool = False) -> Iterator[RaySession]:
    """Start Ray or join a cluster; shut down or leave it afterwards.

    Args:
        options: of the command.
        temporary: remove the files of a started Ray even if ``RAY_TMPDIR`` is set, whose files are kept.

    Raises:
        RequestError: the cluster cannot be joined.
        CommandError: Ray cannot be started.
    """
    import ray

    own = address_of(options) is None
    folder = temporary_folder() if own and (temporary or "RAY_TMPDIR" not in os.environ) else None
    global _session
    cluster, before, monitor = None, ray.is_initialized(), None
    try:
        starts = "starting Ray" if own else f"joining Ray at {address_of(options)}"
        show_stage(starts)
        with waiting_lines(starts):
            cluster = _start(options, folder)
        joined = None if own else ray.get_runtime_context().gcs_address
        monitor = RayMonitor(ray_servers(cluster), partial(_remove_if_any, folder), joined)
        monitor.start()
        _session = RaySession(folder, monitor)
        yield _session
    finally:
        _session = None
        with uninterrupted():
            if monitor is not None:
                monitor.end()
            if not before:  # the caller started it
                ray.shutdown(wait_for_processes=True)
            if cluster is not None:
                cluster.shutdown()
            if monitor is not None:
                monitor.stop()
            _remove_if_any(folder)


def keep_logs(experiment: Path) -> None:
    """Keep Ray's logs in the folder of an experiment that failed, and print where; not a cluster's."""
    folder = None if _session is None else _session.folder
    if folder is not None and (kept := ray_folder.keep_logs(folder, experiment)):
        upload(kept)
        note(f"Ray's logs are kept in {kept}")


def _remove_if_any(folder: Path | None) -> None:
    if folder is not None:
        remove(folder)


def _home_stores_password() -> bool:
    """Whether Ray can read its password from the home folder, or write it there."""
    file = Path(os.path.expanduser("~/.ray/auth_token"))
    nearest = next((path for path in (file, *file.parents) if path.exists()), file)
    if nearest == file:
        return os.access(file, os.R_OK)
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def _start(options: LaunchOptions, folder: Path | None) -> Any:
    """Start Ray, or join a cluster; returns the emulated cluster, if requested."""
    import ray

    verbose = options.log_info or options.log_debug
    set_up_tune(verbose=verbose)
    level = logging.DEBUG if options.log_debug else logging.INFO if verbose else logging.ERROR
    common: dict[str, Any] = {
        "logging_level": level,
        "log_to_driver": verbose,
        "include_dashboard": options.ray_ui,
    }
    if address_of(options) is None:
        common |= for_paths_with_spaces()
    if options.ray_num_nodes is not None:
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        with starting():
            for number in range(options.ray_num_nodes):
                # The first is the head; the others on this machine share its folder.
                own = {"temp_dir": str(folder)} if folder is not None and number == 0 else {}
                cluster.add_node(num_cpus=options.ray_num_cpus or 1, **own)
            ray.init(address=cluster.address, **common)
        return cluster
    if (address := address_of(options)) is not None:
        _join(address, common)
        return None
    if not _home_stores_password():
        set_password()
    with starting():
        ray.init(
            address="local",  # Ray would join a cluster that already runs on this machine
            num_cpus=options.ray_num_cpus,
            num_gpus=options.ray_num_gpus,
            object_store_memory=options.ray_object_store_memory,
            _node_ip_address="127.0.0.1",
            _temp_dir=None if folder is None else str(folder),
            **common,
        )
    return None


@contextmanager
def starting() -> Iterator[None]:
    """While a Ray of our own starts.

    Raises:
        CommandError: it does not start.
        CommandInterrupt: SIGTERM, for which Ray sets a handler of its own.
    """
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with loopback_only(), own_process_group(), _without_spare_workers():
            yield
    except SystemExit:
        raise CommandInterrupt(signal.SIGTERM) from None
    except Exception as error:
        hint = "with RAY_TMPDIR=FOLDER, a short path, its logs are kept there"
        raise CommandError(f"Ray did not start: {first_line(error)}; {hint}") from error
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _without_spare_workers() -> Iterator[None]:
    """Let a Ray that starts meanwhile start no processes in advance, unless the user's environment does.

    It starts one per CPU, of which Tune's trials, which have a runtime environment, can use none.
    """
    names = ("RAY_enable_worker_prestart", "RAY_prestart_worker_first_driver")
    added = [name for name in names if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "0"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def for_paths_with_spaces() -> dict[str, Any]:
    """Options of ``ray.init`` for an interpreter whose path contains spaces.

    With a runtime environment, as in Tune's trials, Ray starts it through a shell without quoting.
    """
    quoted = shlex.quote(sys.executable)
    return {} if quoted == sys.executable else {"runtime_env": {"py_executable": quoted}}


# Without a default route Ray takes 127.0.0.1 for the head's address, and no other machine can join.
START_HINT = "start the cluster with `ray start --head --port 6379 --node-ip-address ADDRESS`"


def _join(address: str, common: dict[str, Any]) -> None:
    import ray
    from ray.exceptions import AuthenticationError

    del common["include_dashboard"]  # the cluster has its own
    _require_server(address)
    try:
        ray.init(address=address, **common)
    except (ConnectionError, RuntimeError, ValueError, AuthenticationError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        raise RequestError(
            f"{address!r} cannot be joined: {reason}",
            key="--ray-address",
            hint=START_HINT,
        ) from None


def _require_server(address: str) -> None:
    """Check that a server listens at the address: Ray would retry for minutes.

    Raises:
        RequestError: the connection fails.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return  # such as `auto`
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise RequestError(
            f"cannot connect to {address}: {error}",
            key="--ray-address",
            hint=START_HINT,
        ) from None


def check_cluster(validation: Validation) -> None:
    """Check that the joined cluster can hold a trial: Tune would wait forever.

    Counts the resources of all current machines, busy or not; not those an autoscaler would add.

    Raises:
        RequestError: too few CPUs or GPUs in total, or no machine has enough for one process.
    """
    import ray

    total = ray.cluster_resources()
    experiment = validation.experiment
    try:
        cpus, gpus = total.get("CPU", 0.0), total.get("GPU", 0.0)
        check_resources(validation.demands, experiment.algorithm, cpus, gpus)
    except RequestError as error:
        raise error.located(experiment.source) from None
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    bundle = first_without_room(validation.requests[0].bundles, nodes)
    if bundle is not None:
        requested = ", ".join(f"{name} {amount:g}" for name, amount in bundle.items() if amount)
        raise RequestError(
            f"a process of the trial requests {requested}; none of the cluster's {len(nodes)} machines "
            "has that much left",
            key="config.num_env_runners",
            file=experiment.source,
            hint="fewer runners, smaller num_cpus_per_env_runner, or more machines",
        )
