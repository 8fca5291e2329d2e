"""Prefect servers on one PostgreSQL and one Redis, and workers, each a process that a test may end or kill.

The settings are those of docs/scale-out.md, read from the page, with addresses of this machine in them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from backends import postgres_database, redis_database
from fences import fences
from outside import environment, leadagent, uncounted
from waiting import until

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "scale-out.md"
#: Seconds for a process to be ready, on a machine that is busy.
_START_LIMIT = 90.0


@dataclass
class Part:
    """A process of the cluster with all its children. ``url`` is a server's API, empty for a worker."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def signal(self, number: int) -> None:
        """To the process and its children: SIGKILL is a machine that loses its power."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def end(self, limit: float = 30.0) -> None:
        """Asks it to end, and makes it, so that nothing of it is left."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(limit)
        self.signal(signal.SIGKILL)
        self.process.wait()


@dataclass
class Cluster:
    """What runs of it. ``database`` is for `backends.query`; ``results`` is the shared folder."""

    folder: Path
    database: str
    results: Path
    server_settings: Mapping[str, str]
    worker_settings: Mapping[str, str]
    servers: list[Part] = field(default_factory=list)
    workers: list[Part] = field(default_factory=list)

    def start_server(self) -> Part:
        """Another server, once it answers."""
        part = self._start_server(f"server-{len(self.servers) + 1}", free_port())
        self.servers.append(part)
        until(lambda: self._is_healthy(part), _START_LIMIT, lambda: f"{part.name} to answer")
        return part

    def restart_server(self, number: int) -> None:
        """Begins to start one that was killed, on its port; what it printed before is gone."""
        dead = self.servers[number]
        dead.process.wait()
        port = urllib.parse.urlsplit(dead.url).port
        assert port is not None  # it was given one
        self.servers[number] = self._start_server(dead.name, port)

    def _start_server(self, name: str, port: int) -> Part:
        command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        return self._start(name, command, self.server_settings, f"http://127.0.0.1:{port}/api")

    def start_worker(self, command: list[str], server: Part, **more: str) -> Part:
        """Another worker, which speaks to ``server``; it is not waited for. ``NAME`` in it is its name."""
        name = f"worker-{len(self.workers) + 1}"
        settings = {**self.worker_settings, "PREFECT_API_URL": server.url, "WORKER": name, **more}
        part = self._start(name, [name if word == "NAME" else word for word in command], settings)
        self.workers.append(part)
        return part

    def client(self, server: Part) -> dict[str, str]:
        """The environment of a command that speaks to ``server``."""
        return environment(self.folder / "client", **{**self.worker_settings, "PREFECT_API_URL": server.url})

    def post(self, path: str, body: Any, server: Part | None = None) -> Any:
        """Asks the API of ``server``, otherwise of the first one. Raises `urllib.error.HTTPError`."""
        auth = self.server_settings["PREFECT_SERVER_API_AUTH_STRING"]
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Basic {base64.b64encode(auth.encode()).decode()}",
        }
        url = (server or self.servers[0]).url + path
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def logs(self) -> str:
        """What all processes printed."""
        return "\n".join(
            f"== {p.name}\n{p.log.read_text(errors='replace')}" for p in self.servers + self.workers
        )

    def close(self) -> None:
        for part in self.workers + self.servers:
            part.end()

    def _start(self, name: str, command: list[str], settings: Mapping[str, str], url: str = "") -> Part:
        log = self.folder / f"{name}.log"
        env = uncounted(environment(self.folder / name, **settings))
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Part(name, process, log, url)

    def _is_healthy(self, part: Part) -> bool:
        if part.process.poll() is not None:
            raise AssertionError(f"{part.name} has ended:\n{part.log.read_text(errors='replace')}")
        try:
            with urllib.request.urlopen(f"{part.url}/health", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextlib.contextmanager
def cluster(folder: Path, servers: int = 2) -> Iterator[Cluster]:
    """The set-up of docs/scale-out.md with that many servers, and no worker yet."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgres_database())
        redis = stack.enter_context(redis_database())
        results = folder / "results"
        found = Cluster(
            folder, database, results, _server_settings(folder, database, redis), _worker_settings(results)
        )
        found.worker_settings = {
            **found.worker_settings,
            "PREFECT_API_AUTH_STRING": found.server_settings["PREFECT_SERVER_API_AUTH_STRING"],
        }
        stack.callback(found.close)
        _migrate(found)
        for _ in range(servers):
            found.start_server()
        yield found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server_settings(folder: Path, database: str, redis: str) -> dict[str, str]:
    """``leadagent server profile``, then the page's lines, as its reader would have them in one file."""
    printed = leadagent("server", "profile", env=environment(folder / "client"), cwd=folder)
    assert printed.returncode == 0, printed.stderr
    places = {"prefect:PASSWORD@postgres.example:5432/prefect": database, "redis.example:6379/0": redis}
    return {**_settings(printed.stdout), **_shown("cluster.env", places)}


def _worker_settings(results: Path) -> dict[str, str]:
    places = {
        "/mnt/prefect-results": str(results),
        "http://prefect.example:4200/api": "",
        "USER:PASSWORD": "",
    }
    return _shown("worker.env", places)


def _shown(title: str, places: Mapping[str, str]) -> dict[str, str]:
    """The settings of a block of the page, with ``places`` for what its reader has to fill in."""
    (text,) = [fence.text for fence in fences(PAGE.read_text()) if fence.title == title]
    for place, ours in places.items():
        assert place in text, f"{PAGE.name} does not show {place} in {title}"
        text = text.replace(place, ours)
    assert ".example" not in text, text
    return _settings(text)


def _settings(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line and line[0] != "#")
    return {name: value for name, _, value in pairs}


def _migrate(found: Cluster) -> None:
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    env = environment(found.folder / "client", **found.server_settings)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
