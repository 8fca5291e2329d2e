"""Real MCP servers: in a child process, in a thread of the test, and an agent for each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp_services import (
    WORKSHOP,
    Gate,
    Restartable,
    Resumable,
    alive,
    children,
    free_port,
    gated,
    server_process,
    serving,
)

from leadagent_prefect.agents.base import Call, current_call
from leadagent_prefect.agents.mcp_server import MCPServerAgent
from leadagent_prefect.models import AgentConfig


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


@pytest.fixture(scope="session")
def workshop() -> Iterator[str]:
    """The URL of a workshop server over streamable HTTP, for tests that leave it as it is."""
    port = free_port()
    with server_process([sys.executable, str(WORKSHOP), "http", str(port)], port):
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.fixture
def stdio() -> str:
    """The endpoint of a workshop server over stdio."""
    return f"stdio:{sys.executable} {WORKSHOP} stdio"


@pytest.fixture
def workshop_parts() -> list[str]:
    """The arguments of Python for the same."""
    return [str(WORKSHOP), "stdio"]


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Runs a script in an interpreter of its own; what it printed."""

    def run(script: str) -> str:
        command = [sys.executable, "-c", script]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    return run


Make = Callable[..., MCPServerAgent]


def make_agent(
    endpoint: str | None = None, authentication: Any = None, **custom_params: Any
) -> MCPServerAgent:
    config = {"name": "m", "type": "mcp_server", "endpoint": endpoint, "custom_params": custom_params}
    if authentication:
        config["authentication"] = authentication
    return MCPServerAgent(AgentConfig.model_validate(config))


@pytest.fixture(name="make_agent")
def _make_agent() -> Make:
    """Agents by endpoint and custom_params."""
    return make_agent


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """The same; the agents are closed after the test."""
    agents: list[MCPServerAgent] = []

    def agent(*args: Any, **params: Any) -> MCPServerAgent:
        agents.append(make_agent(*args, **params))
        return agents[-1]

    yield agent
    for each in agents:
        await each.close()


@contextmanager
def calling(**call: Any) -> Iterator[None]:
    """What surrounds the calls in the body: `Call`."""
    token = current_call.set(Call(**call))
    try:
        yield
    finally:
        current_call.reset(token)


@pytest.fixture(name="calling")
def _calling() -> Any:
    return calling


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A workshop over streamable HTTP, in this process, behind a gate."""
    with gated("streamable_http_app") as found:
        found.url += "/mcp"
        yield found


@pytest.fixture
def sse_gate() -> Iterator[Gate]:
    """The same over SSE."""
    with gated("sse_app") as found:
        found.url = f"sse+{found.url}/sse"
        yield found


@pytest.fixture(name="alive")
def _alive() -> Callable[[int], bool]:
    return alive


def everything() -> Path | None:
    """The script of the npm package that `make setup-node` installs."""
    found = (
        Path(__file__).parents[1] / "npm/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    )
    return found if found.is_file() else None


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    return free_port()


@pytest.fixture
def restartable() -> Iterator[Callable[[str], Restartable]]:
    made: list[Restartable] = []

    def make(kind: str) -> Restartable:
        made.append(Restartable(kind))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.kill()


@pytest.fixture
def legacy_clients(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes the SDK's client speak as before 2026, so that servers keep a session for it."""
    from mcp import Client

    from leadagent_prefect.agents.mcp import session

    def switch() -> None:
        monkeypatch.setattr(session, "Client", lambda *args, **params: Client(*args, **params, mode="legacy"))

    return switch


@pytest.fixture
def everything_server() -> Iterator[Callable[[str], str]]:
    """The endpoint of server-everything over a transport of its own naming."""
    script, node = everything(), shutil.which("node")
    if script is None or node is None:
        pytest.skip("needs npm package @modelcontextprotocol/server-everything: make setup-node")
    with ExitStack() as running:

        def start(transport: str) -> str:
            if transport == "stdio":
                return f"stdio:{node} {script} stdio"
            port = free_port()
            env = {**os.environ, "PORT": str(port)}
            running.enter_context(server_process([node, str(script), transport], port, env))
            return (
                f"http://127.0.0.1:{port}/mcp" if transport != "sse" else f"sse+http://127.0.0.1:{port}/sse"
            )

        yield start


@pytest.fixture
def resumable() -> Iterator[Resumable]:
    app = Resumable()
    with serving(app) as url:
        app.url = f"{url}/mcp"
        yield app
