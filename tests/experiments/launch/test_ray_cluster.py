"""Options about Ray that contradict each other, and clusters that are not there."""

from __future__ import annotations

import logging
import socket
import time

import pytest
import ray
from ray.tune.trainable.metadata import _TrainingRunMetadata
from ray.util import debug

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.ray_cluster import (
    _home_stores_password,
    available,
    check_options,
    running_ray,
)
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.tune.settings import set_up_tune


@pytest.mark.parametrize(
    "option", ["ray_num_cpus", "ray_num_gpus", "ray_num_nodes", "ray_object_store_memory"]
)
def test_a_running_cluster_has_its_own_resources(option):
    with pytest.raises(RequestError, match=f"--{option.replace('_', '-')} with --ray-address"):
        check_options(FileOptions(ray_address="auto", **{option: 2**30}))
    check_options(FileOptions(**{option: 2**30}))
    check_options(FileOptions(ray_address="auto"))


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [("cpus", 0, 1), ("cpus", -1, 1), ("gpus", -1, 0), ("nodes", 0, 1), ("nodes", -1, 1)],
)
def test_a_ray_of_nothing_is_refused(option, value, least):
    with pytest.raises(RequestError) as caught:
        check_options(FileOptions(**{f"ray_num_{option}": value}))
    assert str(caught.value) == f"--ray-num-{option}: must be at least {least}, got {value}"
    check_options(FileOptions(**{f"ray_num_{option}": least}))


def test_memory_below_rays_own_least_is_refused():
    with pytest.raises(RequestError, match="--ray-object-store-memory: must be at least 78643200"):
        check_options(FileOptions(ray_object_store_memory=1))


def test_a_clients_address_is_refused_with_the_remedy():
    with pytest.raises(RequestError, match="run the command on a machine of the cluster"):
        check_options(FileOptions(ray_address="ray://head:10001"))


def test_a_cluster_decides_what_is_there():
    assert available(FileOptions(ray_address="auto")) == (None, None)
    assert available(FileOptions(ray_num_nodes=2)) == (None, None)
    assert available(FileOptions(ray_num_cpus=3, ray_num_gpus=1)) == (3.0, 1.0)


@pytest.mark.ray
def test_a_cluster_that_is_not_there_is_one_line_at_once(ray_session):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"  # bound, but nobody listens
        began = time.monotonic()
        with pytest.raises(RequestError) as caught, running_ray(FileOptions(ray_address=address)):
            pytest.fail("joined a cluster that is not there")
    assert str(caught.value).startswith(f"--ray-address: cannot connect to {address}: ")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 30
    assert ray.is_initialized()  # that of the caller, who goes on


def test_a_home_folder_that_keeps_no_password_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert _home_stores_password()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert not _home_stores_password()
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "below"))
    assert not _home_stores_password()


@pytest.mark.parametrize("verbose", [False, True])
def test_snapshots_of_a_long_run_leave_nothing_behind(monkeypatch, verbose):
    monkeypatch.setattr(debug, "_disabled", False)
    monkeypatch.setattr(debug, "_logged", set())
    set_up_tune(verbose=verbose)
    trial = _TrainingRunMetadata()
    for step in range(1, 6):
        trial.update_metric("return", float(step), step=step)
        trial.get_json_state()
    assert bool(debug._logged) == verbose


def test_a_state_that_cannot_be_saved_is_one_line(caplog):
    set_up_tune(verbose=False)
    logger = logging.getLogger("ray.tune.execution.experiment_state")
    logger.propagate, before = True, logger.propagate
    try:
        raise FileNotFoundError("no such folder")
    except FileNotFoundError:
        logger.error("Saving to '%s' failed with exception: ", "here", exc_info=True)
    finally:
        logger.propagate = before
    assert caplog.messages == ["Saving to 'here' failed with exception: no such folder"]
    assert "Traceback" not in caplog.text
