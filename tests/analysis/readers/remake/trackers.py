"""W&B offline and MLflow's stores, with the names of CleanRL and RLlib: ``python trackers.py DATA [PART …]``.

PART: wandb, mlflow (one SQLite file), mlruns2 and mlruns3 (folders, of MLflow 2 and 3). With wandb,
mlflow-skinny, sqlalchemy and alembic; mlruns2 with mlflow-skinny 2.22.5. MLflow 3 writes folders only with
MLFLOW_ALLOW_FILE_STORE=true.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import sys
from pathlib import Path

import mlflow

os.environ["WANDB_MODE"] = "offline"


def results():
    for iteration in range(1, 5):
        mean = math.nan if iteration == 1 else 10.0 * iteration
        yield {
            "env_runners": {"episode_return_mean": mean, "episode_len_mean": mean},
            "num_env_steps_sampled_lifetime": 512 * iteration,
            "training_iteration": iteration,
            "time_total_s": 1.5 * iteration,
        }


def with_wandb(folder):
    """A run of one's own with CleanRL's names, and one as Tune's callback logs it."""
    import wandb

    folder.mkdir(parents=True)
    settings = {"env_id": "CartPole-v1", "seed": 4, "exp_name": "ppo", "learning_rate": 0.001}
    run = wandb.init(
        project="peers", dir=folder, config=settings, settings=wandb.Settings(console="off")
    )
    for step in range(0, 400, 20):
        run.log(
            {"charts/episodic_return": 20.0, "charts/episodic_length": 20, "global_step": 20 + step}
        )
    run.finish()
    config = {"env": "CartPole-v1", "seed": 1, "lr": 0.01}
    run = wandb.init(
        project="peers", dir=folder, config=config, settings=wandb.Settings(console="off")
    )
    for result in results():
        flat = {
            "env_runners/episode_return_mean": result["env_runners"]["episode_return_mean"],
            **{key: value for key, value in result.items() if key != "env_runners"},
        }
        run.log(flat, step=result["training_iteration"])
    run.finish()
    for place in folder.glob("wandb/*"):
        if place.is_symlink() or place.is_file():
            place.unlink()
    for extra in [*folder.glob("wandb/*/logs"), *folder.glob("wandb/*/files")]:
        shutil.rmtree(extra)


def with_mlflow(folder):
    """One SQLite file."""
    folder.mkdir(parents=True)
    fill_mlflow(f"sqlite:///{folder / 'mlflow.db'}")
    smaller(folder / "mlflow.db")


def with_folders(folder):
    """A folder for every run; one of two processes, of which the second repeats results; a deleted one."""
    folder.mkdir(parents=True)
    fill_mlflow(f"file://{folder / 'mlruns'}")
    with mlflow.start_run(run_name="PPO_c") as run:
        mlflow.log_params({"env": "CartPole-v1", "seed": 2})
        log_results()
    with mlflow.start_run(run_id=run.info.run_id):
        log_results(first=3)
    with mlflow.start_run(run_name="deleted") as run:
        log_results()
    mlflow.delete_run(run.info.run_id)
    # The experiment that MLflow makes by itself, and tags, which no reader needs.
    for place in (folder / "mlruns" / "0", *folder.glob("mlruns/*/*/tags")):
        shutil.rmtree(place)


def fill_mlflow(uri):
    """Runs of a store: done, failed, and without a return."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("cartpole")
    for name, seed, status in (("PPO_a", 0, "FINISHED"), ("PPO_b", 1, "FAILED")):
        mlflow.start_run(run_name=name)
        mlflow.log_params({"env": "CartPole-v1", "seed": seed, "lr": 0.01, "model/h": "[8]"})
        log_results()
        mlflow.end_run(status)
    with mlflow.start_run(run_name="no returns"):
        mlflow.log_metric("loss", 1.0, step=1)


def log_results(first=1):
    for result in list(results())[first - 1 :]:
        mlflow.log_metrics(
            {
                "env_runners/episode_return_mean": result["env_runners"]["episode_return_mean"],
                "num_env_steps_sampled_lifetime": result["num_env_steps_sampled_lifetime"],
                "training_iteration": result["training_iteration"],
                "time_total_s": result["time_total_s"],
                "config/lr": 0.01,
            },
            step=result["training_iteration"],
        )


def smaller(file):
    """Without the tables of MLflow's other parts, a megabyte of empty pages."""
    kept = ("experiments", "runs", "metrics", "latest_metrics", "params", "tags", "alembic_version")
    store = sqlite3.connect(file, isolation_level=None)
    names = [
        name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    for name in names:
        if name not in kept and not name.startswith("sqlite_"):
            store.execute(f"DROP TABLE {name}")
    store.execute("PRAGMA page_size = 1024")
    store.execute("VACUUM")
    store.close()


PARTS = {
    "wandb": (with_wandb, "wandb_offline"),
    "mlflow": (with_mlflow, "mlflow"),
    "mlruns2": (with_folders, "mlflow_folder_2"),
    "mlruns3": (with_folders, "mlflow_folder_3"),
}

if __name__ == "__main__":
    data = Path(sys.argv[1]).resolve()
    for part in sys.argv[2:] or ("wandb", "mlflow"):
        make, name = PARTS[part]
        make(data / name)
    if (data / "wandb_offline").exists():
        (data / "wandb_offline" / "truth.json").write_text(json.dumps({"steps": [400, 2048]}))
