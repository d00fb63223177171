"""What the options ask of Ray: one of its own or a cluster, and what it will have."""

from __future__ import annotations

import os

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import LaunchOptions

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
