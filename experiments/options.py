"""The command's options: name, short form, default and help, each stated once.

Names and defaults are those of the `rllib train` of older RLlib releases; a dataclass field is one
option, and :func:`as_parameters` turns a dataclass into a command's signature.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_type_hints

import typer

from rllib_zoo.experiments.errors import RequestError

Trust = Annotated[
    bool,
    typer.Option(
        "--trust-checkpoint", help="Open a checkpoint that others made; it can run any code."
    ),
]


@dataclass
class LaunchOptions:
    """Options of `rllib train` and `rllib train file` alike."""

    stop: Annotated[
        str | None,
        typer.Option("--stop", "-s", help="When to stop, as JSON; replaces the file's rule."),
    ] = None
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.SUB=VALUE", help="Override one key (repeatable)."),
    ] = None
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="One trial per seed: 0-9 or 3,7.")
    ] = None
    num_samples: Annotated[
        int | None, typer.Option("--num-samples", help="Repeats of each trial (default: 1).")
    ] = None
    storage_path: Annotated[
        str | None,
        typer.Option("--storage-path", help="Folder of results (default: ~/ray_results)."),
    ] = None
    local_dir: Annotated[
        str | None, typer.Option("--local-dir", hidden=True, help="Older name of --storage-path.")
    ] = None
    upload_dir: Annotated[
        str | None, typer.Option("--upload-dir", hidden=True, help="Oldest name of --storage-path.")
    ] = None
    experiment_name: Annotated[
        str | None,
        typer.Option("--experiment-name", "-n", help="Folder below the storage path."),
    ] = None
    restore: Annotated[
        str | None,
        typer.Option("--restore", help="Start from this checkpoint's weights and state."),
    ] = None
    trust_checkpoint: Trust = False
    import_: Annotated[
        list[str] | None,
        typer.Option("--import", metavar="MODULE", help="Import a module first (repeatable)."),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the resolved plan, stop.")
    ] = False
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate/--no-estimate",
            help="With --dry-run: train a little to tell time and memory.",
        ),
    ] = True
    estimate_seconds: Annotated[
        float, typer.Option("--estimate-seconds", min=0.1, help="How long at most.")
    ] = 20.0
    force: Annotated[
        bool, typer.Option("--force", help="Move an existing experiment of that name aside.")
    ] = False
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the experiment of that name.")
    ] = False
    checkpoint_freq: Annotated[
        int | None,
        typer.Option(
            "--checkpoint-freq", help="Iterations between checkpoints, 0 = off (default: 0)."
        ),
    ] = None
    checkpoint_at_end: Annotated[
        bool | None,
        typer.Option(
            "--checkpoint-at-end/--no-checkpoint-at-end",
            help="Checkpoint at the end (default: yes).",
        ),
    ] = None
    keep_checkpoints_num: Annotated[
        int | None,
        typer.Option("--keep-checkpoints-num", help="Best checkpoints to keep (default: all)."),
    ] = None
    checkpoint_score_attr: Annotated[
        str | None,
        typer.Option(
            "--checkpoint-score-attr",
            help="Result that ranks checkpoints (default: training_iteration).",
        ),
    ] = None
    log_info: Annotated[
        bool, typer.Option("--log-info", "-v", help="INFO log and Tune's own table.")
    ] = False
    log_debug: Annotated[bool, typer.Option("--log-debug", "-vv", help="DEBUG log.")] = False
    framework: Annotated[
        str | None, typer.Option("--framework", hidden=True, help="torch; tf and tf2 run as torch.")
    ] = None
    trace: Annotated[
        bool, typer.Option("--trace", hidden=True, help="TensorFlow only: refused.")
    ] = False
    local_mode: Annotated[
        bool, typer.Option("--local-mode", hidden=True, help="Removed from Ray: refused.")
    ] = False
    ray_address: Annotated[
        str | None,
        typer.Option("--ray-address", envvar="RAY_ADDRESS", help="Join a running Ray cluster."),
    ] = None
    ray_ui: Annotated[bool, typer.Option("--ray-ui", help="Start Ray's dashboard.")] = False
    ray_num_cpus: Annotated[
        int | None, typer.Option("--ray-num-cpus", help="CPUs Ray may count on (default: all).")
    ] = None
    ray_num_gpus: Annotated[
        int | None, typer.Option("--ray-num-gpus", help="GPUs Ray may count on (default: all).")
    ] = None
    ray_num_nodes: Annotated[
        int | None, typer.Option("--ray-num-nodes", help="Emulate a cluster of so many nodes.")
    ] = None
    ray_object_store_memory: Annotated[
        int | None, typer.Option("--ray-object-store-memory", help="Bytes.")
    ] = None
    scheduler: Annotated[
        str, typer.Option("--scheduler", help="FIFO, MedianStopping, AsyncHyperBand, pbt, …")
    ] = "FIFO"
    scheduler_config: Annotated[
        str, typer.Option("--scheduler-config", help="Its arguments, as JSON.")
    ] = "{}"
    wandb_key: Annotated[
        str | None, typer.Option("--wandb-key", help="Log to Weights & Biases with this key.")
    ] = None
    wandb_project: Annotated[
        str | None,
        typer.Option("--wandb-project", help="Project (default: the experiment's name)."),
    ] = None
    wandb_run_name: Annotated[
        str | None, typer.Option("--wandb-run-name", help="Name of the run.")
    ] = None


@dataclass
class TrainOptions(LaunchOptions):
    """`rllib train` without a file."""

    algo: Annotated[
        str | None,
        typer.Option("--algo", "--run", "-a", "-r", help="A2C, A3C, DDPG, DQN, PG or PPO."),
    ] = None
    env: Annotated[str | None, typer.Option("--env", "-e", help="gymnasium id or class path.")] = (
        None
    )
    config: Annotated[
        str, typer.Option("--config", "-c", help="Algorithm configuration, as JSON.")
    ] = "{}"
    resources_per_trial: Annotated[
        str | None, typer.Option("--resources-per-trial", help='As JSON: {"cpu": 4, "gpu": 1}.')
    ] = None


@dataclass
class FileOptions(LaunchOptions):
    """`rllib train file`."""

    env: Annotated[
        str | None, typer.Option("--env", "-e", help="Replace the files' environment.")
    ] = None


@dataclass
class EvaluateOptions:
    """`rllib evaluate`."""

    algo: Annotated[
        str | None,
        typer.Option(
            "--algo", "--run", "-a", "-r", help="Refuse checkpoints of another algorithm."
        ),
    ] = None
    env: Annotated[
        str | None, typer.Option("--env", "-e", help="Another environment than it was trained on.")
    ] = None
    steps: Annotated[
        int, typer.Option("--steps", help="Play whole episodes until so many steps, 0 = no limit.")
    ] = 10_000
    episodes: Annotated[
        int, typer.Option("--episodes", help="So many episodes exactly; --steps is ignored then.")
    ] = 0
    out: Annotated[
        str | None,
        typer.Option("--out", help="Write one row per episode to FILE.csv or FILE.json."),
    ] = None
    config: Annotated[
        str, typer.Option("--config", "-c", help="JSON merged over the checkpoint's configuration.")
    ] = "{}"
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of the table.")
    ] = False
    video: Annotated[
        str | None, typer.Option("--video", help="Folder for one MP4 per recorded episode.")
    ] = None
    import_: Annotated[
        list[str] | None,
        typer.Option("--import", metavar="MODULE", help="Import a module first (repeatable)."),
    ] = None
    seed: Annotated[int, typer.Option("--seed", help="Seed of environments and sampling.")] = 0
    explore: Annotated[
        bool,
        typer.Option("--explore/--no-explore", help="Sample actions instead of the best ones."),
    ] = False
    render: Annotated[bool, typer.Option("--render", help="Show one episode in a window.")] = False
    trust_checkpoint: Trust = False


def as_parameters(options_class: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function the fields of a dataclass as keyword parameters, for Typer to read.

    The decorated function is called with its own parameters and ``options``, the filled dataclass.
    """
    hints = get_type_hints(options_class, include_extras=True)
    added = [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
        )
        for f in fields(options_class)
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.name != "options"]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            filled = options_class(**{p.name: kwargs.pop(p.name) for p in added})
            return function(*args, options=filled, **kwargs)

        own_hints = get_type_hints(function, include_extras=True)
        own = [p.replace(annotation=own_hints[p.name]) for p in own]
        call.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
        del call.__wrapped__
        return call

    return decorate


