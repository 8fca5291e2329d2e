"""MCP servers for the tests: in a child process, in a thread of the test, and what stands before them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from outside import uncounted

WORKSHOP = Path(__file__).parents[1] / "agents_mcp" / "servers" / "workshop.py"


def children() -> set[int]:
    """Child processes of this one, whichever thread started them."""
    found: set[int] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found |= {int(pid) for pid in task.read_text().split()}
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server_process(
    command: list[str], port: int, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that listens on ``port`` before the body runs, and is gone after it."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=uncounted(os.environ if env is None else env),
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, f"{command} exited with {process.returncode}"
            assert time.monotonic() < deadline, f"{command} does not listen on {port}"
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


Reply = tuple[int, dict[str, str], bytes]


class Gate:
    """Stands before an ASGI application: sees every request, and may answer in the application's place.

    ``answer(message, headers)`` gets the JSON-RPC message of a POST ({} of anything else) and gives a
    status, headers and body, or None to let the request pass.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.seen: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.answer: Callable[[dict[str, Any], dict[str, str]], Reply | None] = lambda message, headers: None
        self.url = ""

    def messages(self, method: str) -> list[dict[str, str]]:
        """The headers of the requests that carried ``method``."""
        return [headers for _, message, headers in self.seen if message.get("method") == method]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = b""
        while scope["method"] == "POST":
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        message = json.loads(body) if body else {}
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.seen.append((scope["method"], message, headers))
        reply = self.answer(message, headers)
        if reply is not None:
            status, reply_headers, content = reply
            pairs = [(name.encode(), value.encode()) for name, value in reply_headers.items()]
            await send({"type": "http.response.start", "status": status, "headers": pairs})
            await send({"type": "http.response.body", "body": content})
            return
        sent = False

        async def again() -> Any:
            nonlocal sent
            if sent or scope["method"] != "POST":
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The base URL of an ASGI application, served in a thread."""
    config = uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def gated(kind: str) -> Iterator[Gate]:
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("gated", log_level="CRITICAL")

    @server.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @server.tool()
    async def wait(seconds: float) -> str:
        import anyio

        await anyio.sleep(seconds)
        return "done"

    @server.tool(structured_output=False)
    def big(size: int) -> str:
        return "x" * size

    gate = Gate(getattr(server, kind)())
    with serving(gate) as url:
        gate.url = url
        yield gate


def alive(pid: int) -> bool:
    """Does the process run? A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Restartable:
    """A workshop that can be killed, and started again on its port."""

    def __init__(self, kind: str) -> None:
        self._kind, self._port = kind, free_port()
        path = {"http": "http://127.0.0.1:{}/mcp", "sse": "sse+http://127.0.0.1:{}/sse"}[kind]
        self.endpoint = path.format(self._port)
        self._running: Any = None

    def start(self) -> None:
        command = [sys.executable, str(WORKSHOP), self._kind, str(self._port)]
        self._running = server_process(command, self._port)
        self._running.__enter__()

    def kill(self) -> None:
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None


class Resumable:
    """A server of before 2026 that ends each answer's stream at once; who comes back is given the answer."""

    def __init__(self) -> None:
        self.url, self.size = "", 0
        self._call: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["method"] == "GET" and "last-event-id" in headers:
            result = {"content": [{"type": "text", "text": "late" + "x" * self.size}]}
            await self._stream(send, {"jsonrpc": "2.0", "id": self._call, "result": result}, "2")
            return
        message = json.loads((await receive())["body"] or b"{}") if scope["method"] == "POST" else {}
        method = message.get("method", "")
        if method == "tools/call":
            self._call = message["id"]
            await self._stream(send, None, "1", "x" * self.size)
            return
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "resumable", "version": "1"},
            },
            "tools/list": {"tools": [{"name": "wait", "inputSchema": {"type": "object"}}]},
        }
        status = 200 if method in results else 202 if method and "id" not in message else 404
        body = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "result": results.get(method)}).encode()
        pairs = [(b"content-type", b"application/json"), (b"mcp-session-id", b"s1")]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body if status == 200 else b""})

    async def _stream(self, send: Any, message: Any, event: str, comment: str = "") -> None:
        data = "" if message is None else json.dumps(message)
        text = f"id: {event}\nretry: 1\ndata: {data}\n\n:{comment}\n\n"
        pairs = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        await send({"type": "http.response.body", "body": text.encode()})
