"""A Prefect server started by hand, and a service that answers with what it was sent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from outside import environment


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


@dataclass
class ServerByHand:
    """What ``prefect server start`` runs, in a home of its own."""

    url: str
    home: Path

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)


@pytest.fixture
def server_by_hand(tmp_path: Path) -> Iterator[ServerByHand]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path / "by-hand"
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment(home, PREFECT_SERVER_ANALYTICS_ENABLED="false"),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _until_healthy(f"http://127.0.0.1:{port}/api/health", process)
        yield ServerByHand(f"http://127.0.0.1:{port}/api", home)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    waited = threading.Event()
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            waited.wait(0.2)
    raise AssertionError("the Prefect server ended before it was ready")
