"""Starting Ray, or joining a cluster; whether a trial fits there."""

from __future__ import annotations

import atexit
import logging
import os
import shlex
import shutil
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.validation.check import Validated
from rllib_zoo.experiments.validation.resources import first_without_room

# Options that describe a Ray of one's own.
_OF_OWN_RAY = ("ray_num_cpus", "ray_num_gpus", "ray_num_nodes", "ray_object_store_memory")

# Option → its least value: no trial can run on less; of memory Ray's own.
LEAST = {
    "ray_num_cpus": 1,
    "ray_num_gpus": 0,
    "ray_num_nodes": 1,
    "ray_object_store_memory": 75 * 2**20,
}


def address_of(options: LaunchOptions) -> str | None:
    """The cluster to join; None where Ray starts its own, as for Ray's word ``local``."""
    return None if options.ray_address == "local" else options.ray_address


def is_cluster(options: LaunchOptions) -> bool:
    """Whether several machines (or one machine's imitation of them) will train."""
    return address_of(options) is not None or options.ray_num_nodes is not None


def available(options: LaunchOptions) -> tuple[float | None, float | None]:
    """CPUs and GPUs Ray will have; None where a cluster decides."""
    if is_cluster(options):
        return None, None
    import torch

    cpus = options.ray_num_cpus or len(os.sched_getaffinity(0))
    gpus = options.ray_num_gpus if options.ray_num_gpus is not None else torch.cuda.device_count()
    return float(cpus), float(gpus)


def check_options(options: LaunchOptions) -> None:
    """Options about Ray that are out of range or contradict each other.

    Raises:
        RequestError: a number below its least, a Ray of one's own described beside --ray-address, or a
            client's address.
    """
    for name, least in LEAST.items():
        if (value := getattr(options, name, None)) is not None and value < least:
            option = f"--{name.replace('_', '-')}"
            raise RequestError(f"must be at least {least}, got {value}", key=option)
    address = address_of(options)
    if address is None:
        return
    for name in _OF_OWN_RAY:
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise RequestError("a running cluster has its own", key=f"{option} with --ray-address")
    if address.startswith("ray://"):
        raise RequestError(
            "ray:// is Ray's remote client",
            key="--ray-address",
            hint="run the command on a machine of the cluster, with --ray-address auto",
        )


ANSWER_SECONDS = 10.0


@contextmanager
def running_ray(options: LaunchOptions, *, temporary: bool = False) -> Iterator[Path | None]:
    """Ray, started or joined, and left again.

    Args:
        options: what to start or join.
        temporary: keep Ray's own files in a folder that is removed afterwards, given to the
            block; a cluster that is joined has its own.

    Raises:
        RequestError: the cluster cannot be joined.
    """
    import ray

    folder = _temporary_folder() if temporary and address_of(options) is None else None
    cluster, before = None, ray.is_initialized()
    try:
        cluster = _start(options, folder)
        yield folder
    finally:
        if not before:  # what the caller had started is the caller's
            ray.shutdown()
        if cluster is not None:
            cluster.shutdown()
        if folder is not None:
            _remove(folder)


def _temporary_folder() -> Path:
    """A folder for Ray's own files, removed at the latest when this process ends."""
    # Unix sockets have paths of 107 bytes at most: not below a long TMPDIR.
    folder = Path(tempfile.mkdtemp(prefix="rllib-", dir="/tmp"))
    # Registered before Ray's own, and so called after Ray has ended its processes.
    atexit.register(_remove, folder)
    _give_password()
    return folder


def _give_password() -> None:
    """Ray keeps the password of a new cluster in the home folder, unless it is given one."""
    os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)


def _home_keeps_passwords() -> bool:
    """Whether Ray's password is in the home folder, or can be put there."""
    file = Path(os.path.expanduser("~/.ray/auth_token"))
    there = next((path for path in (file, *file.parents) if path.exists()), file)
    if there == file:
        return os.access(file, os.R_OK)
    return there.is_dir() and os.access(there, os.W_OK)


