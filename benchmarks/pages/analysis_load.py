"""Reading and reporting many trials: seconds and peak memory, ours beside Tune's own tables.

`python -m rllib_zoo.benchmarks.pages.analysis_load --out results/analysis` writes 100 trials of 10,000
results (lines as long as real ones, configuration included) to a temporary folder, then runs each
contender in a process of its own: our `load`, our whole report, and Tune's
`ExperimentAnalysis(...).trial_dataframes`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.experiments.provenance.manifest import machine

# As many as a resolved configuration of RLlib has.
KEYS = 340
CONTENDERS = ("load", "report", "tune")


def write_trials(folder: Path, trials: int, rows: int, padding: int) -> None:
    """An experiment as Tune leaves it; ``padding`` bytes of configuration on every line."""
    experiment = folder / "experiment"
    states = []
    for number in range(trials):
        config = {"env": "CartPole-v1", "seed": number % 10, "lr": 0.001 * (1 + number // 10)}
        config |= {f"key_{index}": index for index in range(KEYS)}
        trial = tune_trial(experiment, config)
        path = experiment / trial.storage.trial_dir_name
        path.mkdir(parents=True)
        (path / "params.json").write_text(json.dumps(config))
        told = json.dumps({**config, "rest": "x" * padding})
        with (path / "result.json").open("w") as file:
            file.writelines(_line(trial.trial_id, number, row, told) for row in range(1, rows + 1))
        states.append(trial.get_json_state())
    (experiment / "experiment_state-1.json").write_text(json.dumps({"trial_data": states}))


def tune_trial(experiment: Path, config: dict[str, Any]) -> Any:
    """Tune's own object for a finished trial of a folder."""
    from ray.train._internal.storage import StorageContext
    from ray.tune import PlacementGroupFactory
    from ray.tune.experiment import Trial

    name = f"PPO_CartPole-v1_seed{config['seed']}_{config['lr']:g}"
    storage = StorageContext(str(experiment.parent), experiment.name, trial_dir_name=name)
    trial = Trial("PPO", config=config, stub=True, storage=storage, trial_id=name)
    trial.placement_group_factory = PlacementGroupFactory([{"CPU": 1}])
    trial.set_status(Trial.TERMINATED)
    trial.run_metadata.last_result = {"done": True}
    return trial


def _line(name: str, trial: int, row: int, config: str) -> str:
    result = {
        "env_runners": {
            "episode_return_mean": row * (1 + trial % 7) * 0.01,
            "num_env_steps_sampled_lifetime": 100 * row,
            "num_episodes_lifetime": row,
        },
        "learners": {"default_policy": {"entropy": 1.0 / row, "vf_loss": 2.0 / row}},
        "training_iteration": row,
        "time_total_s": 0.1 * row,
        "trial_id": name,
    }
    return json.dumps(result)[:-1] + f', "config": {config}}}\n'


def run(contender: str, folder: Path) -> None:
    """One contender in this process; prints seconds, peak MiB and rows as JSON."""
    started = time.perf_counter()
    if contender == "tune":
        from ray.tune import ExperimentAnalysis

        frames = ExperimentAnalysis(str(folder / "experiment")).trial_dataframes
        rows = sum(map(len, frames.values()))
    elif contender == "load":
        from rllib_zoo.analysis.load import load

        rows = len(load([folder]).curves)
    else:
        from rllib_zoo.analysis.report.report import report

        rows = len(report([folder], folder / "report").scores)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"contender": contender, "seconds": seconds, "peak_mib": peak, "rows": rows}))


def main(argv: list[str] | None = None) -> int:
    """Write, time, print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--padding", type=int, default=2_000, help="bytes of configuration a line")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--run", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.run:
        run(options.run[0], Path(options.run[1]))
        return 0
    found = []
    with tempfile.TemporaryDirectory() as folder:
        write_trials(Path(folder), options.trials, options.rows, options.padding)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.json")) / 2**30
        for contender in CONTENDERS:
            command = [
                sys.executable,
                "-m",
                "rllib_zoo.benchmarks.pages.analysis_load",
                "--run",
                contender,
                folder,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{contender} failed: {done.stderr[-500:]}")
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(found[-1], flush=True)
    if options.out:
        told = {"trials": options.trials, "rows": options.rows, "gib": round(size, 2)}
        record = {**told, "machine": machine(), "contenders": found}
        write_json(options.out / "load.json", record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
