"""A wire to a server that a test may cut: a TCP proxy on loopback, in threads of this process."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_CHUNK = 65_536


@dataclass
class _Line:
    """A connection of a client, and the one to the server."""

    client: socket.socket
    server: socket.socket
    is_websocket: bool

    def cut(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                target.sendall(data)
        self.cut()


@dataclass
class Wire:
    """Carries what comes to ``url`` on to the server at ``port``.

    ``refuses`` are the kinds of connections that are hung up on at once. ``websockets`` counts those that
    were carried.
    """

    port: int
    refuses: set[str] = field(default_factory=set)
    websockets: int = 0

    def __post_init__(self) -> None:
        self._lines: list[_Line] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self, *kinds: str) -> int:
        """Hangs up on all connections of these kinds, ``http`` and ``websocket``; how many there were."""
        with self._lock:
            found = [line for line in self._lines if _kind(line.is_websocket) in kinds]
            self._lines = [line for line in self._lines if line not in found]
        for line in found:
            line.cut()
        return len(found)

    def close(self) -> None:
        """From now on nobody is there."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut("http", "websocket")

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._take, args=(client,), daemon=True).start()

    def _take(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(_CHUNK)
                if not data:
                    break
                head += data
            is_websocket = b"upgrade: websocket" in head.lower()
            if not head or _kind(is_websocket) in self.refuses:
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            line = _Line(client, server, is_websocket)
            with self._lock:
                self._lines.append(line)
                self.websockets += is_websocket
            server.sendall(head)
            threading.Thread(target=line.carry, args=(server, client), daemon=True).start()
            line.carry(client, server)
            return
        client.close()


def _kind(is_websocket: bool) -> str:
    return "websocket" if is_websocket else "http"


@contextlib.contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A wire to a port of this machine, until the end of the block."""
    found = Wire(port)
    try:
        yield found
    finally:
        found.close()