def _start(options: LaunchOptions, folder: Path | None) -> Any:
    """Start Ray, or join a cluster; the emulated cluster where one was asked for."""
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
        for number in range(options.ray_num_nodes):
            # The first is the head, whose folder all others of one machine share.
            own = {"temp_dir": str(folder)} if folder is not None and number == 0 else {}
            cluster.add_node(num_cpus=options.ray_num_cpus or 1, **own)
        ray.init(address=cluster.address, **common)
        return cluster
    if (address := address_of(options)) is not None:
        _join(address, common)
        return None
    if not _home_keeps_passwords():
        _give_password()
    ray.init(
        # Also beside a cluster that somebody started on this machine, which Ray would join.
        address="local",
        num_cpus=options.ray_num_cpus,
        num_gpus=options.ray_num_gpus,
        object_store_memory=options.ray_object_store_memory,
        # What listens on loopback alone follows from the environment, see
        # rllib_zoo.experiments.cli.main.main.
        _node_ip_address="127.0.0.1",
        _temp_dir=None if folder is None else str(folder),
        **common,
    )
    return None


def set_up_tune(*, verbose: bool) -> None:
    """Tune's settings that only a process's environment or Ray's switches can tell it."""
    from ray.util.debug import disable_log_once_globally

    # Before its first episode has ended, a trial has no score; Tune would fail it for that.
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    if verbose:
        return
    # Tune prints its own banner and table otherwise, whatever its `verbose` says.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    # What Ray says once it remembers for good, and with every snapshot of a trial Tune asks it about
    # every series of numbers: 80 KB each, every ten seconds.
    disable_log_once_globally()


def for_paths_with_spaces() -> dict[str, Any]:
    """Options of ``ray.init`` without which an interpreter below a space cannot start Ray's workers.

    Given a runtime environment, as Tune gives trials one, Ray starts the interpreter through a shell
    and puts its path there as it is.
    """
    quoted = shlex.quote(sys.executable)
    return {} if quoted == sys.executable else {"runtime_env": {"py_executable": quoted}}


def _join(address: str, common: dict[str, Any]) -> None:
    import ray

    del common["include_dashboard"]  # the cluster has its own
    _require_answer(address)
    try:
        ray.init(address=address, **common)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        raise RequestError(
            f"{address!r} cannot be joined: {reason}",
            key="--ray-address",
            hint="start the cluster with `ray start --head`",
        ) from None


def _require_answer(address: str) -> None:
    """Refuse a host and port where nobody listens: Ray would ask again for minutes.

    Raises:
        RequestError: as said.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return  # `auto` and its like
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise RequestError(
            f"nobody answers at {address}: {error}",
            key="--ray-address",
            hint="start the cluster with `ray start --head --port 6379`",
        ) from None


def _remove(folder: Path) -> None:
    """Remove Ray's files; its processes may write for a moment after they were told to end."""
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)


def check_cluster(validated: Validated) -> None:
    """Refuse what the joined cluster can never place: Tune would wait for it for ever.

    Counts what the cluster's machines have, busy or not; machines that an autoscaler would add
    later are not there yet.

    Raises:
        RequestError: too few CPUs or GPUs in all, or no machine with room for one process.
    """
    import ray

    there = ray.cluster_resources()
    experiment = validated.experiment
    try:
        validated.check_resources(there.get("CPU", 0.0), there.get("GPU", 0.0))
    except RequestError as error:
        raise error.located(experiment.source) from None
    request = algorithms.algorithm_class(experiment.algorithm).default_resource_request(
        validated.config.to_dict()
    )
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    lacking = first_without_room(request.bundles, nodes)
    if lacking is not None:
        asked = ", ".join(f"{name} {many:g}" for name, many in lacking.items() if many)
        raise RequestError(
            f"a process of the trial asks for {asked}; no machine of the cluster's {len(nodes)} has "
            "room for it beside the others",
            key="config.num_env_runners",
            file=experiment.source,
            hint="fewer runners, smaller num_cpus_per_env_runner, or more machines",
        )
