"""A Prefect server as a person starts it: ``prefect server start``, in a home of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import Part, free_port
from outside import environment, uncounted
from waiting import until

_START_LIMIT = 90.0
#: ``prefect``, without collections of cyclic garbage: one that comes upon a cursor of SQLite while another
#: connection waits for the database stops the server's loop, and with it who holds the database, for the
#: 60 s that SQLite waits. Ten runs at once on two busy cores do that to it.
_PREFECT = "import gc, runpy; gc.disable(); runpy.run_module('prefect', run_name='__main__', alter_sys=True)"


@dataclass
class ServerByHand:
    """``url`` is its API's address, ``ui`` its pages', ``log`` the file that it prints to."""

    url: str
    home: Path
    log: Path

    @property
    def ui(self) -> str:
        return self.url.removesuffix("/api")

    def get(self, path: str) -> Any:
        return self._ask(urllib.request.Request(self.url + path))

    def post(self, path: str, body: Any) -> Any:
        """Raises `urllib.error.HTTPError` for an answer that is no success; a busy server is asked again."""
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self.url + path, json.dumps(body).encode(), headers))

    def _ask(self, request: urllib.request.Request) -> Any:
        (answer,) = until(lambda: _answer(request), 30, lambda: f"an answer to {request.full_url}")
        return answer


@contextlib.contextmanager
def server_by_hand(folder: Path) -> Iterator[ServerByHand]:
    """A new server, once it answers; it has ended with the block. Its UI is told where its API is."""
    port = free_port()
    url, home = f"http://127.0.0.1:{port}/api", folder / "by-hand"
    command = ["-c", _PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    env = environment(home, PREFECT_SERVER_ANALYTICS_ENABLED="false", PREFECT_SERVER_UI_API_URL=url)
    with process("server", command, uncounted(env), folder) as part:
        until(lambda: _is_healthy(part, url), _START_LIMIT, lambda: "the Prefect server")
        yield ServerByHand(url, home, part.log)


@contextlib.contextmanager
def process(name: str, command: Sequence[str], env: Mapping[str, str], folder: Path) -> Iterator[Part]:
    """``python COMMAND`` in ``folder``, which has ended with all its children when the block does."""
    log = folder / f"{name}.log"
    with log.open("wb") as file:
        started = subprocess.Popen(
            [sys.executable, *command],
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    part = Part(name, started, log)
    try:
        yield part
    finally:
        part.end()


def _answer(request: urllib.request.Request) -> list[Any]:
    """What the server said; nothing where it is busy: on SQLite it says so (503) when it has to wait."""
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return [json.load(response)]
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        error.close()
        return []


def _is_healthy(part: Part, url: str) -> bool:
    if part.process.poll() is not None:
        raise AssertionError(f"the Prefect server has ended:\n{part.log.read_text(errors='replace')}")
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
