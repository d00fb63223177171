"""The command's options: name, short form, default and help, each stated once.

Names and defaults are those of the `rllib train` of older RLlib releases; a dataclass field is one
option, and :func:`as_parameters` turns a dataclass into a command's signature.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import shlex
import sys
from collections.abc import Callable, Collection
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from rllib_zoo.analysis.files.object_storage import bucket_of
from rllib_zoo.experiments.errors import RequestError

Trust = Annotated[
    bool,
    typer.Option(
        "--trust-checkpoint", help="Open a checkpoint that others made; it can run any code."
    ),
]
Imports = Annotated[
    list[str] | None,
    typer.Option("--import", metavar="MODULE", help="Import a module first (repeatable)."),
]
StoragePath = Annotated[
    str | None,
    typer.Option(
        "--storage-path", help="Folder of results, or s3://BUCKET/PATH (default: ~/ray_results)."
    ),
]
RayCpus = Annotated[
    int | None, typer.Option("--ray-num-cpus", help="CPUs that Ray may use (default: all).")
]


def option(help_text: str, *names: str, default: Any = None, **settings: Any) -> Any:
    """A dataclass field that is an option of the command.

    Args:
        help_text: the option's help.
        names: short forms in addition to ``--field-name``; where one is long, all its names.
        default: the default value.
        settings: further arguments of ``typer.Option``.
    """
    settings |= {"help": help_text}
    return field(default=default, metadata={"names": names, "settings": settings})


def cluster_address(value: str | None) -> str | None:
    """The cluster to join; None where Ray is started: no address, an empty one, or Ray's ``local``."""
    return None if value in (None, "", "local") else value


def _algorithms(incomplete: str) -> list[str]:
    """Names for the shell's completion, in the case of what is typed."""
    from rllib_zoo import algorithms

    names = algorithms.names()
    return [name.lower() for name in names] if incomplete.islower() else list(names)


@dataclass
class LaunchOptions:
    """Options of `rllib train` and `rllib train file` alike."""

    stop: Annotated[
        list[str] | None,
        typer.Option(
            "--stop",
            "-s",
            metavar="RESULT=BOUND",
            help="When to stop (repeatable, or one JSON object); replaces the file's rule.",
        ),
    ] = None
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.SUB=VALUE", help="Override one key (repeatable)."),
    ] = None
    seeds: str | None = option("One trial per seed: 0-9 or 3,7.")
    num_samples: int | None = option("Repeats of each trial (default: 1).")
    storage_path: StoragePath = None
    local_dir: str | None = option("Older name of --storage-path.", hidden=True)
    upload_dir: str | None = option("Oldest name of --storage-path.", hidden=True)
    experiment_name: str | None = option("Folder below the storage path.", "-n")
    restore: str | None = option("Start from this checkpoint's weights and state.")
    trust_checkpoint: Trust = False
    import_: Imports = None
    dry_run: bool = option("Check everything, print the resolved plan, stop.", default=False)
    measure: bool = option(
        "With --dry-run: train briefly to measure speed and memory.", default=False
    )
    measure_seconds: float | None = option(
        "Maximum seconds of that training (default: 20).", min=0.1
    )
    force: bool = option("Move an existing experiment of that name aside.", default=False)
    resume: bool = option("Continue the experiment of that name.", default=False)
    checkpoint_freq: int | None = option("Iterations between checkpoints, 0 = off (default: 0).")
    checkpoint_at_end: bool | None = option(
        "Checkpoint at the end (default: yes).", "--checkpoint-at-end/--no-checkpoint-at-end"
    )
    keep_checkpoints_num: int | None = option("Best checkpoints to keep (default: all).")
    checkpoint_score_attr: str | None = option(
        "Result that ranks checkpoints (default: training_iteration)."
    )
    quiet: bool = option("No progress and no notes: errors and results.", "-q", default=False)
    log_info: bool = option("INFO log and Tune's own table.", "-v", default=False)
    log_debug: bool = option("DEBUG log.", "-vv", default=False)
    framework: str | None = option("torch; tf and tf2 run as torch.", hidden=True)
    trace: bool = option("TensorFlow only: refused.", default=False, hidden=True)
    local_mode: bool = option("Removed from Ray: refused.", default=False, hidden=True)
    ray_address: str | None = option("Join a running Ray cluster.", envvar="RAY_ADDRESS")
    ray_ui: bool = option("Start Ray's dashboard.", default=False)
    ray_num_cpus: RayCpus = None
    ray_num_gpus: int | None = option("GPUs that Ray may use (default: all).")
    ray_num_nodes: int | None = option("Emulate a cluster of this many nodes.")
    ray_object_store_memory: int | None = option("Size of Ray's object store in bytes.")
    scheduler: str = option("FIFO, MedianStopping, AsyncHyperBand, pbt, …", default="FIFO")
    scheduler_config: str = option("Arguments of the scheduler, as JSON.", default="{}")
    wandb_key: str | None = option("Log to Weights & Biases with this key.")
    wandb_project: str | None = option("Project (default: the experiment's name).")
    wandb_run_name: str | None = option("Name of the run.")
    mlflow_experiment: str | None = option(
        "Log to MLflow (MLFLOW_TRACKING_URI), as this experiment."
    )


