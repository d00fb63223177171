"""One Ray for the whole test session, registration as the command does it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import torch

# Set before Ray is imported: no usage report, quiet workers, none started in advance, as the command does it.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS", "1")
os.environ.setdefault("RAY_enable_worker_prestart", "0")
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")

torch.set_num_threads(1)

# Fixtures of several folders (tests/helpers).
pytest_plugins = ["algorithm_fixtures", "object_store", "result_folders"]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For ``-n auto``: a quarter of the tests' time is waiting for Ray's processes to start and end."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def _own_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the tests make is marked with a key of their own, not with that of who runs them."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(autouse=True)
def _own_signal_handlers() -> Iterator[None]:
    """A command run in this process leaves signals ignored, which processes of later tests would inherit."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in handlers.items():
        assert handler is not None  # set from Python
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A running local Ray with four logical CPUs, shared by every test that needs one."""
    import ray

    from rllib_zoo import algorithms
    from rllib_zoo.experiments.launch.ray_cluster import for_paths_with_spaces
    from rllib_zoo.experiments.launch.ray_folder import temporary_folder

    # Its own, whatever cluster runs on this machine.
    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        _temp_dir=str(temporary_folder()),
        **for_paths_with_spaces(),
    )
    algorithms.register()
    yield
    ray.shutdown()


@pytest.fixture
def no_strict_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command does it: a trial has no score before its first episode has ended."""
    monkeypatch.setenv("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
