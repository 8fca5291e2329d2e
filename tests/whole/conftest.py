"""A Prefect server started by hand, and a service that answers with what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from by_hand import ServerByHand, server_by_hand


class LeakyHandler(BaseHTTPRequestHandler):
    """Answers with the headers and the address it was asked with; the first call of each path fails."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        seen: dict[str, int] = self.server.seen  # type: ignore[attr-defined]  # set by the fixture
        seen[path] = seen.get(path, 0) + 1
        status = {"/refuses": 401, "/unstable": 503 if seen[path] == 1 else 200}.get(path, 200)
        body = json.dumps({"you_sent": dict(self.headers), "to": self.path}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Echo", self.headers.get("Authorization", ""))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def leaky_service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), LeakyHandler)
    server.seen = {}  # type: ignore[attr-defined]  # what the handler counts in
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="server_by_hand")
def _server_by_hand(tmp_path: Path) -> Iterator[ServerByHand]:
    with server_by_hand(tmp_path) as server:
        yield server
