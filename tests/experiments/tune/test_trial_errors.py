"""The line that the summary prints of a failed trial."""

import traceback
from types import SimpleNamespace

import pytest
import torch

from rllib_zoo.algorithms.env_runner.runner_errors import RunnerError
from rllib_zoo.experiments.tune.trial_errors import error_line, trial_error


def raised(function):
    """The traceback of a runner's error, raised again in the training process."""
    try:
        function()
    except Exception as error:
        answer = RunnerError.of(error)
    try:
        answer.raise_()
    except Exception as error:
        # Without this file's frame: of the training process, all are of libraries.
        error.__traceback__ = error.__traceback__.tb_next
        return "Failure # 1\n" + "".join(traceback.format_exception(error))


def two_lines():
    raise ValueError("the first\n  and the second line")


def wrong_shape():
    torch.nn.Linear(2, 3)(torch.zeros(1, 4))  # the innermost frames are torch's


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (two_lines, "ValueError: the first and the second line"),
        (wrong_shape, "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x4 and 2x3)"),
    ],
)
def test_type_text_and_place_in_one_line(function, error):
    line = function.__code__.co_firstlineno + 1
    text = f"{error} ({__file__}, line {line}, in {function.__name__})"
    assert error_line(raised(function)) == text


def test_without_the_users_code_there_is_no_place():
    text = f"""Traceback (most recent call last):
  File "{torch.__file__}", line 3, in f
    f()
    ^^^
OSError: no disk
"""
    assert error_line(text) == "OSError: no disk"


def test_other_texts_give_their_last_line():
    assert error_line("a\n\nb\n") == "b"
    assert error_line("") == "no error text was written"


def test_a_process_that_died_is_told_by_its_environment(tmp_path):
    file = tmp_path / "error.txt"
    file.write_text(
        "Failure # 1\nThe actor is dead because its worker process has died. Worker exit …\n"
    )
    places = {"error_file": str(file), "path": str(tmp_path), "local_path": str(tmp_path)}
    trial = SimpleNamespace(config={"env": "mine.Maze"}, **places)
    assert trial_error(trial).startswith(
        "the trial's process ended, in which environment 'mine.Maze' is built; a crash of native code"
    )