@dataclass
class TrainOptions(LaunchOptions):
    """`rllib train` without a file."""

    algo: str | None = option(
        "A2C, A3C, DDPG, DQN, PG or PPO, or the class path of one of your own.",
        "--algo",
        "--run",
        "-a",
        "-r",
        autocompletion=_algorithms,
    )
    env: str | None = option("gymnasium id or class path.", "-e")
    config: str = option("Algorithm configuration, as JSON.", "-c", default="{}")
    resources_per_trial: str | None = option('As JSON: {"cpu": 4, "gpu": 1}.')


@dataclass
class FileOptions(LaunchOptions):
    """`rllib train file`."""

    env: str | None = option("Replace the files' environment.", "-e")


@dataclass
class EvaluateOptions:
    """`rllib evaluate`."""

    algo: str | None = option(
        "Refuse checkpoints of another algorithm.",
        "--algo",
        "--run",
        "-a",
        "-r",
        autocompletion=_algorithms,
    )
    env: str | None = option("Another environment than it was trained on.", "-e")
    steps: int = option(
        "Play whole episodes for at least this many steps, 0 = no limit.", default=10_000
    )
    episodes: int = option("Exact number of episodes; --steps is then ignored.", default=0)
    max_steps: int | None = option(
        "Cut an episode after so many agent steps; it counts as cut (default: never)."
    )
    out: str | None = option("Write one row per episode to FILE.csv or FILE.json.")
    config: str = option("JSON merged over the checkpoint's configuration.", "-c", default="{}")
    json_: bool = option("Print one JSON object instead of the table.", default=False)
    video: str | None = option("Folder for one MP4 per recorded episode.")
    import_: Imports = None
    seed: int = option("Seed of environments and sampling.", default=0)
    explore: bool = option(
        "Sample actions instead of the best ones.", "--explore/--no-explore", default=False
    )
    render: bool = option("Show one episode in a window.", default=False)
    trust_checkpoint: Trust = False


@dataclass
class ReproduceOptions:
    """`rllib reproduce`."""

    verify: bool = option(
        "Compare the results; does not repeat a completed reproduction.", default=False
    )
    storage_path: StoragePath = None
    experiment_name: str | None = option("Folder below it (default: <name>-reproduced).", "-n")
    import_: Imports = None
    dry_run: bool = option("Print the differences and the plan, stop.", default=False)
    force: bool = option("Move an existing reproduction aside.", default=False)
    resume: bool = option("Continue an interrupted one.", default=False)
    trust_checkpoint: Trust = False
    ray_num_cpus: RayCpus = None


def _parameter(spec: Field[Any], hint: Any) -> inspect.Parameter:
    """A dataclass field as a keyword parameter."""
    if spec.metadata:
        names = spec.metadata["names"]
        if not any(name.startswith("--") for name in names):
            names = (f"--{spec.name.strip('_').replace('_', '-')}", *names)
        hint = Annotated[hint, typer.Option(*names, **spec.metadata["settings"])]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(spec.name, kind, default=spec.default, annotation=hint)


def as_parameters(options_class: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function the fields of a dataclass as keyword parameters, for Typer to read.

    The decorated function is called with its own parameters and ``options``, the filled dataclass.
    """
    hints = get_type_hints(options_class, include_extras=True)
    added = [_parameter(spec, hints[spec.name]) for spec in fields(options_class)]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        own_hints = get_type_hints(function, include_extras=True)
        own = [
            p.replace(annotation=own_hints[p.name])
            for p in inspect.signature(function).parameters.values()
            if p.name != "options"
        ]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            filled = options_class(**{p.name: kwargs.pop(p.name) for p in added})
            return function(*args, options=filled, **kwargs)

        call.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
        del call.__wrapped__
        return call

    return decorate


# Options whose values are secret.
SECRET = ("--wandb-key",)


def printable_arguments() -> list[str]:
    """The command's arguments, for files and messages: secret values are replaced by ``KEY``."""
    printable: list[str] = []
    for argument in sys.argv[1:]:
        option, equals, _ = argument.partition("=")
        if printable and printable[-1] in SECRET:
            argument = "KEY"
        elif option in SECRET and equals:
            argument = f"{option}=KEY"
        printable.append(argument)
    return printable


def same_command(*added: str, without: Collection[str] = ()) -> str:
    """This command's line for a shell, with options added and without others."""
    arguments = [a for a in printable_arguments() if a not in without and a not in added]
    return shlex.join(["rllib", *arguments, *added])


def require_run(path: Path) -> None:
    """Check that a folder exists, before what opens it is imported; a bucket's when it is downloaded.

    Raises:
        RequestError: it does not.
    """
    if bucket_of(path) is None and not path.exists():
        raise RequestError("does not exist", file=path)


def prepare_imports(modules: list[str] | None) -> None:
    """Import the modules of ``--import``: they register environments and models.

    Raises:
        RequestError: a module is missing or fails.
    """
    # Last in the path, so that no file there hides an installed package or Python's own module.
    sys.path.append(os.getcwd())
    for module in modules or []:
        try:
            importlib.import_module(module)
        except Exception as error:  # the module's own code runs here: so anything can be raised
            problem = f"--import {module} failed: {type(error).__name__}: {error}"
            raise RequestError(problem) from error
