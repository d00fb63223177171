"""Which trackers of experiments a command logs to, and whether it can: Weights & Biases and MLflow."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from rllib_zoo.experiments.errors import RequestError, first_line
from rllib_zoo.experiments.options import LaunchOptions, cluster_address


def require_trackers(options: LaunchOptions) -> None:
    """Check the requested trackers, and put a key into the environment of the processes that follow.

    Raises:
        RequestError: a package is missing, MLflow's server cannot be reached, or a key cannot get to the
            processes of a cluster.
    """
    if _uses_wandb(options):
        _require("wandb", "--wandb-key" if options.wandb_key is not None else "--wandb-project")
    if options.wandb_key is not None:
        if cluster_address(options.ray_address) is not None:
            problem = "would be written into the logs of a running cluster"
            hint = "set WANDB_API_KEY where its processes start, and use --wandb-project"
            raise RequestError(problem, key="--wandb-key", hint=hint)
        os.environ["WANDB_API_KEY"] = options.wandb_key
    if options.mlflow_experiment is not None:
        _require("mlflow", "--mlflow-experiment")
        import mlflow

        try:
            # Only read: the training's logger creates the experiment, a dry run does not.
            mlflow.search_experiments(max_results=1)
        except Exception as error:  # of the store: mlflow's own, SQLAlchemy's, requests'
            problem = f"{mlflow.get_tracking_uri()} cannot be used: {first_line(error)}"
            hint = "MLFLOW_TRACKING_URI names the server or file"
            raise RequestError(problem, key="--mlflow-experiment", hint=hint) from None


def trackers(options: LaunchOptions, name: str) -> list[Any]:
    """Tune's callbacks of the requested trackers, for an experiment's name."""
    loggers: list[Any] = []
    if _uses_wandb(options):
        from rllib_zoo.experiments.tune.wandb_logger import WandbLogger

        run = {"name": options.wandb_run_name} if options.wandb_run_name else {}
        loggers.append(WandbLogger(project=options.wandb_project or name, **run))
    if options.mlflow_experiment is not None:
        from rllib_zoo.experiments.tune.mlflow_logger import MlflowLogger

        tags = {"experiment": name}
        loggers.append(MlflowLogger(experiment_name=options.mlflow_experiment, tags=tags))
    return loggers


def _uses_wandb(options: LaunchOptions) -> bool:
    return options.wandb_key is not None or options.wandb_project is not None


def _require(package: str, option: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise RequestError(f"{package} is missing: pip install rllib-zoo[{package}]", key=option)
