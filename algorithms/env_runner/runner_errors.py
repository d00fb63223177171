"""Errors of runner processes: raised in the training process at once, as themselves.

RLlib ends a runner process that raises, a minute later, and restarts it: the error is in a log only, and
training waits or continues without the runner. Here a runner returns the error, and the first access to
its answer raises it. Processes that die are restarted by Ray, but not endlessly; those that do not respond
stay RLlib's matter.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any
from unittest.mock import patch

import ray
from ray import cloudpickle
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.rllib.env import env_runner_group
from ray.rllib.utils.actor_manager import FaultTolerantActorManager

from rllib_zoo.envs import EnvironmentFault, environment_name
from rllib_zoo.envs.errors import CRASH_CAUSES

# Seconds between two looks at the answers that are there while others are awaited.
CHECK_PERIOD_S = 1.0
# How often a runner's process may end without having returned a result in between.
DEATHS_IN_A_ROW = 3


class RunnerTraceback(Exception):
    """The traceback of an error in a runner process, as text; the cause of the error raised here."""

    def __str__(self) -> str:
        return f"in an env runner's process\n{self.args[0]}"


@dataclass(frozen=True)
class RunnerError:
    """An error of a runner process, as a value that every process can read.

    Attributes:
        pickled: the error; empty if it cannot be pickled.
        kind: module and name of its class.
        text: its message.
        traceback_text: of the process it occurred in.
    """

    pickled: bytes
    kind: tuple[str, str]
    text: str
    traceback_text: str

    @classmethod
    def of(cls, error: BaseException, traceback_text: str | None = None) -> RunnerError:
        """An error as a value; the traceback is its own by default."""
        pickled = b""
        with contextlib.suppress(Exception):
            # A SystemExit raised again would end the training process without a word.
            pickled = cloudpickle.dumps(error) if isinstance(error, Exception) else b""
        if traceback_text is None:
            traceback_text = "".join(traceback.format_exception(error))
        kind = type(error)
        return cls(pickled, (kind.__module__, kind.__name__), str(error), traceback_text)

    def error(self) -> BaseException:
        """The error, or one with the same name and text if it did not survive pickling."""
        module, name = self.kind
        with contextlib.suppress(Exception):
            error = cloudpickle.loads(self.pickled)
            if type(error).__name__ == name and str(error) == self.text:
                return error
        return type(name, (RuntimeError,), {"__module__": module})(self.text)

    def raise_(self) -> None:
        """Raise the error, caused by its :class:`RunnerTraceback`."""
        raise self.error() from RunnerTraceback(self.traceback_text)


class ReturnsErrors:
    """Mixin for env runners: a call through RLlib's actor manager returns an error as a value."""

    def apply(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """RLlib's hook: ``func`` of this runner, or a :class:`RunnerError`."""
        try:
            return func(self, *args, **kwargs)
        except (Exception, SystemExit) as error:  # environments and networks may call sys.exit()
            return RunnerError.of(error)


class RunnerManager(FaultTolerantActorManager):
    """RLlib's actor manager; raises the errors that runners returned or that their constructors raised.

    While it waits for all answers, errors among those that are there are raised within
    ``CHECK_PERIOD_S``.

    Attributes:
        environment: its name, for error messages.
    """

    environment: str

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # Runner id → deaths of its process since its last result.
        self._deaths: dict[int, int] = {}

    def _fetch_result(
        self, *, remote_calls: list[Any], timeout_seconds: float | None = None, **kwargs: Any
    ) -> Any:
        left = _wait_without_errors(remote_calls, timeout_seconds)
        healthy = self.healthy_actor_ids()
        ready, results = super()._fetch_result(
            remote_calls=remote_calls, timeout_seconds=left, **kwargs
        )
        for result in results:
            answer = result.get()
            _raise_error(answer)
            # None and words answer calls that restore a runner or check its health.
            if not isinstance(answer, RayError | NoneType | str):
                self._deaths.pop(result.actor_id, None)
            elif isinstance(answer, RayActorError) and result.actor_id in healthy:
                self._count_death(result.actor_id, answer)
        return ready, results

    def _count_death(self, runner_id: int, error: RayActorError) -> None:
        """Count the death of a runner's process; health checks of a dead one do not count.

        Raises:
            EnvironmentFault: it was one too many.
        """
        self._deaths[runner_id] = self._deaths.get(runner_id, 0) + 1
        if self._deaths[runner_id] == DEATHS_IN_A_ROW:
            raise EnvironmentFault(
                f"environment {self.environment!r}: the process of env runner {runner_id} ended "
                f"{DEATHS_IN_A_ROW} times in a row before it returned a result; {CRASH_CAUSES}"
            ) from error


def _wait_without_errors(calls: list[Any], timeout: float | None) -> float | None:
    """Wait until all calls have been answered or the time is up; the seconds that are left.

    Raises whatever a runner raised.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while calls and (timeout is None or timeout > CHECK_PERIOD_S):
        ready, calls = ray.wait(calls, num_returns=len(calls), timeout=CHECK_PERIOD_S)
        # Usually all answers arrive in the first period: none is fetched twice.
        for call in ready if calls else ():
            with contextlib.suppress(RayError):
                _raise_error(ray.get(call))
        timeout = None if end is None else max(end - time.monotonic(), 0.0)
    return timeout


def _raise_error(answer: Any) -> None:
    if isinstance(answer, RunnerError):
        answer.raise_()
    if isinstance(answer, RayActorError) and answer.actor_init_failed:
        cause = answer.args[0] if answer.args else None
        if isinstance(cause, RayTaskError):
            RunnerError.of(cause.cause, cause.traceback_str).raise_()


@contextlib.contextmanager
def runner_errors_raised(env: Any) -> Iterator[None]:
    """RLlib's EnvRunnerGroups created within this context use :class:`RunnerManager`.

    Args:
        env: of the configuration.
    """
    manager = type(RunnerManager.__name__, (RunnerManager,), {"environment": environment_name(env)})
    with patch.object(env_runner_group, FaultTolerantActorManager.__name__, manager):
        yield
