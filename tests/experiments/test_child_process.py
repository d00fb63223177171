"""A function in a child process: its value, its errors, its crash, its end."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest

from rllib_zoo.experiments.child_process import ChildProcess
from rllib_zoo.experiments.errors import CommandError, RequestError, RequestErrors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks safely")


def outcome(function):
    with ChildProcess(function, "checking") as child:
        return child.result()


def test_its_value():
    assert outcome(os.getpid) != os.getpid()
    assert outcome(lambda: {"a": (1, 2.5)}) == {"a": (1, 2.5)}


def test_its_errors_are_raised_here():
    wrong = RequestError("is wrong", file="x.yaml", key="lr", hint="did you mean 'lr'?")

    def refuse():
        raise RequestErrors([wrong, RequestError("is not there", key="env")])

    with pytest.raises(RequestErrors) as caught:
        outcome(refuse)
    assert str(caught.value) == "x.yaml: lr: is wrong; did you mean 'lr'?\nenv: is not there"
    assert [error.key for error in caught.value.each] == ["lr", "env"]


def test_another_error_has_its_traceback():
    with pytest.raises(ZeroDivisionError) as caught:
        outcome(lambda: 1 / 0)
    assert "test_child_process.py" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
        (lambda: os._exit(3), "exit code 3"),
    ],
)
def test_a_crash_is_one_line(end, how):
    with pytest.raises(CommandError) as caught:
        outcome(end)
    assert str(caught.value) == f"checking: the process ended with {how}"


def test_it_ends_with_the_block():
    started, child = time.monotonic(), ChildProcess(lambda: time.sleep(60), "waiting")
    with child:
        process = psutil.Process(child.pid)
    assert not process.is_running()
    assert time.monotonic() - started < 30