@dataclass
class ReproduceOptions:
    """`rllib reproduce`."""

    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare afterwards; at once where it has run already."),
    ] = False
    storage_path: Annotated[
        str | None,
        typer.Option("--storage-path", help="Folder of results (default: ~/ray_results)."),
    ] = None
    experiment_name: Annotated[
        str | None,
        typer.Option(
            "--experiment-name", "-n", help="Folder below it (default: <name>-reproduced)."
        ),
    ] = None
    import_: Annotated[
        list[str] | None,
        typer.Option("--import", metavar="MODULE", help="Import a module first (repeatable)."),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what differs, print the plan, stop.")
    ] = False
    force: Annotated[bool, typer.Option("--force", help="Move an existing reproduction aside.")] = (
        False
    )
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted one.")] = False
    trust_checkpoint: Trust = False
    ray_num_cpus: Annotated[
        int | None, typer.Option("--ray-num-cpus", help="CPUs Ray may count on (default: all).")
    ] = None


def prepare_imports(modules: list[str] | None) -> None:
    """Import the modules of ``--import``: they register environments and models.

    Raises:
        RequestError: a module is missing or fails.
    """
    # Last: a file there named as a package or as a module of Python's must not be taken for it.
    sys.path.append(os.getcwd())
    for module in modules or []:
        try:
            importlib.import_module(module)
        except Exception as error:  # the module's own code runs here: any failure is the request's
            raise RequestError(
                problem=f"--import {module} failed: {type(error).__name__}: {error}"
            ) from error
