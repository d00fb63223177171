"""Time and memory of `rllib report` for 300 trials (250 MB), beside another checkout of this project.

`python -m rllib_zoo.benchmarks.speed.large_report CHECKOUT --rounds 3`. This script writes the trials,
with lines as long as real ones. The checkouts take turns, each with the command of its own `.venv`; a ratio
is that of the medians, this checkout's over the other's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from rllib_zoo.analysis.report.tables import markdown
from rllib_zoo.experiments.paths import ROOT

RATES, ENTROPIES, SEEDS, RESULTS = (
    np.geomspace(1e-5, 1e-2, 6),
    (0, 0.001, 0.005, 0.01, 0.05),
    10,
    330,
)
# Keys of a configuration beyond those that matter, which fill nine tenths of a line.
PADDING = {f"key_{number}": "x" * 40 for number in range(38)}
# MiB is of the largest process.
UNITS = ("processor seconds", "seconds", "MiB")


def write_trials(folder: Path, results: int = RESULTS) -> None:
    """Write a sweep of two settings with ten seeds each, of so many results."""
    combinations = [(lr, c, seed) for lr in RATES for c in ENTROPIES for seed in range(SEEDS)]
    entries = []
    for number, (lr, coefficient, seed) in enumerate(combinations):
        name = f"PPO_sweep_{number:05}"
        config = {"env": "ALE/Pong-v5", "seed": seed, "lr": float(lr), "entropy_coeff": coefficient}
        height = 38 * (1 - 0.2 * abs(np.log10(lr / 1e-3)))
        (folder / name).mkdir(parents=True)
        (folder / name / "params.json").write_text(json.dumps(config))
        with (folder / name / "result.json").open("w") as lines:
            for row in _rows(np.random.default_rng(number), height, results):
                lines.write(json.dumps(row | {"config": config | PADDING}) + "\n")
        entry = {"relative_logdir": name, "status": "TERMINATED", "trainable_name": "PPO"}
        entries.append([json.dumps(entry), "{}"])
    (folder / "experiment_state-2026.json").write_text(json.dumps({"trial_data": entries}))


def _rows(generator: np.random.Generator, height: float, results: int) -> list[dict[str, object]]:
    """Results of a trial without their configuration: returns rise by about ``height``."""
    progress_T = np.arange(1, results + 1) / results
    returns_T = -21 + height / (1 + np.exp(4.5 - 10 * progress_T)) + generator.normal(size=results)
    noise_T4 = generator.normal(size=(results, 4)).tolist()
    return [
        {
            "env_runners": {
                "episode_return_mean": float(returned), "num_env_steps_sampled_lifetime": 2000 * i,
                "num_frames_sampled_lifetime": 8000 * i, "num_episodes_lifetime": 3 * i,
                "episode_window_size": 100,
            },
            "learners": {"default_policy": dict(zip(("entropy", "policy_loss", "vf_loss", "mean_kl_loss"),
                                                    noise, strict=True)) | {"curr_lr": 0.1}},
            "training_iteration": i, "time_total_s": 3.0 * i + noise[0],
        }
        for i, (returned, noise) in enumerate(zip(returns_T, noise_T4, strict=True), start=1)
    ]  # fmt: skip


def run(checkout: Path, folder: Path, output: Path) -> tuple[float, float, float]:
    """A report by a checkout's command, as ``UNITS``.

    Raises:
        CalledProcessError: it failed.
    """
    command = [str(checkout / ".venv" / "bin" / "rllib"), "report", str(folder), "-o", str(output)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss / 1024


def main(argv: list[str] | None = None) -> int:
    """The benchmark's command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="the other checkout, installed in its .venv")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    options = parser.parse_args(argv)
    checkouts = {"other": options.checkout.resolve(), "this": ROOT}
    rows: dict[str, list[tuple[float, float, float]]] = {label: [] for label in checkouts}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "sweep"
        write_trials(folder)
        for number in range(options.rounds):
            for label in sorted(checkouts, reverse=bool(number % 2)):
                rows[label].append(run(checkouts[label], folder, Path(temporary) / label))
                print(label, *(f"{value:.1f}" for value in rows[label][-1]), flush=True)
    medians = {
        label: [median(values) for values in zip(*of, strict=True)] for label, of in rows.items()
    }
    table = [
        (unit, f"{other:.1f}", f"{this:.1f}", f"{this / other:.2f}")
        for unit, other, this in zip(UNITS, medians["other"], medians["this"], strict=True)
    ]
    print(markdown(("", "other", "this", "ratio"), table).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
