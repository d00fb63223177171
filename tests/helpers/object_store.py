"""A real S3 server on loopback, and a connection to it that can be cut."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from rllib_zoo.analysis.files import object_storage


class Connection:
    """A TCP proxy on loopback.

    Attributes:
        port: that it listens on.
        is_cut: while set, connections are reset as soon as they are made.
        watch: called with what a client sends; True cuts the connection within that request.
    """

    def __init__(self, server: int):
        self._server, self.is_cut, self.watch = server, False, lambda sent: False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                if self.is_cut:
                    reset(client)
                    continue
                server = socket.create_connection(("127.0.0.1", self._server))
                for source, target, watch in ((client, server, True), (server, client, False)):
                    thread = threading.Thread(target=self._pass, args=(source, target, watch))
                    thread.daemon = True
                    thread.start()

    def _pass(self, source: socket.socket, target: socket.socket, watch: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                if self.is_cut or (watch and self.watch(data)):
                    reset(source)
                    reset(target)
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def reset(connection: socket.socket) -> None:
    """Close without goodbye, as a lost link looks after a while."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[int]:
    """The port of moto's server, with an empty bucket named ``bucket``."""
    from moto.server import ThreadedMotoServer
    from pyarrow import fs

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "me")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        filesystem = fs.S3FileSystem(
            endpoint_override=f"http://127.0.0.1:{port}", allow_bucket_creation=True
        )
        filesystem.create_dir("bucket")
        yield port
    server.stop()


@pytest.fixture
def s3(s3_server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """The connection of this test's commands to the server."""
    connection = Connection(s3_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{connection.port}")
    monkeypatch.setattr(object_storage, "_buckets", {})
    yield connection
    connection.close()
