"""An MCP server with a tool for every way in which one may answer: ``workshop.py stdio|http|sse [PORT]``."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, ImageContent, TextContent

server = MCPServer("workshop", version="1.2.3", log_level="CRITICAL")
started: list[str] = []


@server.tool()
def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


@server.tool()
def person(name: str) -> dict[str, Any]:
    """An object."""
    return {"name": name, "tags": ["x"]}


@server.tool(structured_output=False)
def say(text: str) -> str:
    """A single text."""
    return text


@server.tool(structured_output=False)
def picture() -> list[TextContent | ImageContent]:
    """Two contents."""
    data = base64.b64encode(b"png").decode()
    return [TextContent(text="a dot"), ImageContent(data=data, mime_type="image/png")]


@server.tool(structured_output=False)
def nothing() -> list[TextContent]:
    """No content at all."""
    return []


@server.tool()
def refuse(reason: str) -> Any:
    """Its own error, with a text or without."""
    return CallToolResult(content=[TextContent(text=reason)] if reason else [], is_error=True)


@server.tool()
async def slow(seconds: float, name: str = "") -> str:
    started.append(name)
    await anyio.sleep(seconds)
    return name


@server.tool()
def begun() -> list[str]:
    """The names of the slow calls so far."""
    return started


@server.tool()
def crash() -> str:
    print("about to die", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@server.tool()
def leave(status: int) -> str:
    os._exit(status)


@server.tool()
def pid() -> int:
    return os.getpid()


@server.tool()
def grandchild(detached: bool = False) -> int:
    """Starts a process that holds on to the pipes; its pid."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=detached).pid


@server.tool()
def environment() -> dict[str, str]:
    return dict(os.environ)


@server.tool()
def folder() -> str:
    return str(Path.cwd())


@server.tool(structured_output=False)
def big(size: int) -> str:
    return "x" * size


@server.tool()
def meta(ctx: Context) -> dict[str, Any]:
    """The ``_meta`` of the request, and its HTTP headers."""
    request = ctx.request_context.request
    return {
        "meta": dict(ctx.request_context.meta or {}),
        "headers": dict(request.headers) if request is not None else {},
    }


@server.resource("note://one", mime_type="text/plain")
def note() -> str:
    return "a note"


@server.resource("note://json", mime_type="application/json")
def data() -> str:
    return '{"a": 1}'


@server.resource("note://blob", mime_type="application/octet-stream")
def blob() -> bytes:
    return b"\x00\x01"


@server.prompt()
def ask(topic: str, count: str = "1") -> str:
    """A question."""
    return f"Tell me {count} things about {topic}"


def main() -> None:
    transport = sys.argv[1]
    if transport == "stdio":
        server.run()
        return
    port = int(sys.argv[2])
    if transport == "sse":
        server.run("sse", port=port)
    else:
        server.run("streamable-http", port=port, json_response="json" in sys.argv)


if __name__ == "__main__":
    if "late" in sys.argv:
        time.sleep(0.3)
    main()
