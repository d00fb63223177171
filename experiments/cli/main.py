"""The `rllib` command. Exit codes: 0 done, 1 failed, 2 invalid request, 130 interrupted."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rllib_zoo.analysis.files.object_storage import (
    ObjectStorageError,
    download,
    path_of,
    with_uris,
)
from rllib_zoo.analysis.report.cli import report
from rllib_zoo.experiments.cli.agent import agent_app
from rllib_zoo.experiments.cli.streams import keep_streams_open
from rllib_zoo.experiments.cli.study import app as study_app
from rllib_zoo.experiments.console import plain_console, print_stderr, set_quiet, show_stage
from rllib_zoo.experiments.errors import CommandError, RequestError
from rllib_zoo.experiments.interrupts import CommandInterrupt, interruptible
from rllib_zoo.experiments.library_warnings import RAY_ON_DEAD_PROCESSES, quiet_libraries
from rllib_zoo.experiments.memory import limit_memory
from rllib_zoo.experiments.options import (
    EvaluateOptions,
    FileOptions,
    LaunchOptions,
    ReproduceOptions,
    TrainOptions,
    as_parameters,
    prepare_imports,
    require_run,
    same_command,
)
from rllib_zoo.experiments.paths import DEFAULT_STORAGE, example_files
from rllib_zoo.experiments.tune.disk_errors import disk_fault

RUNS = Path(DEFAULT_STORAGE).expanduser()


class TrainGroup(TyperGroup):
    """`rllib train FILE` is `rllib train file FILE`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Typer's hook: what is no subcommand is a file."""
        # An option is there only while the shell completes its value.
        known = args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if known else ["file", *args])


app = typer.Typer(
    name="rllib",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Square brackets in help texts are text; and Rich takes a tenth of a second to import.
    rich_markup_mode=None,
)
train_app = typer.Typer(
    help="Train: from files, or from options alone.", invoke_without_command=True, cls=TrainGroup
)
example_app = typer.Typer(help="The tuned configs of this project.", no_args_is_help=True)
app.add_typer(train_app, name="train")
app.add_typer(example_app, name="example")
app.add_typer(agent_app, name="agent")
app.add_typer(study_app, name="study")


def _print_versions(wanted: bool) -> None:
    """The versions of this project and what it stands on; nothing is imported for them."""
    if wanted:
        names = ("rllib-zoo", "ray", "torch", "gymnasium")
        print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
        raise typer.Exit


@app.callback()
def rllib(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_versions,
            help="Print the versions and exit.",
        ),
    ] = False,
) -> None:
    """Train and evaluate A2C, A3C and PPO on Ray RLlib, from tuned config files."""


@train_app.callback()
@as_parameters(TrainOptions)
def train(context: typer.Context, options: TrainOptions) -> None:
    """Train one algorithm on one environment, described by options."""
    if context.invoked_subcommand is not None:
        _refuse_early_options(context)
        return
    from rllib_zoo.experiments.config.from_options import experiment_from_options

    prepare_imports(options.import_)
    raise typer.Exit(start([experiment_from_options(options)], options))


def _refuse_early_options(context: typer.Context) -> None:
    """Raises: RequestError: an option before the files, where it belongs to a training without any."""
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            key = max(parameter.opts, key=len)
            raise RequestError("belongs after the files", key=key)


@train_app.command("file")
@as_parameters(FileOptions)
def train_file(
    files: Annotated[list[Path], typer.Argument(help="YAML or Python config files.")],
    options: FileOptions,
) -> None:
    """Train what one or more config files describe."""
    from rllib_zoo.experiments.config.from_options import experiments_from_files

    prepare_imports(options.import_)
    raise typer.Exit(start(experiments_from_files(files, options), options))


@app.command()
@as_parameters(EvaluateOptions)
def evaluate(
    checkpoint: Annotated[
        Path,
        typer.Argument(parser=path_of, help="A checkpoint, agent, trial or experiment folder."),
    ],
    options: EvaluateOptions,
) -> None:
    """Play whole episodes with a trained policy and report raw returns."""
    require_run(checkpoint)
    from rllib_zoo.envs import EnvironmentFault
    from rllib_zoo.experiments.evaluation.evaluate import evaluate_checkpoint

    prepare_imports(options.import_)
    try:
        evaluate_checkpoint(checkpoint, options)
    except EnvironmentFault as fault:
        print_stderr(str(fault))
        raise typer.Exit(1) from None


app.command()(report)


