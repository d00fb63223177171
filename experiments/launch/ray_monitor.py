"""A thread that ends the command if a server of its Ray dies, within seconds and with a reason.

Ray itself retries for a minute and then ends the process from C++, without any handler being called.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import psutil

from rllib_zoo.experiments.console import print_stderr
from rllib_zoo.experiments.tune import signals

INTERVAL_S = 0.2
# Without its raylet no process can go on; without its gcs_server those that run can make a checkpoint.
GRACE_S = {"raylet": 0.0, "gcs_server": signals.GRACE_PERIOD_S}
# For what follows: Tune's end, the summary, Ray's shutdown. Less than Ray's own minute.
END_S = 15.0
SHUTDOWN_S = 30.0
# After which Ray ends the process because it does not reach a cluster's gcs_server.
RAY_GIVES_UP_S = float(os.environ.get("RAY_gcs_rpc_server_reconnect_timeout_s", 60.0))  # noqa: SIM112
CONNECT_S = 3.0


class RayMonitor(threading.Thread):
    """Watches Ray's servers until :meth:`stop`.

    Args:
        servers: name → process; empty where a cluster is joined.
        clean_up: called before the process is ended by force.
        address: host and port of a joined cluster's gcs_server.

    Attributes:
        exit_code: of the command if Ray's shutdown has to be cut off.
    """

    def __init__(
        self,
        servers: Mapping[str, subprocess.Popen[bytes]],
        clean_up: Callable[[], None],
        address: str | None = None,
    ):
        super().__init__(daemon=True, name="ray-monitor")
        self._servers, self._clean_up, self._address = servers, clean_up, address
        self.exit_code = 1
        self._is_ending, self._has_ended = threading.Event(), threading.Event()

    def run(self) -> None:
        reached = time.monotonic()
        while not self._is_ending.wait(INTERVAL_S if self._address is None else CONNECT_S):
            if self._address is not None:
                if _is_reachable(self._address):
                    reached = time.monotonic()
                elif self._is_lost(reached):
                    self._end("gcs_server", f"cannot be reached at {self._address}")
                    return
            for name, process in self._servers.items():
                if (code := process.poll()) is not None and not self._is_ending.is_set():
                    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                    self._end(name, f"process ended ({how})")
                    return
        if not self._has_ended.wait(SHUTDOWN_S):
            self._exit()

    def end(self) -> None:
        """Call before Ray is shut down: from then on its servers may end."""
        self._is_ending.set()

    def stop(self) -> None:
        """Call when Ray is shut down."""
        self._is_ending.set()
        self._has_ended.set()

    def _is_lost(self, reached: float) -> bool:
        """Whether a cluster was last reached so long ago that there is just time to end before Ray does."""
        time_to_end = GRACE_S["gcs_server"] + 1.5 * END_S
        out_of_reach = time.monotonic() - reached
        return out_of_reach > RAY_GIVES_UP_S - time_to_end and not self._is_ending.is_set()

    def _end(self, name: str, problem: str) -> None:
        cause, grace = f"Ray's {name} {problem}", GRACE_S[name]
        signals.end_run(cause, grace_s=grace)
        if not self._has_ended.wait(grace + END_S):
            if not signals.abort():
                print_stderr(cause)
            self.exit_code = 1
            self._exit()

    def _exit(self) -> None:
        """End this process now; its main thread hangs in a call of Ray."""
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
        self._clean_up()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(self.exit_code)


def _is_reachable(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError:
        return False
    return True
