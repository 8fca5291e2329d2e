"""A service on loopback that answers what a test scripted and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from leadagent_prefect.agents.base import AgentFactory, BaseAgent, Call, current_call
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.results import AgentResponse


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes | str | dict | list = b""
    headers: dict[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        headers = dict(self.headers)
        body = self.body
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        data = body.encode() if isinstance(body, str) else body
        headers.setdefault("Content-Length", str(len(data)))
        lines = [f"HTTP/1.1 {self.status} Said", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data


Raw = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


class Service:
    """``script`` is used up in order; its last entry answers all further requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: list[Reply | Raw] = [Reply()]
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._scheme = "http"
        self._tasks: set[asyncio.Task[None]] = set()

    def says(self, *replies: Reply | Raw) -> None:
        self.script = list(replies)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"{self._scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def last(self) -> Request:
        return self.requests[-1]

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._scheme = "https" if tls else "http"
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the next turn of the loop

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while True:
                request = await _read(reader)
                self.requests.append(request)
                reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if isinstance(reply, Reply):
                    wire = reply.wire()
                    writer.write(
                        wire.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.method == "HEAD" else wire
                    )
                else:
                    await reply(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()  # who reads no more would hold it open beyond the loop


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine's own proxy is no part of a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


Ask = Callable[..., Awaitable[AgentResponse]]


@pytest.fixture
def ask() -> Ask:
    """``await ask(endpoint, parameters, action=..., call=..., **agent_keys)``: one call to a fresh agent."""

    async def ask(
        endpoint: str,
        parameters: dict[str, Any] | None = None,
        *,
        action: str = "fetch",
        call: Call | None = None,
        **agent: Any,
    ) -> AgentResponse:
        config = AgentConfig.model_validate(
            {"name": "api", "type": "http_api", "endpoint": endpoint, **agent}
        )
        made = AgentFactory.create(config)
        token = current_call.set(call or Call(timeout=20))
        await made.open()
        try:
            return await made.execute(action, parameters or {})
        finally:
            current_call.reset(token)
            await made.close()

    return ask


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    server = Service()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def other_service() -> AsyncIterator[Service]:
    """A second origin, to which nothing of the first may travel."""
    server = Service()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
async def made_agent() -> AsyncIterator[Callable[..., Awaitable[BaseAgent]]]:
    """``await made_agent(endpoint, **agent_keys)``: an opened agent, closed at the test's end."""
    agents: list[BaseAgent] = []

    async def make(endpoint: str, **agent: Any) -> BaseAgent:
        config = AgentConfig.model_validate(
            {"name": "api", "type": "http_api", "endpoint": endpoint, **agent}
        )
        agents.append(AgentFactory.create(config))
        await agents[-1].open()
        return agents[-1]

    yield make
    for agent in agents:
        await agent.close()
