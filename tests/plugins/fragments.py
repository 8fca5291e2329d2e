"""Parts of a workflow, as documentation shows them, made whole: the least is added that they need to run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

SERVICE = "http://127.0.0.1:8750"
_CALLS: dict[str, dict[str, Any]] = {
    "ai_agent": {"action": "chat_completion", "parameters": {"prompt": "What is new?"}},
    "mcp_server": {"action": "list_tools"},
    "http_api": {"action": "GET", "parameters": {"endpoint": "/articles"}},
}
_ENDPOINTS = {"ai_agent": f"{SERVICE}/v1", "mcp_server": "http://127.0.0.1:8751/mcp"}


def complete(fragment: dict[str, Any]) -> dict[str, Any]:
    """A workflow that says what ``fragment`` says, with the agents, tasks and inputs that it only names."""
    text = json.dumps(fragment)
    agents = [_agent(agent) for agent in fragment.get("agents") or []]
    tasks = [dict(task) for task in fragment.get("tasks") or []]
    known = set(_names(tasks))
    named = [name for task in tasks for name in task.get("depends_on", [])]
    named += re.findall(r"\btasks\.([A-Za-z_]\w*)", text)
    missing = [name for name in dict.fromkeys(named) if name not in known]
    before = [{"name": name, "agent_name": "frame", **_CALLS["http_api"]} for name in missing]
    if not tasks:
        tasks = [_task(agent) for agent in agents] or [
            {"name": "frame_task", "agent_name": "frame", **_CALLS["http_api"]}
        ]
    tasks = before + tasks
    agents += [
        {"name": name, "type": "http_api", "endpoint": SERVICE}
        for name in _unknown(tasks, {agent["name"] for agent in agents})
    ]
    inputs = {
        name: {"type": "string", "default": "solar"} for name in re.findall(r"\binputs\.([A-Za-z]\w*)", text)
    }
    whole = {"name": "fragment", **fragment, "agents": agents, "tasks": tasks}
    if inputs or "inputs" in fragment:
        whole["inputs"] = {**inputs, **fragment.get("inputs", {})}
    return whole


def _names(tasks: Iterable[dict[str, Any]]) -> Iterator[str]:
    for task in tasks:
        yield task["name"]
        yield from _names(task.get("tasks", []))


def _agent(agent: dict[str, Any]) -> dict[str, Any]:
    if "command" in agent.get("custom_params", {}):
        return agent
    return {"endpoint": _ENDPOINTS.get(agent["type"], SERVICE), **agent}


def _task(agent: dict[str, Any]) -> dict[str, Any]:
    call = _CALLS.get(agent["type"], {"action": "anything"})
    return {"name": f"call_{agent['name']}", "agent_name": agent["name"], **call}


def _unknown(tasks: Iterable[dict[str, Any]], known: set[str]) -> list[str]:
    wanted = dict.fromkeys(task["agent_name"] for task in tasks if "agent_name" in task)
    return [name for name in wanted if name not in known]
