"""REST API servers on the tests' Prefect: one as users start it, one in this process with keys."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_plus

import httpx
import pytest
from canaries import SECRETS, Canary, seen, watched
from outside import uncounted

from leadagent_prefect.embedded import PrefectApi, client_environment

SECRET, CANARY = "REST_TOKEN", "canary-5f1f0a3e9b"
POST = {"id": 1, "title": "Test Post", "body": "..."}


class _Handler(BaseHTTPRequestHandler):
    """``/posts/1`` answers, ``/hold`` does so once it is let go, ``/gate`` fails until it is opened.

    ``/echo/HOW`` tells what it was sent as a credential, in an answer of that kind; ``/moved/STATUS/URL``
    sends on to there; ``/broken`` fails always.
    """

    server: Any

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.service.requests.append((self.path, headers))
        if self.path == "/hold":
            self.server.service.held.set()
            self.server.service.go.wait(150)
        if self.path == "/echo":
            self._answer(401, json.dumps(self.headers.get("Authorization")).encode())
        elif self.path.startswith("/broken"):
            self._answer(500, b"{}")
        elif self.path == "/gate" and not self.server.service.open.is_set():
            self._answer(503, b"{}")
        elif self.path.startswith("/moved/"):  # /moved/STATUS/URL
            _, _, status, target = self.path.split("/", 3)
            self._answer(int(status), b"{}", {"Location": target})
        elif self.path.startswith("/echo/"):
            self._echo(self.path.removeprefix("/echo/"))
        elif self.path == "/odd":
            self._answer(200, b'{"half": "\\ud800", "deep": ' + b"[" * 50 + b"]" * 50 + b"}")
        elif self.path == "/large":
            self._answer(200, json.dumps("x" * 70_000).encode())
        else:
            self._answer(200, json.dumps(POST).encode())

    do_POST = do_GET

    def _echo(self, how: str) -> None:
        """The secret of the request in every form, and the header that it came in."""
        header = self.headers.get("Authorization") or self.headers.get("X-API-Key") or ""
        kind, _, credential = header.partition(" ")
        secret = credential if kind == "Bearer" else header
        if kind == "Basic":
            secret = base64.b64decode(credential).decode().partition(":")[2]
        raw = secret.encode()
        coded = (base64.b64encode(raw), base64.urlsafe_b64encode(raw))
        told = [
            header,
            secret,
            quote(secret),
            quote(secret, safe=""),
            quote_plus(secret),
            *map(bytes.decode, coded),
        ]
        body = json.dumps({"told": told}, ensure_ascii=False).encode()
        service, key = self.server.service, self.headers.get("Idempotency-Key")
        service.echoed.append(body)
        if how == "retry" and service.tries.setdefault(key, 0) < 1:
            service.tries[key] += 1
            self._answer(503, body)
        elif how in ("slow", "hold"):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(body)
            service.holding.append(how)
            service.over.wait(20)
        else:
            self._answer(400 if how == "fail" else 200, body, {"X-Told": quote(secret)})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing."""


class Service:
    """What the workflows call: ``requests`` are path and headers of each, by names in lower case."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.echoed: list[bytes] = []
        self.holding: list[str] = []
        self.tries: dict[str | None, int] = {}
        self.over = threading.Event()
        self.held, self.go, self.open = threading.Event(), threading.Event(), threading.Event()
        self._server = cast("Any", ThreadingHTTPServer(("127.0.0.1", 0), _Handler))
        self._server.service = self
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[Service]:
        self._thread.start()
        try:
            yield self
        finally:
            self.go.set()
            self.over.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


@dataclass
class Rest:
    """A running server, and a client of it."""

    url: str
    service: Service
    pid: int = 0
    log: Path | None = None
    folder: Path | None = None

    def client(self, key: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def workflow(self, *, path: str = "/posts/1", **more: Any) -> dict[str, Any]:
        """The workflow of the original's examples, on the service here."""
        return {
            "name": "simple_test_workflow",
            "description": "A simple test workflow",
            "version": "1.0.0",
            "parallel_execution": False,
            "failure_strategy": "stop_on_first_failure",
            "agents": [
                {"name": "test_agent", "type": "http_api", "endpoint": self.service.url, "timeout": 30}
            ],
            "tasks": [
                {
                    "name": "fetch_data",
                    "agent_name": "test_agent",
                    "action": "fetch",
                    "parameters": {"method": "GET", "endpoint": path},
                }
            ],
            **more,
        }

    def ended(self, client: httpx.Client, execution_id: str, seconds: float = 180) -> dict[str, Any]:
        """The run's details once it has ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found: dict[str, Any] = client.get(f"/api/v1/workflows/{execution_id}").json()
            if found["status"] in ("completed", "failed", "cancelled"):
                return found
            time.sleep(0.1)
        raise AssertionError(f"the run has not ended: {found}")


def taken(client: httpx.Client, workflow: dict[str, Any], **more: Any) -> str:
    """The id of the run of a workflow that was taken on."""
    answer = client.post("/api/v1/workflows", json=workflow, **more)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["execution_id"])


def settings_file(folder: Path, service: Service) -> Path:
    """A config file that lets workflows reach the service, with one secret and one MCP server."""
    path = folder / "serve.yaml"
    config = {
        "allow_networks": ["127.0.0.1/32"],
        "allow_secrets": {name: [service.url] for name in (SECRET, *SECRETS)},
        "mcp_servers": {"time": f"{sys.executable} -m mcp_server_time --local-timezone UTC"},
        "rate_limit": "100000/minute",
        "api_keys": str(folder / "keys.json"),
    }
    path.write_text(json.dumps(config))
    return path


@pytest.fixture(scope="session")
def rest_service() -> Iterator[Service]:
    with Service().running() as service:
        yield service


@pytest.fixture(scope="session")
def rest(
    prefect_api: PrefectApi, rest_service: Service, proxy: Canary, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rest]:
    """``leadagent serve`` without keys, and with the worker that executes the runs of all servers."""
    folder = tmp_path_factory.mktemp("rest")
    config = settings_file(folder, rest_service)
    options = ["--port", "0", "--config", str(config)]
    theirs = {**client_environment(prefect_api), **watched(folder, proxy), SECRET: CANARY}
    environment = {**os.environ, **theirs}
    with server_process(folder, *options, **environment) as server:
        yield Rest(server.url, rest_service, server.pid, server.log, folder)
        assert "The worker has ended" not in server.log.read_text()
    assert [row for row in seen(folder) if row["what"] == "connect"] == []  # nobody has left the machine


@dataclass
class Server:
    """A server in a process of its own: where it is, and its log."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self) -> int:
        """It drains, cancels, kills. Gives its status."""
        for _ in range(3):
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(30)
        self.process.kill()
        return self.process.wait()


