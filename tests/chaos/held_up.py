"""A process whose runs are held up in every way at once: ``held_up.py URL TIMEOUT``, of `hostile`'s services.

It prints one object of JSON: the result of each run by name, and how far its memory grew meanwhile (bytes).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from leadagent_prefect import AgentFactory, AgentResponse, BaseAgent, LeadAgent

#: A host whose name no resolver ever answers for.
UNRESOLVED = "never.example"


class Stubborn(BaseAgent):
    """Swallows that it is cancelled."""

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


class Sync(BaseAgent):
    """Blocks its thread for good."""

    def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:  # type: ignore[override]  # without async, on purpose
        threading.Event().wait()
        return AgentResponse(success=True)


class Handed(BaseAgent):
    """Waits for a thread of the loop's that blocks for good."""

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        await asyncio.to_thread(threading.Event().wait)
        return AgentResponse(success=True)


class Blocking(BaseAgent):
    """Blocks its loop."""

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        time.sleep(parameters["seconds"])  # noqa: ASYNC251  # that is the mistake
        return AgentResponse(success=True)


TYPES = {"stubborn": Stubborn, "sync": Sync, "handed": Handed, "blocking": Blocking}


def _never_resolved() -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **keywords: Any) -> Any:
        if host in (UNRESOLVED, UNRESOLVED.encode()):
            threading.Event().wait()
        return real(host, *args, **keywords)

    socket.getaddrinfo = getaddrinfo


def _memory(what: str) -> int:
    """A line of this process's status, in bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[what].split()[0]) * 1024


def _workflow(url: str, tasks: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    http = {"type": "http_api", "timeout": 600}
    return {
        "name": "held-up",
        "parallel_execution": True,
        "failure_strategy": "continue_on_failure",
        "agents": [
            {"name": "http", "endpoint": url} | http,
            {"name": "unresolved", "endpoint": f"http://{UNRESOLVED}"} | http,
            {"name": "mcp", "type": "mcp_server", "endpoint": f"{url}/events"},
            *({"name": name, "type": name, "endpoint": "x://"} for name in TYPES),
        ],
        "tasks": tasks,
        **settings,
    }


def _get(path: str, **more: Any) -> dict[str, Any]:
    return {
        "name": path,
        "agent_name": "http",
        "action": "GET",
        "parameters": {"endpoint": f"/{path}"},
    } | more


def _of(agent: str, **more: Any) -> dict[str, Any]:
    return {"name": agent, "agent_name": agent, "action": "list_tools"} | more


def _runs(url: str, timeout: float) -> dict[str, dict[str, Any]]:
    ended = {"timeout": timeout}
    tasks = [
        *(_get(path, **ended) for path in ("sleep", "drip", "headers", "events")),
        *(_get(path, timeout=20) for path in ("refusal", "bomb", "flood")),
        *(_of(agent, **ended) for agent in ("unresolved", "mcp", "stubborn", "sync", "handed")),
    ]
    held = [_get("sleep"), _get("drip"), _of("sync"), _of("handed")]
    blocking = _of("blocking", timeout=timeout, parameters={"seconds": timeout + 2})
    return {
        "each": _workflow(url, tasks),
        "blocked": _workflow(url, [blocking]),
        "whole": _workflow(url, held, global_timeout=timeout + 1),
        "stubborn": _workflow(url, [_of("stubborn")], global_timeout=timeout + 1),
    }


def main(url: str, timeout: float) -> None:
    for name, agent in TYPES.items():
        AgentFactory.register_agent_type(name, agent)
    # Whatever is loaded on first use is loaded, and no part of what is measured.
    importlib.import_module("leadagent_prefect.agents.mcp.session")

    first = LeadAgent().execute_workflow_from_dict_sync(_workflow(url, [_get("healthy")]))
    assert first.status == "completed", first.errors
    _never_resolved()
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    handles = {name: LeadAgent().start(workflow) for name, workflow in _runs(url, timeout).items()}
    results = {name: json.loads(handle.result(120).model_dump_json()) for name, handle in handles.items()}
    print(json.dumps({"results": results, "grown": _memory("VmHWM") - before}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
