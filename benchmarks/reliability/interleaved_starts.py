"""Start pairs of commands on one folder at random moments, and check that one of the two gets it.

`python -m rllib_zoo.benchmarks.reliability.interleaved_starts --pairs 1000 --real 50 --out
results/faults/interleaved_starts.json --page docs/reliability.md`

Processes, checks, lock, manifest and summary are the command's own; in the pairs of ``--pairs`` Tune's
Tuner is replaced by one that writes results without training: a thousand trainings would take days.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.trials import MANIFEST, RESULT, read_object
from rllib_zoo.benchmarks.reliability.stand_in_tuner import StandInTuner, interrupted_run
from rllib_zoo.benchmarks.speed.measure import train_file
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.launch import run
from rllib_zoo.experiments.launch.jobs import Job, validate_job
from rllib_zoo.experiments.launch.ownership import require_available
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.provenance import manifest
from rllib_zoo.experiments.provenance.folder_lock import LOCK
from rllib_zoo.experiments.spec.experiment import Experiment

KINDS = (("start", "start"), ("start", "force"), ("resume", "resume"), ("resume", "force"))
ARGUMENTS = {"start": [], "resume": ["--resume"], "force": ["--force"]}
DELAY_S, REAL_DELAY_S = 0.05, 5.0
PATIENCE_S = 300.0
CONFIG = {
    "num_env_runners": 0,
    "seed": 1,
    "train_batch_size": 128,
    "minibatch_size": 64,
    "num_epochs": 1,
}


@dataclass
class Command:
    """One of two commands: what it was started with, and how it ended."""

    kind: str
    number: int
    pid: int
    errors: Path
    code: int | None = None

    @property
    def arguments(self) -> list[str]:
        """After ``rllib``; the number of checkpoints tells the two apart in the manifest."""
        return [
            "train",
            "file",
            "run.yaml",
            "--experiment-name",
            "run",
            "--checkpoint-freq",
            f"{1000 + self.number}",
            *ARGUMENTS[self.kind],
        ]


def run_command(command: Command, job: Job, ended: Path, seed: int) -> int:
    """As the command does after its checks of the request; its exit code."""
    from ray import tune

    draw = random.Random(seed)
    sys.argv = ["rllib", *command.arguments]
    StandInTuner.folder, StandInTuner.draw = job.folder, draw
    StandInTuner.may_end = ended.exists
    tune.Tuner = StandInTuner
    run.trial_rows = lambda _, results, **__: results
    run.trials_of = lambda results: []
    options = FileOptions(
        ray_num_cpus=1, resume=command.kind == "resume", force=command.kind == "force"
    )
    time.sleep(draw.random() * DELAY_S)
    try:
        require_available(job.folder, options)
    except run.RequestError as error:
        run.print_stderr(str(error))
        return 2
    time.sleep(draw.random() * DELAY_S)  # Ray starts
    return run.run_all([job], options)


def measure_once() -> None:
    """Read facts of the machine and the code, which are in every manifest, once for all pairs."""
    for name in ("code_digest", "git_state", "machine", "package_versions"):
        value = getattr(manifest, name)(*({"git_state": (ROOT,)}.get(name, ())))
        setattr(manifest, name, lambda *_, value=value: value)


def fork(command: Command, run: Callable[[Command], int]) -> None:
    """Run a command in a process of its own, with its output in a file."""
    command.pid = os.fork()
    if command.pid:
        return
    code = 70
    try:
        output = os.open(command.errors, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1) for n in (1, 2))
        code = run(command)
    finally:
        os._exit(code)


def stand_in_pair(place: Path, job: Job, kinds: tuple[str, str], seed: int) -> dict[str, Any]:
    """Two commands with the stand-in, and what is wrong in the end."""
    draw = random.Random(seed)
    place.mkdir(parents=True, exist_ok=True)
    folder, ended = place / "run", place / "ended"
    before = "resume" in kinds
    if before:
        interrupted_run(folder, draw)
    experiment = replace(job.experiment, storage_path=str(place))
    job = replace(job, folder=folder, validation=replace(job.validation, experiment=experiment))
    commands = [Command(kind, i, 0, place / f"errors{i}") for i, kind in enumerate(kinds)]
    for command in commands:
        fork(command, lambda c: run_command(c, job, ended, 2 * seed + c.number))
    for _ in commands:
        pid, status = os.wait()
        ended.touch()
        (command,) = (c for c in commands if c.pid == pid)
        command.code = os.waitstatus_to_exitcode(status)
    return outcome(folder, commands, before=before)


def outcome(
    folder: Path, commands: list[Command], *, before: bool = False, real: bool = False
) -> dict[str, Any]:
    """Who won, and what is wrong: empty where one command has the folder to itself."""
    record: dict[str, Any] = {
        "kinds": [c.kind for c in commands],
        "codes": [c.code for c in commands],
    }
    won = 130 if real else 0
    winners = [c for c in commands if c.code == won]
    if sorted(record["codes"]) != sorted((won, 2)):
        errors = [c.errors.read_text()[-500:] for c in commands]
        return {**record, "problems": [f"exit codes {record['codes']}: {errors}"]}
    (winner,), (loser,) = winners, [c for c in commands if c.code == 2]
    problems = []
    if f"is in use by process {winner.pid} on " not in loser.errors.read_text():
        problems.append(f"the refusal does not name the owner: {loser.errors.read_text()}")
    about = read_object(folder / MANIFEST)
    asides = sorted(folder.parent.glob("run.2*"))
    continued = before and not asides
    # A continued experiment keeps the command that began it.
    expected = "earlier" if continued else f"--checkpoint-freq {1000 + winner.number}"
    if about.get("status") != ("interrupted" if real else "done") or expected not in str(
        about.get("command")
    ):
        problems.append(f"manifest: {about.get('status')}, {about.get('command')}")
    if list(folder.glob(f"{LOCK}*")):
        problems.append("a lock was left")
    if asides and (len(asides) > 1 or "force" not in record["kinds"] or not before):
        problems.append(f"moved aside: {[path.name for path in asides]}")
    record |= {"winner": winner.kind, "moved_aside": len(asides)}
    problems += mixed(folder, None if real else winner.pid, [0] if continued else [])
    if asides:
        problems += mixed(asides[0], 0, [0])
    return {**record, "problems": problems}


def mixed(folder: Path, pid: int | None, earlier: list[int]) -> list[str]:
    """Results of a folder that are neither of a process (None: of a single one) nor the earlier ones."""
    trials = list(folder.glob(f"*/{RESULT}"))
    if len(trials) != 1:
        return [f"{len(trials)} trials in {folder.name}"]
    pids = [
        read["pid"] for line in trials[0].read_text().splitlines() if (read := json.loads(line))
    ]
    pid = pids[0] if pid is None else pid
    others = [read for read in pids[len(earlier) :] if read != pid]
    if pids[: len(earlier)] != earlier or others:
        return [f"results in {folder.name} of {Counter(pids)}, expected {earlier} and {pid}"]
    return []


def real_pair(place: Path, kinds: tuple[str, str], seed: int) -> dict[str, Any]:
    """Two real commands on a new folder; the one that trains is interrupted once the other has ended."""
    draw = random.Random(seed)
    place.mkdir(parents=True, exist_ok=True)
    entry = {"run": "PPO", "env": "CartPole-v1", "stop": {"time_total_s": 600}, "config": CONFIG}
    (place / "run.yaml").write_text(yaml.safe_dump({"cartpole": entry}))
    commands, processes = [], []
    for number, kind in enumerate(kinds):
        command = Command(kind, number, 0, place / f"errors{number}")
        processes.append(start(command, place))
        command.pid = processes[-1].pid
        commands.append(command)
        time.sleep(draw.random() * REAL_DELAY_S)
    deadline = time.monotonic() + PATIENCE_S

    def wait_until(is_reached: Callable[[], bool]) -> None:
        while not is_reached() and time.monotonic() < deadline:
            time.sleep(0.1)

    def num_ended() -> int:
        return sum(process.poll() is not None for process in processes)

    wait_until(lambda: num_ended() > 0)
    files = f"run/*/{RESULT}"
    wait_until(lambda: num_ended() == 2 or any(f.stat().st_size for f in place.glob(files)))
    for command, process in zip(commands, processes, strict=True):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        command.code = process.wait()
    return {**outcome(place / "run", commands, real=True), "real": True}


def start(command: Command, place: Path) -> subprocess.Popen[bytes]:
    """Start a real command."""
    line = [*train_file(place / "run.yaml"), *command.arguments[3:], "--storage-path", str(place)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with command.errors.open("w") as errors:
        return subprocess.Popen(
            line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )


def sentence(record: dict[str, Any]) -> str:
    """The sentence of docs/reliability.md."""
    pairs = record["pairs"]
    real = sum(pair.get("real", False) for pair in pairs)
    kinds = Counter(" and ".join(pair["kinds"]) for pair in pairs)
    each = ", ".join(f"{name} {number}" for name, number in kinds.items())
    wrong = sum(bool(pair["problems"]) for pair in pairs)
    return (
        f"{len(pairs):,} pairs of commands on one folder ({each}; {real} of them with real trainings, "
        f"the others with a stand-in for Ray), seed {record['seed']}: in {len(pairs) - wrong:,} one command "
        "got the folder, the other exited with 2 and named the owner, and the folder held results of one "
        f"run only; in {wrong} not."
    )


_shared: dict[str, Callable[[int], dict[str, Any]]] = {}


def _pair(number: int) -> dict[str, Any]:
    pair = _shared["pair"](number)
    if pair["problems"] or number % 100 == 99:
        print(time.strftime("%H:%M:%S"), number + 1, pair, flush=True)
    return pair


def main() -> None:
    """Start, check, count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000, help="with the stand-in [1000]")
    parser.add_argument("--real", type=int, default=0, help="with real trainings [0]")
    parser.add_argument("--workers", type=int, default=4, help="pairs at a time [4]")
    parser.add_argument("--seed", type=int, default=0, help="of the delays [0]")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--page", type=Path, help="page whose section `interleaved` is filled")
    options = parser.parse_args()
    asked = Experiment("run", "PPO", "CartPole-v1", CONFIG, {"training_iteration": 1})
    with tempfile.TemporaryDirectory() as storage:
        job = validate_job(replace(asked, storage_path=storage), FileOptions(ray_num_cpus=1))
        measure_once()
        draw = random.Random(options.seed)
        kinds = [draw.choice(KINDS) for _ in range(options.pairs + options.real)]

        def stand_in(number: int) -> dict[str, Any]:
            return stand_in_pair(Path(storage) / str(number), job, kinds[number], number)

        # Forked workers know the function, which cannot be pickled.
        _shared["pair"] = stand_in
        with get_context("fork").Pool(options.workers) as pool:
            pairs = list(pool.imap(_pair, range(options.pairs)))
        for number in range(options.pairs, len(kinds)):
            pairs.append(real_pair(Path(storage) / str(number), kinds[number], number))
            write_json(options.out, {"seed": options.seed, "pairs": pairs})
    record = {"seed": options.seed, "pairs": pairs}
    write_json(options.out, record)
    if options.page:
        fill(options.page, "interleaved", sentence(record))


if __name__ == "__main__":
    main()
