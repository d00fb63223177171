"""Command lines of the retired command, of its argparse days too, in today's spelling."""

from __future__ import annotations

# Options without a value, and what to say; the command goes on without them.
_FLAGS_LEFT_OUT = {
    "--torch": "torch is the one framework there is",
    "--eager": "it belonged to TensorFlow",
    "--no-ray-ui": "the dashboard is off unless --ray-ui asks for it",
    "--queue-trials": "trials wait for resources anyway",
    "--no-render": "nothing is shown unless --render asks for it",
    "--save-info": "--out writes return and length of every episode",
    "--use-shelve": "--out writes CSV or JSON",
    "--track-progress": "progress is shown anyway",
}
# Options with a value.
_LEFT_OUT = {
    "--redis-address": "use --ray-address",
    "--ray-redis-max-memory": "Ray has no Redis to size any more",
    "--ray-memory": "Ray sizes its own memory",
    "--video-dir": "use --video",
}
_FILE = ("-f", "--config-file")


def todays_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The arguments after ``rllib`` in today's spelling, and notes on what changed.

    ``rllib rollout`` is ``rllib evaluate``; ``rllib train -f FILE`` is ``rllib train file FILE``.
    """
    if not arguments:
        return arguments, []
    command, *rest = arguments
    notes = []
    if command == "rollout":
        notes.append("rllib rollout is rllib evaluate now")
        command = "evaluate"
    if command not in ("train", "evaluate"):
        return arguments, notes
    kept, files, said = _sorted_out(rest)
    if command == "train" and files:
        return ["train", "file", *files, *kept], [*notes, "-f FILE is train file FILE now", *said]
    return [command, *kept], notes + said


def _sorted_out(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Arguments to keep, files of ``-f``, and notes."""
    kept: list[str] = []
    files: list[str] = []
    said: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name in _FLAGS_LEFT_OUT and not equals:
            said.append(f"{name} is left out: {_FLAGS_LEFT_OUT[name]}")
        elif name in _LEFT_OUT:
            if not equals:
                next(rest, None)
            said.append(f"{name} is left out: {_LEFT_OUT[name]}")
        elif name in _FILE and not (kept and kept[0] == "file"):
            files.append(value if equals else next(rest, ""))
        else:
            kept.append(argument)
    return kept, [file for file in files if file], said