@contextmanager
def server_process(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    """``python -m leadagent_prefect.api.server`` in ``folder``, ready, until the end of the block.

    Its lines are counted where ``environment`` says so.
    """
    log = folder / "log"
    command = [sys.executable, "-m", "leadagent_prefect.api.server", *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**uncounted(), **environment},
            cwd=folder,
            start_new_session=True,
        )
    server = Server(process, log)
    try:
        server.url = _until_it_serves(process, log, worker="--no-worker" not in options)
        yield server
    finally:
        server.end()
        print(log.read_text(errors="replace"))


def _until_it_serves(
    process: subprocess.Popen[bytes], log: Path, *, worker: bool, seconds: float = 180
) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        text = log.read_text(errors="replace")
        match = re.search(r"Serving on (http://\S+)", text)
        if match and ("started!" in text or not worker) and _is_ready(match[1]):
            return match[1]
        time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/health/ready", trust_env=False, timeout=30).status_code == 200
    except httpx.TimeoutException:  # it listens before it answers, and the machine may be busy
        return False


@dataclass
class Keyed(Rest):
    """The server in this process; ``keys`` are texts of API keys by name."""

    keys: Any = None


@pytest.fixture(scope="module")  # no longer: it holds the process to one Prefect
def keyed(
    rest: Rest, prefect_api: PrefectApi, rest_service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keyed]:
    """A second server on the same Prefect: in this process, with keys, without a worker of its own."""
    from leadagent_prefect.api.keys import KeyFile
    from leadagent_prefect.api.settings import read_settings

    folder = tmp_path_factory.mktemp("keyed")
    settings = read_settings({"host": "127.0.0.1"}, settings_file(folder, rest_service))
    scopes = {
        "alice": ("read", "submit", "cancel"),
        "bob": ("read", "submit", "cancel"),
        "reader": ("read",),
        "root": ("admin",),
    }
    keys = {name: KeyFile(settings.api_keys).create(name, allowed)[1] for name, allowed in scopes.items()}
    with in_this_process(settings, prefect_api) as url:
        yield Keyed(url, rest_service, keys=keys)


@contextmanager
def in_this_process(settings: Any, api: PrefectApi) -> Iterator[str]:
    """A server in a thread; gives its URL."""
    import uvicorn

    from leadagent_prefect.embedded import use_api

    listener = socket.create_server(("127.0.0.1", 0))
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})

    def work() -> None:
        with use_api(api):
            from leadagent_prefect.api.app import create_app
            from leadagent_prefect.api.line import Line

            config = uvicorn.Config(
                create_app(settings, api), log_config=None, http=Line, ws="none", server_header=False
            )
            server.append(uvicorn.Server(config))
            server[0].install_signal_handlers = lambda: None
            asyncio.run(server[0].serve(sockets=[listener]))

    server: list[Any] = []
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not (server and server[0].started):
        assert thread.is_alive()
        assert time.monotonic() < until
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{settings.port}"
    finally:
        server[0].should_exit = True
        thread.join(20)
        listener.close()
