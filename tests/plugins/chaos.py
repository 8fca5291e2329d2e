"""What the experiments under tests/chaos share: a service that keeps a history, and what reads it.

The service is a process of its own, so that it outlives whoever is killed, and answers while all else is
busy. It appends one line of JSON for every request to a file, right before it answers (``t_end``), so that
whoever has the answer finds the line; a `History` reads them. How it behaves is told by rules, by path, while
it runs::

    with chaos_service(tmp_path / "history.jsonl") as service:
        service.rule("/", status=500)                       # every request
        service.rule("/run-1/pay", delay=3.0, status=200)   # the longest prefix that fits holds
        service.rule("/run-1/fetch", status=503, times=2)   # twice; then requests are answered 200
        ... call f"{service.url}/RUN/TASK" ...
        assert not service.history().repeated()

Of a request to ``/RUN/TASK`` the line has ``run``, ``task``, ``attempt`` (the header ``X-Attempt`` where it
is sent, otherwise counted by key), ``idempotency_key``, ``worker`` (the header ``X-Worker``), ``t_start`` and
``t_end`` (seconds, the wall clock of the machine), ``status``, and ``not_before``, the moment before which
the answer asks not to be called again (0.0 where it asks for nothing).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from outside import uncounted

#: ``LEADAGENT_CHAOS=whole`` runs the experiments as long as they are meant to be; otherwise in short.
WHOLE = os.environ.get("LEADAGENT_CHAOS") == "whole"


def seeded(name: str) -> random.Random:
    """A generator whose seed is printed, and may be given by ``LEADAGENT_CHAOS_SEED``."""
    seed = int(os.environ.get("LEADAGENT_CHAOS_SEED", "20240229"))
    print(f"{name}: LEADAGENT_CHAOS_SEED={seed}")
    return random.Random(f"{name}/{seed}")


@dataclass(frozen=True)
class Request:
    """One request as the service saw it. Times are seconds of the machine's wall clock."""

    run: str
    task: str
    attempt: int
    idempotency_key: str
    worker: str
    t_start: float
    t_end: float
    status: int
    not_before: float = 0.0


class History:
    """The requests in the order in which they began."""

    def __init__(self, requests: list[Request]) -> None:
        self.requests = sorted(requests, key=lambda request: request.t_start)

    def of(self, task: str) -> list[Request]:
        return [request for request in self.requests if request.task == task]

    def repeated(self) -> dict[tuple[str, str], int]:
        """How often a task of a run was answered 200, where that is more than once."""
        counts = Counter((r.run, r.task) for r in self.requests if r.status == 200)
        return {step: count for step, count in counts.items() if count > 1}

    def keys(self, run: str, task: str) -> set[str]:
        """The Idempotency-Keys under which a task of a run was called."""
        return {r.idempotency_key for r in self.requests if (r.run, r.task) == (run, task)}

    def between(self, start: float, end: float) -> list[Request]:
        """The requests that began in ``[start, end)``."""
        return [request for request in self.requests if start <= request.t_start < end]


@dataclass(frozen=True)
class Service:
    """The running service: its address, its file, its process id."""

    url: str
    path: Path
    pid: int

    def rule(self, prefix: str, *, times: int | None = None, **answer: Any) -> None:
        """From now on, or ``times`` times, requests whose path begins with ``prefix`` are answered so:
        ``status`` (200; 0 hangs up instead), ``delay`` (seconds), and one of ``retry_after`` (seconds, or a
        text that is sent as it is) and ``retry_at`` (seconds from then, as an HTTP date that is no earlier).
        """
        self._tell("rules", {"prefix": prefix, "times": times, **answer})

    def history(self) -> History:
        """What has come in so far; a request that is still being answered is not in it."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return History([Request(**json.loads(line)) for line in lines])

    def _tell(self, what: str, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        request = urllib.request.Request(f"{self.url}/_{what}", data=body)
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()


@contextlib.contextmanager
def chaos_service(path: Path) -> Iterator[Service]:
    """The service, in a process of its own on a free port of loopback, until the end of the block."""
    command = [sys.executable, __file__, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=uncounted())
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Service(f"http://127.0.0.1:{port}", path, process.pid)
    finally:
        process.kill()
        process.communicate()


# --- the process ----------------------------------------------------------------------------------

_HEALTHY = {"status": 200, "delay": 0.0, "retry_after": 0.0, "retry_at": 0.0, "times": None}


def _retry_after(rule: dict[str, Any], now: float) -> tuple[str, float]:
    """The header, and the moment that it means."""
    after = rule["retry_after"]
    if rule["retry_at"]:
        moment = math.ceil(now + rule["retry_at"])
        return formatdate(moment, usegmt=True), float(moment)
    if isinstance(after, str) or not after:
        return after or "", 0.0
    return f"{after:g}", now + after


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        started = time.time()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server: Any = self.server
        path = urlsplit(self.path).path
        if path == "/_rules":
            rule = json.loads(body)
            server.rules[rule.pop("prefix")] = {**_HEALTHY, **rule}
            self._answer(200, {})
            return
        rule = server.rule(path)
        time.sleep(rule["delay"])
        run, task, *_ = [*map(unquote, path.strip("/").split("/", 1)), ""]
        ended = time.time()
        header, not_before = _retry_after(rule, ended)
        key, attempt = self.headers.get("Idempotency-Key", ""), self.headers.get("X-Attempt")
        line = {
            "run": run,
            "task": task,
            "idempotency_key": key,
            "worker": self.headers.get("X-Worker", ""),
            "t_start": started,
            "t_end": ended,
            "status": rule["status"],
            "not_before": not_before,
        }
        server.write(line, int(attempt) if attempt else None)
        with contextlib.suppress(OSError):  # the caller is gone
            self._answer(rule["status"], {"run": run, "task": task}, header)

    do_GET = do_PUT = do_DELETE = do_POST

    def _answer(self, status: int, data: dict[str, Any], retry_after: str = "") -> None:
        if not status:
            self.close_connection = True
            return
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rules: dict[str, dict[str, Any]] = {}
        self._file = path.open("a", buffering=1)
        self._lock, self._attempts = Lock(), Counter[str]()

    def rule(self, path: str) -> dict[str, Any]:
        fitting = [prefix for prefix in self.rules if path.startswith(prefix)]
        if not fitting:
            return _HEALTHY
        rule = self.rules[max(fitting, key=len)]
        if rule["times"] is None:
            return rule
        with self._lock:
            rule["times"] -= 1
            return rule if rule["times"] >= 0 else _HEALTHY

    def write(self, line: dict[str, Any], attempt: int | None) -> None:
        with self._lock:
            key = f"{line['run']}/{line['task']}/{line['idempotency_key']}"
            self._attempts[key] += 1
            self._file.write(json.dumps({**line, "attempt": attempt or self._attempts[key]}) + "\n")


if __name__ == "__main__":
    server = _Server(Path(sys.argv[1]))
    print(server.server_port, flush=True)
    server.serve_forever(poll_interval=0.05)