@app.command("list")
def list_runs(
    folder: Annotated[
        Path,
        typer.Argument(parser=path_of, help="Folder of results.", show_default=DEFAULT_STORAGE),
    ] = RUNS,
) -> None:
    """Show the experiments in a folder, the newest first."""
    from rllib_zoo.experiments.cli.runs import lines, runs

    for line in lines(runs(folder)):
        print(line)


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(parser=path_of, help="A trial or experiment folder.")],
    second: Annotated[Path, typer.Argument(parser=path_of, help="Another one.")],
) -> None:
    """Show what differs between two runs, and whether their scores differ more than seeds explain."""
    from rllib_zoo.analysis.diff.diff import compare

    for run in (first, second):
        download(run)
    try:
        comparison = compare(first, second)
    except (FileNotFoundError, ValueError) as error:
        raise RequestError(problem=str(error)) from None
    for difference in comparison.differences:
        print(with_uris(str(difference)))
    if not comparison.differences:
        print("only seeds differ")
    print(with_uris(comparison.verdict))


@app.command()
@as_parameters(ReproduceOptions)
def reproduce(
    run: Annotated[
        Path,
        typer.Argument(
            parser=path_of, help="An experiment, trial, manifest.json or kept seedN.json."
        ),
    ],
    options: ReproduceOptions,
) -> None:
    """Repeat a run from its manifest; --verify compares the results."""
    require_run(run)
    from rllib_zoo.experiments.reproduce.reproduce import reproduce as run_again

    prepare_imports(options.import_)
    raise typer.Exit(run_again(run, options))


@app.command()
def migrate(
    file: Annotated[Path, typer.Argument(help="A YAML or Python file of an older RLlib release.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here instead of printing.")
    ] = None,
) -> None:
    """Convert a config file of an older RLlib release; comments explain every change."""
    from rllib_zoo.experiments.config.migrate import migrated, write_new

    text = migrated(file)
    if output is None:
        print(text, end="")
    else:
        write_new(output, text)


def _example_names(incomplete: str) -> list[str]:
    """Names for the shell's completion."""
    return [name for name in example_files() if name.startswith(incomplete)]


ExampleName = Annotated[
    str, typer.Argument(help="Name of the example.", autocompletion=_example_names)
]


@example_app.command("list")
def example_list(
    containing: Annotated[
        str, typer.Option("--filter", "-f", help="Only names with this text.")
    ] = "",
) -> None:
    """Show the tuned configs."""
    from rich.table import Table

    from rllib_zoo.experiments.cli.examples import examples

    table = Table("example", "algorithm", "environment", "stops at", box=None)
    for example in examples(containing):
        table.add_row(example.name, example.algorithm, example.env, example.budget)
    plain_console().print(table)


@example_app.command("get")
def example_get(name: ExampleName) -> None:
    """Print a tuned config."""
    from rllib_zoo.experiments.cli.examples import example_file

    print(example_file(name).read_text(encoding="utf-8"), end="")


@example_app.command("run")
@as_parameters(FileOptions)
def example_run(name: ExampleName, options: FileOptions) -> None:
    """Train a tuned config, with the options of `rllib train file`."""
    from rllib_zoo.experiments.cli.examples import example_file

    train_file([example_file(name)], **vars(options))


def start(experiments: list[Any], options: LaunchOptions) -> int:
    """Check every experiment, then run them one after another; the exit code."""
    set_quiet(options.quiet)
    show_stage("importing RLlib")
    from rllib_zoo.experiments.launch.launch import launch

    return launch(experiments, options)


def refuse_legacy(arguments: list[str]) -> None:
    """Refuse two commands of older RLlib releases, naming the current ones.

    Raises:
        RequestError: ``rllib rollout …`` or ``rllib train -f FILE``.
    """
    if arguments[:1] == ["rollout"]:
        raise RequestError("was renamed", key="rllib rollout", hint="use rllib evaluate CHECKPOINT")
    files = [a for a in arguments if a in ("-f", "--config-file") or a.startswith("--config-file=")]
    if arguments[:1] == ["train"] and files:
        raise RequestError("was removed", key=files[0], hint="use rllib train file FILE")


def main() -> None:
    """Entry point: an invalid request, a failure and a signal end it with one line."""
    keep_streams_open()
    limit_memory()
    quiet_libraries()
    # Ray reads them when it is imported: no usage report, and no paragraph for every process that died.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", RAY_ON_DEAD_PROCESSES)
    try:
        with interruptible():
            refuse_legacy(sys.argv[1:])
            app(args=sys.argv[1:])
    except (RequestError, ObjectStorageError, CommandError) as error:
        print_stderr(str(error))
        raise SystemExit(1 if isinstance(error, CommandError) else 2) from None
    except CommandInterrupt as interrupt:
        print_stderr(f"interrupted by {interrupt}; start again with: {same_command()}")
        raise SystemExit(130) from None
    except OSError as error:
        if (fault := disk_fault(error)) is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print_stderr(f"{place}{error.strerror or fault}; nothing was written")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
