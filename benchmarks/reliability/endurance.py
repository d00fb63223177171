"""Hours of continuous training: memory, file descriptors, threads and speed of every process.

`python -m rllib_zoo.benchmarks.reliability.endurance --minutes 120` runs `rllib train file` on Pong's
tuned A2C file with two runners, and writes a sample of every process every 10 seconds to
`results/endurance/samples.csv`. At the end, and with `--report-only`, it writes
`results/endurance/report.json` and the table of `docs/reliability.md`. Samples of an earlier run are
renamed.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from rllib_zoo import algorithms
from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.result_json import parse_result
from rllib_zoo.analysis.files.trials import RESULT
from rllib_zoo.benchmarks.reliability.endurance_report import COLUMNS, SECTION, report_of, table
from rllib_zoo.benchmarks.speed.measure import train_file, tree
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.paths import RESULTS, ROOT
from rllib_zoo.experiments.provenance.manifest import machine, package_versions

OUT = RESULTS / "endurance"
PAGE = ROOT / "docs" / "reliability.md"
EVERY_SECONDS = 10.0
# On two cores: the trainer and two runners share them.
SETTINGS = ("num_env_runners=2", "num_cpus_for_main_process=1")
RAY_CPUS = 3
# Read from the end of a result.json: a line repeats the configuration and has some 10,000 characters.
TAIL_BYTES = 200_000
TRAINERS = tuple(f"ray::{name}" for name in algorithms.names())


def main(argv: list[str] | None = None) -> int:
    """Train and sample, or only write the report; returns the training's exit code."""
    options = _parse(argv)
    samples = options.out / "samples.csv"
    code = 0
    if not options.report_only:
        options.out.mkdir(parents=True, exist_ok=True)
        if samples.exists():
            samples.rename(samples.with_name(f"samples.{time.strftime('%Y%m%d-%H%M%S')}.csv"))
        with tempfile.TemporaryDirectory(prefix="endurance-") as storage:
            code = _sampled(_command(options, Path(storage)), Path(storage), samples, options.every)
    report = report_of(samples)
    if not options.report_only:
        about = {
            "file": str(options.file),
            "set": list(options.set or SETTINGS),
            "minutes_asked": options.minutes,
            "date": time.strftime("%Y-%m-%d"),
            "exit_code": code,
            "machine": machine(),
            "packages": package_versions(),
        }
    else:
        about = json.loads((options.out / "report.json").read_text())["about"]
    record = {"about": about, **report}
    write_json(options.out / "report.json", record)
    print(table(record))
    if options.out == OUT:
        fill(PAGE, SECTION, table(record))
    return code


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0, help="of training [120]")
    config = Path("tuned_configs/pong-a2c.yaml")
    parser.add_argument("--file", type=Path, default=config, help="config file [%(default)s]")
    settings = f"as for `rllib train file` [{' '.join(SETTINGS)}]"
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help=settings)
    every = "seconds between samples [10]"
    parser.add_argument("--every", type=float, default=EVERY_SECONDS, help=every)
    parser.add_argument("--out", type=Path, default=OUT, help="folder [results/endurance]")
    parser.add_argument("--report-only", action="store_true", help="from the samples in --out")
    options = parser.parse_args(argv)
    options.out = options.out.absolute()
    return options


def _command(options: argparse.Namespace, storage: Path) -> list[str]:
    command = train_file(options.file)
    for setting in options.set or SETTINGS:
        command += ["--set", setting]
    command += ["--stop", json.dumps({"time_total_s": 60 * options.minutes}), "--seeds", "0"]
    command += ["--ray-num-cpus", str(RAY_CPUS), "--storage-path", str(storage)]
    return [*command, "--experiment-name", "endurance"]


def _sampled(command: list[str], storage: Path, samples: Path, every: float) -> int:
    """Run the command and write samples as they are taken; the command's exit code."""
    began = time.monotonic()
    with samples.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=COLUMNS)
        writer.writeheader()
        run = subprocess.Popen(command, cwd=ROOT)
        try:
            while run.poll() is None:
                sample = {"seconds": f"{time.monotonic() - began:.1f}", **last_result(storage)}
                writer.writerows({**sample, **row} for row in processes_of(run.pid))
                handle.flush()
                # At fixed times, however long a sample took.
                time.sleep(every - (time.monotonic() - began) % every)
        except BaseException:
            run.terminate()
            run.wait(timeout=60)
            raise
    return run.returncode


def processes_of(root: int) -> Iterator[dict[str, Any]]:
    """Role, process id, memory (MiB), file descriptors, threads and CPU time of a run's processes."""
    for process in tree(root):
        try:
            memory = process.memory_full_info()
            yield {
                "role": "command" if process.pid == root else _role(process.name()),
                "pid": process.pid,
                "pss_mib": f"{memory.pss / 2**20:.2f}",
                "private_mib": f"{memory.uss / 2**20:.2f}",
                "anonymous_mib": f"{anonymous(process.pid) / 2**20:.2f}",
                "descriptors": process.num_fds(),
                "threads": process.num_threads(),
                "cpu_seconds": f"{sum(process.cpu_times()[:2]):.2f}",
            }
        except psutil.Error:  # it ended
            continue


def anonymous(pid: int) -> int:
    """Bytes of a process that are in no file.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        raise psutil.NoSuchProcess(pid) from None
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def _role(name: str) -> str:
    """The role of one of Ray's processes, by the name that Ray gives it."""
    if name.startswith(("ray::VectorEnv", "ray::A3CEnvRunner")):
        return "runner"
    if name.startswith(TRAINERS):
        return "trainer"
    return name if name in ("gcs_server", "raylet") else "ray's others"


def last_result(storage: Path) -> dict[str, Any]:
    """Steps, training seconds and iterations so far; empty before the first result."""
    for file in storage.glob(f"*/*/{RESULT}"):
        with file.open("rb") as handle:
            handle.seek(max(file.stat().st_size - TAIL_BYTES, 0))
            lines = handle.read().splitlines()
        for line in reversed(lines):
            result = parse_result(line)
            if result is not None and "time_total_s" in result:
                return {
                    "steps": int(result["num_env_steps_sampled_lifetime"]),
                    "training_seconds": f"{result['time_total_s']:.2f}",
                    "iterations": result["training_iteration"],
                }
    return {}


if __name__ == "__main__":
    raise SystemExit(main())
