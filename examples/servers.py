"""The services that the examples call, on loopback: an HTTP API, a chat-completions API and an MCP server.

They know little, but they speak as the real ones do: sockets, status codes, credentials, MCP sessions.

    python examples/servers.py    # where the examples look for them by default, until Ctrl-C
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import completions

PORT, TOOLS_PORT = 8750, 8751
ARTICLES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("articles.json").read_text())
#: Folders to which anything may be posted.
KEPT = ("digests", "orders", "payments", "reservations", "jobs", "notices")
DAYS = [
    {"day": n, "visits": 100 + 3 * n + n * 37 % 190, "sales": 20 + 2 * n + n * 53 % 90} for n in range(1, 101)
]


class Services:
    """Runs them all in threads while the ``with`` block lasts; port 0 is any free one.

    ``moody``: the first attempt of every task that reads is answered 503, as busy services do.
    ``tools=False`` leaves out the MCP server, which takes a second to import.
    """

    def __init__(
        self, port: int = 0, tools_port: int = 0, *, moody: bool = False, tools: bool = True
    ) -> None:
        self._tools_listener = _listener(tools_port) if tools else None
        self._server = _HttpServer(("127.0.0.1", port), moody)
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The base of the HTTP API; the chat-completions API is at ``/v1``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def tools_url(self) -> str:
        """The endpoint of the MCP server, over streamable HTTP."""
        if self._tools_listener is None:
            raise RuntimeError("these services were started without tools")
        return f"http://127.0.0.1:{self._tools_listener.getsockname()[1]}/mcp"

    @property
    def inputs(self) -> dict[str, str]:
        """What the examples take as inputs to find these services."""
        return {"services": self.url, **({"tools": self.tools_url} if self._tools_listener else {})}

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Every request so far: method and target."""
        return list(self._server.requests)

    def __enter__(self) -> Services:
        with ExitStack() as stack:
            stack.callback(self._server.server_close)
            if self._tools_listener is not None:
                stack.callback(_serve_tools(self._tools_listener))
            thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(self._server.shutdown)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _serve_tools(listener: socket.socket) -> Any:
    """Starts the MCP server of text_tools.py on ``listener``; what comes back stops it."""
    import uvicorn
    from text_tools import server as tools

    config = uvicorn.Config(
        tools.streamable_http_app(), log_level="warning", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    return stop


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], moody: bool) -> None:
        self.moody = moody
        self.requests: list[tuple[str, str]] = []
        self.kept: dict[str, list[Any]] = {name: [] for name in KEPT}
        self.attempts: Counter[str] = Counter()
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle, as a cancelled task does, is nothing to report."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._answer(json.loads(self.rfile.read(length) or b"null"))

    def do_DELETE(self) -> None:
        self._answer(None)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the run says what it called."""

    def _answer(self, body: Any) -> None:
        self.server.requests.append((self.command, self.path))
        status, answer = self._route(body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _route(self, body: Any) -> tuple[int, Any]:
        target = urlsplit(self.path)
        query = dict(parse_qsl(target.query))
        # All attempts of one task carry the same key, so every task meets the same failures.
        task = f"{target.path} {self.headers.get('Idempotency-Key')}"
        self.server.attempts[task] += 1
        failures = self.server.moody and self.command == "GET"
        if self.server.attempts[task] <= int(query.get("failures", failures)):
            return 503, {"error": "busy, try again"}
        time.sleep(float(query.get("seconds", 0)))
        if target.path.startswith("/v1/"):
            return completions.answer(target.path, self.headers.get("Authorization"), body)
        return _api(self.command, target.path, query, body, self.server.kept)


def _api(
    method: str, path: str, query: dict[str, str], body: Any, kept: dict[str, list[Any]]
) -> tuple[int, Any]:
    folder, _, name = path.strip("/").partition("/")
    if (method, path) == ("GET", "/articles"):
        found = [article for article in ARTICLES if query.get("topic") in {None, *article["topics"]}]
        return 200, {"count": len(found), "articles": found}
    if (method, folder) == ("GET", "sources") and name:
        found = [article for article in ARTICLES if article["source"] == name]
        return (200, {"source": name, "articles": found}) if found else (404, {"error": f"no source {name}"})
    if (method, path) == ("GET", "/data"):
        return 200, {"count": len(DAYS), "data": DAYS}
    if (method, folder) == ("GET", "texts") and name.isdecimal():
        return _text(int(name))
    if folder in kept:
        return _shelf(method, folder, name, body, kept[folder])
    if folder == "broken":
        return 500, {"error": "this service is out of order"}
    return 404, {"error": f"there is no {method} {path}"}


def _text(number: int) -> tuple[int, Any]:
    """That of an article; the last one is for subscribers."""
    if number == len(ARTICLES):
        return 402, {"error": "for subscribers only"}
    text = next((article["text"] for article in ARTICLES if article["id"] == number), None)
    return (404, {"error": f"no text {number}"}) if text is None else (200, {"text": text})


def _shelf(method: str, folder: str, name: str, body: Any, things: list[Any]) -> tuple[int, Any]:
    """What is posted to a folder can be read again, and taken away; a job is done when asked after twice."""
    if method == "POST" and not name:
        things.append(body)
        return 201, {"id": len(things), "url": f"/{folder}/{len(things)}"}
    if not name.isdecimal() or not 0 < int(name) <= len(things):
        return 404, {"error": f"there is no {method} /{folder}/{name}"}
    place = int(name) - 1
    if method == "DELETE":
        things[place] = None
        return 200, {"withdrawn": int(name)}
    if folder == "jobs":
        asked = things[place]["asked"] = things[place].get("asked", 0) + 1
        return 200, {**things[place], "state": "SUCCEEDED" if asked > 1 else "RUNNING"}
    return 200, things[place]


def main() -> None:
    """Serves on the default ports until Ctrl-C."""
    with Services(PORT, TOOLS_PORT) as services:
        print(f"HTTP API          {services.url}")
        print(f"chat completions  {services.url}/v1")
        print(f"MCP tools         {services.tools_url}")
        print("Ctrl-C ends them.", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    try:
        main()
    except OSError as exc:
        sys.exit(f"ports {PORT} and {TOOLS_PORT} of 127.0.0.1 are needed, and one can't be had: {exc}")
