"""A real run below a space, without a home folder: it trains, and listens on loopback alone."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from rllib_zoo.benchmarks.speed.measure import tree
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.studies.catalog import STUDIES

pytestmark = [pytest.mark.ray, pytest.mark.slow]
LISTENING = "0A"
TINY = {
    "run": "A2C",
    "env": "CartPole-v1",
    "stop": {"training_iteration": 3},
    "config": {
        "num_env_runners": 1,
        "num_envs_per_env_runner": 4,
        "train_batch_size": 80,
        "min_sample_timesteps_per_iteration": 2000,
        "model": {"fcnet_hiddens": [8]},
    },
}


def address(text):
    """The address in a line of /proc/net/tcp: hexadecimal, every 32 bits in the machine's order."""
    host = bytes.fromhex(text.partition(":")[0])
    words = [
        host[i : i + 4][:: -1 if sys.byteorder == "little" else 1] for i in range(0, len(host), 4)
    ]
    found = ipaddress.ip_address(b"".join(words))
    return getattr(found, "ipv4_mapped", None) or found


def listening(processes):
    """(name of the process, address) of every TCP socket they listen on."""
    sockets = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENING:
                sockets[words[9]] = address(words[1])
    found = set()
    for process in processes:
        try:
            name = Path(f"/proc/{process}/comm").read_text().strip().partition(".")[0]
            links = [os.readlink(fd) for fd in Path(f"/proc/{process}/fd").iterdir()]
        except OSError:
            continue
        inodes = (re.fullmatch(r"socket:\[(\d+)\]", link) for link in links)
        found |= {(name, sockets[m[1]]) for m in inodes if m and m[1] in sockets}
    return found


@pytest.fixture
def interpreter(tmp_path):
    """A virtual environment at a path with a space, with the packages of this one."""
    folder = tmp_path / "a b" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "same.pth").write_text("\n".join(here) + "\n")
    return folder / "bin" / "python"


def test_a_run_below_a_space_without_a_home_listens_on_loopback_alone(tmp_path, interpreter):
    storage = tmp_path / "a b" / "results"
    file = tmp_path / "a b" / "tiny.yaml"
    file.write_text(yaml.safe_dump({"tiny": TINY}))
    (tmp_path / "file").write_text("")
    # Nothing can be made below such a home folder, by nobody.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path / "file")}
    for name in ("RAY_ADDRESS", "XDG_CONFIG_HOME", "RAY_AUTH_TOKEN"):
        environment.pop(name, None)
    words = ["train", "file", str(file), "--storage-path", str(storage)]
    run = subprocess.Popen(
        [interpreter, "-m", "rllib_zoo.experiments.cli.main", *words],
        cwd=file.parent,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    heard = set()
    deadline = time.monotonic() + 240
    while run.poll() is None and time.monotonic() < deadline:
        heard |= listening([process.pid for process in tree(run.pid)])
        time.sleep(0.2)
    said, _ = run.communicate(timeout=30)
    assert run.returncode == 0, said
    manifest = json.loads((storage / "tiny" / "manifest.json").read_text())
    assert manifest["status"] == "done"
    # Without a home folder there is no key, and the run cannot be told from another's.
    (line,) = [line for line in said.splitlines() if line.startswith("evaluate it: ")]
    assert line.endswith(" --trust-checkpoint")
    names = {name for name, _ in heard}
    # Else the test looked at the wrong processes.
    assert {"gcs_server", "raylet", "ray::A2C", "ray::VectorEnvR"} <= names, names
    elsewhere = {(name, str(host)) for name, host in heard if not host.is_loopback}
    assert not elsewhere
    assert not any("dashboard" in name.lower() for name in names), names


def listens_elsewhere(command, folder, **variables):
    """Run a command; (process, address) of its sockets that are not on loopback, and all its processes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("RAY_ADDRESS", None)
    run = subprocess.Popen(
        [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *map(str, command)],
        cwd=folder,
        env=environment | variables,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    heard = set()
    while run.poll() is None:
        heard |= listening([process.pid for process in tree(run.pid)])
        time.sleep(0.2)
    said, _ = run.communicate(timeout=30)
    assert run.returncode == 0, said
    return {(name, str(host)) for name, host in heard if not host.is_loopback}, {
        n for n, _ in heard
    }


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("options", "variables"),
    [
        ([], {"RAY_ADDRESS": ""}),
        ([], {"RAY_ADDRESS": "local"}),
        (["--ray-address", "local"], {"RAY_ADDRESS": "127.0.0.1:1"}),
        (["--ray-address="], {}),
    ],
    ids=["empty", "variable", "option", "empty option"],
)
def test_every_way_to_a_ray_of_ones_own_listens_on_loopback_alone(tmp_path, options, variables):
    file, storage = tmp_path / "tiny.yaml", tmp_path / "results"
    file.write_text(yaml.safe_dump({"tiny": TINY}))
    command = ["train", "file", file, "--storage-path", storage, *options]
    elsewhere, names = listens_elsewhere(command, tmp_path, **variables)
    assert {"gcs_server", "raylet", "ray::A2C"} <= names, names
    assert not elsewhere


@pytest.mark.timeout(1800)
def test_reproductions_evaluations_and_studies_listen_on_loopback_alone(tmp_path):
    file, storage = tmp_path / "tiny.yaml", tmp_path / "results"
    file.write_text(yaml.safe_dump({"tiny": TINY}))
    listens_elsewhere(["train", "file", file, "--storage-path", storage], tmp_path)
    # Whatever cluster the user's variable names: both start their own Ray, or none.
    variables = {"RAY_ADDRESS": "127.0.0.1:1"}
    command = ["reproduce", storage / "tiny", "--storage-path", storage]
    elsewhere, names = listens_elsewhere(command, tmp_path, **variables)
    assert {"gcs_server", "raylet", "ray::A2C"} <= names, names
    assert not elsewhere
    command = ["evaluate", storage / "tiny", "--episodes", "1"]
    assert listens_elsewhere(command, tmp_path, **variables) == (set(), set())
    command = ["study", "run", "policy_gradient_tips", "--smoke", "--seeds", "0", "--only", "CELL"]
    command[-1] = STUDIES["policy_gradient_tips"].cells[0].name
    command += ["--storage", tmp_path / "studies", "--results", tmp_path / "kept"]
    elsewhere, names = listens_elsewhere(command, tmp_path, RAY_ADDRESS="")
    assert {"gcs_server", "raylet"} <= names, names
    assert not elsewhere


def test_addresses_are_read_as_the_kernel_writes_them():
    if sys.byteorder == "big":
        pytest.skip("the examples are of a little-endian machine")
    assert str(address("0100007F:1F90")) == "127.0.0.1"
    assert str(address("00000000000000000000000000000000:8239")) == "::"
    assert str(address("0000000000000000FFFF00000100007F:83FF")) == "127.0.0.1"
    assert not address("020200C0:96E7").is_loopback
