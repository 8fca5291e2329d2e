"""A service that writes down every call of every run, and what must hold of what it wrote."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Call:
    """One request: of which run and task, under which Idempotency-Key, from which worker."""

    run: str
    task: str
    key: str
    worker: str


@dataclass
class History:
    """The calls in the order in which they came. ``url`` is where ``/RUN/TASK`` is called."""

    url: str
    calls: list[Call] = field(default_factory=list)

    def duplicates(self) -> dict[tuple[str, str], int]:
        """How often a task of a run was called, where that is more than once."""
        counts = Counter((call.run, call.task) for call in self.calls)
        return {step: count for step, count in counts.items() if count > 1}

    def repeated(self) -> dict[tuple[str, str], list[Call]]:
        """The calls of each task of a run that was called more than once."""
        return {
            step: [call for call in self.calls if (call.run, call.task) == step] for step in self.duplicates()
        }

    def last_of(self, worker: str, run: str) -> Call:
        """The last call that ``worker`` made for a run."""
        return [call for call in self.calls if (call.run, call.worker) == (run, worker)][-1]

    def missing(self, runs: Iterable[str], tasks: Sequence[str]) -> list[tuple[str, str]]:
        """Tasks of ``runs`` that were never called."""
        seen = {(call.run, call.task) for call in self.calls}
        return [(run, task) for run in runs for task in tasks if (run, task) not in seen]

    def shared_keys(self) -> list[str]:
        """Keys that stand for more than one task: a service that honours them would answer wrongly."""
        steps: dict[str, set[tuple[str, str]]] = {}
        for call in self.calls:
            steps.setdefault(call.key, set()).add((call.run, call.task))
        return [key for key, of in steps.items() if len(of) > 1 or not key]

    def spread(self) -> dict[str, int]:
        """By worker, how many runs it called something for."""
        return dict(sorted(Counter(worker for _, worker in {(c.run, c.worker) for c in self.calls}).items()))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, run, task = map(unquote, self.path.split("/", 2))
        server: Any = self.server
        worker, key = self.headers.get("X-Worker", ""), self.headers.get("Idempotency-Key", "")
        with server.lock:
            server.history.calls.append(Call(run, task, key, worker))
        body = json.dumps({"run": run, "task": task}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True  # connections that workers keep open end with the test


@contextlib.contextmanager
def recording_service() -> Iterator[History]:
    """The service, on loopback, until the end of the block."""
    server: Any = _Server(("127.0.0.1", 0), _Handler)
    server.lock = threading.Lock()
    server.history = History(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.history
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
