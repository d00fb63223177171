"""Several hosts on one machine: network namespaces, each with an address, a raylet and a /tmp of its own.

`python -m rllib_zoo.benchmarks.reliability.hosts` starts a Ray head and two workers on three hosts, trains
A2C, A3C and PPO with runners on one, two and three of them through `--ray-address`, and writes the
steps per second to `results/faults/hosts.json` and the table of `docs/clusters.md`. Namespaces need
Linux, root and the `ip` command (package iproute2).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import yaml

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.result_json import parse_result
from rllib_zoo.analysis.files.trials import RESULT
from rllib_zoo.analysis.report.tables import markdown
from rllib_zoo.benchmarks.speed.measure import train_file
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.paths import RESULTS, ROOT
from rllib_zoo.experiments.provenance.manifest import machine

# Inside the namespaces only; the machine's own network has no route to it.
NETWORK = "10.231.7"
PORT = 6379
OUT = RESULTS / "faults" / "hosts.json"
PAGE = ROOT / "docs" / "clusters.md"
SECTION = "hosts"
RAY = Path(sys.executable).with_name("ray")
ALGORITHMS = ("A2C", "A3C", "PPO")
RUNNERS_PER_HOST = 2
FRAGMENT = 32
SECONDS = 20.0


def unavailable() -> str | None:
    """Why this machine cannot have network namespaces; None if it can."""
    if shutil.which("ip") is None:
        return "the command ip is missing (package iproute2)"
    name = f"probe{os.getpid()}"
    process = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if process.returncode:
        return f"ip netns add: {process.stderr.strip()}"
    _ip("netns", "del", name)
    return None


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Hosts:
    """Context manager: hosts 0 to number - 1 with the addresses 10.231.7.1 and up, and a switch.

    No host has a default route, as on an isolated cluster network.
    """

    def __init__(self, number: int = 3) -> None:
        self._prefix = f"h{os.getpid()}"
        # Workers join a head only with the mode set: a token file of an earlier local Ray turns it on.
        self._environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid.uuid4().hex}
        self.addresses = [f"{NETWORK}.{1 + host}" for host in range(number)]
        # The hosts share it; /tmp is of each.
        self.folder = Path(tempfile.mkdtemp(prefix="hosts-", dir="/var/tmp"))

    def __enter__(self) -> Hosts:
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self) -> None:
        switch = self._name("switch")
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for host, address in enumerate(self.addresses):
            name = self._name(host)
            _ip("netns", "add", name)
            _ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{host}",
                "netns", switch)  # fmt: skip
            _ip("-n", switch, "link", "set", f"port{host}", "master", "bridge", "up")
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", name, "link", "set", device, "up")

    def _name(self, host: int | str) -> str:
        return f"{self._prefix}-{host}"

    def start(
        self, host: int, command: list[str], token: str | None = None, **settings: Any
    ) -> subprocess.Popen[str]:
        """Start a command on a host, with the host's own /tmp; ``token``: another than the cluster's."""
        own = self.folder / str(host)
        own.mkdir(exist_ok=True)
        # `ip netns exec` gives the command a mount namespace of its own.
        shell = 'mount --bind "$0" /tmp && exec "$@"'
        prefix = ["ip", "netns", "exec", self._name(host), "sh", "-c", shell, str(own)]
        env = {**settings.pop("env", os.environ), **self._environment}
        env["RAY_AUTH_TOKEN"] = token or env["RAY_AUTH_TOKEN"]
        return subprocess.Popen([*prefix, *command], text=True, env=env, **settings)

    def start_ray(self, host: int, cpus: int, **resources: float) -> None:
        """Start Ray on a host, the head on host 0; returns when it runs.

        Raises:
            RuntimeError: it did not start; with its output.
        """
        place = (
            ["--head", "--port", str(PORT), "--include-dashboard", "false"]
            if host == 0
            else ["--address", f"{self.addresses[0]}:{PORT}"]
        )
        command = [str(RAY), "start", *place, "--node-ip-address", self.addresses[host]]
        command += ["--num-cpus", str(cpus), "--resources", json.dumps(resources)]
        command += ["--disable-usage-stats"]
        process = self.start(host, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=180)
        if process.returncode:
            raise RuntimeError(output)

    def processes(self, host: int) -> list[int]:
        """Ids of the processes that run on a host."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self._name(host)], capture_output=True, text=True
        )
        return [int(line) for line in listed.stdout.split()]

    def runs_ray(self, host: int) -> bool:
        """Whether a host's raylet runs."""
        names = (Path("/proc", str(pid), "comm") for pid in self.processes(host))
        return any(name.read_text().startswith("raylet") for name in names if name.exists())

    def power_off(self, host: int) -> None:
        """Kill every process of a host at once."""
        for pid in self.processes(host):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def set_link(self, host: int, state: str) -> None:
        """Cut ("down") or connect ("up") a host's cable at the switch."""
        _ip("-n", self._name("switch"), "link", "set", f"port{host}", state)

    def __exit__(self, *error: object) -> None:
        for host in range(len(self.addresses)):
            self.power_off(host)
        for host in [*range(len(self.addresses)), "switch"]:
            subprocess.run(["ip", "netns", "del", self._name(host)], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def main(argv: list[str] | None = None) -> int:
    """Measure steps per second by hosts; exit code 1 if a training failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="file [results/faults/hosts.json]")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each training [20]")
    options = parser.parse_args(argv)
    if (reason := unavailable()) is not None:
        parser.error(reason)
    rows = [
        measure(algorithm, number, options.seconds)
        for number in (1, 2, 3)
        for algorithm in ALGORITHMS
    ]
    record = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "rows": rows}
    write_json(options.out, record)
    print(table(record))
    if options.out == OUT:
        fill(PAGE, SECTION, table(record))
    return int(any(row["exit_code"] for row in rows))


def measure(algorithm: str, number: int, seconds: float) -> dict[str, Any]:
    """One training with two runners on each of some hosts, as a row."""
    with Hosts(number) as hosts:
        for host in range(number):
            # The head has a CPU more, for the main process.
            hosts.start_ray(
                host, RUNNERS_PER_HOST + (host == 0), **({"head": 1} if host == 0 else {})
            )
        file = hosts.folder / "waiting.yaml"
        file.write_text(yaml.safe_dump({"waiting": experiment(algorithm, number, seconds)}))
        command = [*train_file(file), "--ray-address", f"{hosts.addresses[0]}:{PORT}"]
        run = hosts.start(
            0, [*command, "--storage-path", str(hosts.folder / "results")], cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        output, _ = run.communicate(timeout=600)
        row = {"algorithm": algorithm, "hosts": number, "exit_code": run.returncode}
        if run.returncode:
            print(output, file=sys.stderr)
            return row
        [results] = (hosts.folder / "results").glob(f"*/*/{RESULT}")
        lines = [result for line in results.open("rb") if (result := parse_result(line))]
        return row | speed(lines)


def experiment(algorithm: str, number: int, seconds: float) -> dict[str, Any]:
    """A training of an environment that sleeps 20 ms a step, so that hosts do not share cores."""
    runners = RUNNERS_PER_HOST * number
    config = {
        "num_env_runners": runners, "num_envs_per_env_runner": 1, "placement_strategy": "SPREAD",
        "custom_resources_for_main_process": {"head": 1}, "rollout_fragment_length": FRAGMENT,
        "min_time_s_per_iteration": 1, "min_sample_timesteps_per_iteration": 0,
        "model": {"fcnet_hiddens": [8]},
    }  # fmt: skip
    config |= {} if algorithm == "A3C" else {"train_batch_size": FRAGMENT * runners}
    config |= {"minibatch_size": FRAGMENT, "num_epochs": 1} if algorithm == "PPO" else {}
    env = "envs.waiting.Waiting"
    return {"run": algorithm, "env": env, "stop": {"time_total_s": seconds}, "config": config}


def speed(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Steps per second after the first result, and the staleness of A3C's gradients at the end."""
    first, last = results[0], results[-1]
    steps = last["timesteps_total"] - first["timesteps_total"]
    row = {"steps_per_s": steps / (last["time_total_s"] - first["time_total_s"])}
    learner = last.get("learners", {}).get("default_policy", {})
    if (staleness := learner.get("gradient_staleness_mean")) is not None:
        row["staleness"] = staleness
    return row


def table(record: dict[str, Any]) -> str:
    """The table of `docs/clusters.md`."""
    header = ["algorithm", "hosts", "runners", "steps/s", "staleness in updates"]
    rows = [
        [
            row["algorithm"],
            str(row["hosts"]),
            str(RUNNERS_PER_HOST * row["hosts"]),
            f"{row['steps_per_s']:,.0f}" if "steps_per_s" in row else "failed",
            f"{row['staleness']:.1f}" if "staleness" in row else "–",
        ]
        for row in record["rows"]
    ]
    cpu = record["machine"]
    note = f"Hosts are network namespaces of one machine: {cpu['cpu']}, {cpu['cores']} cores."
    return f"{markdown(header, rows)}\n\n{note} {record['date']}."


if __name__ == "__main__":
    raise SystemExit(main())
