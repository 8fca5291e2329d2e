"""Agents: a known type, an address it can call, parameters it knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from leadagent_prefect.agent_types import BUILT_IN, CUSTOM, GROUP, REGISTERED
from leadagent_prefect.checks.context import Context, Part, literal
from leadagent_prefect.checks.endpoints import check_http, check_mcp
from leadagent_prefect.diagnostics import did_you_mean, quote

HTTP_PARAMS = frozenset({"user_agent", "headers", "verify", "follow_redirects", "max_response_bytes"})
MCP_HTTP_PARAMS = frozenset({"transport", "headers", "user_agent", "verify", "max_response_bytes"})
MCP_STDIO_PARAMS = frozenset({"transport", "command", "args", "env", "cwd", "max_response_bytes"})
AI_PARAMS = HTTP_PARAMS | {"provider", "defaults"}

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
#: What the parameters of built-in types are, in words, and the types that hold it.
_VALUES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "user_agent": ("a string", (str,)),
    "headers": ("a mapping of names to values", (dict,)),
    "verify": ("true, false or the path of a CA bundle", (bool, str)),
    "follow_redirects": ("true or false", (bool,)),
    "max_response_bytes": ("a number of bytes above 0", (int,)),
    "defaults": ("a mapping of parameters", (dict,)),
    "command": ("a string", (str,)),
    "args": ("a list of strings", (list,)),
    "env": ("a mapping of names to strings", (dict,)),
    "cwd": ("the path of a folder", (str,)),
}
_CHOICES = {"provider": ("anthropic", "openai"), "transport": ("sse", "stdio", "streamable_http")}


def check_agents(context: Context) -> None:
    """Every agent by the rules of its type."""
    for agent in context.agents:
        kind = agent.data.get("type")
        if kind in ("http_api", "ai_agent"):
            check_http(context, agent)
            _check_params(context, agent, AI_PARAMS if kind == "ai_agent" else HTTP_PARAMS, f"type {kind}")
        elif kind == "mcp_server":
            transport = check_mcp(context, agent)
            known = MCP_STDIO_PARAMS if transport == "stdio" else MCP_HTTP_PARAMS
            _check_params(context, agent, known, f"transport {transport}")
        elif isinstance(kind, str) and "{{" not in kind:
            _check_type(context, agent, kind)


def _check_type(context: Context, agent: Part, kind: str) -> None:
    if kind == CUSTOM:
        _check_custom(context, agent)
    elif kind not in REGISTERED and kind not in (installed := _installed()):
        message = f"{agent.label} has type {quote(kind)}, which is not known"
        hint = did_you_mean(kind, [*BUILT_IN, CUSTOM, *REGISTERED, *installed], "known")
        context.say("unknown-agent-type", message, (*agent.path, "type"), hint=hint)


def _installed() -> list[str]:
    """Types that installed packages bring; looked for only where a name is not known otherwise."""
    from importlib.metadata import entry_points

    return [entry.name for entry in entry_points(group=GROUP)]


def _check_custom(context: Context, agent: Part) -> None:
    params = agent.data.get("custom_params")
    path = params.get("class") if isinstance(params, Mapping) else None
    if path is None and CUSTOM not in REGISTERED:
        context.say(
            "unknown-agent-type",
            f"{agent.label} is of type custom, but names no class",
            (*agent.path, "type"),
            hint='add custom_params: {class: "package.module:ClassName"}, or call '
            "AgentFactory.register_agent_type(AgentType.CUSTOM, YourClass) in the process that runs it",
        )
    elif path is not None and not (isinstance(path, str) and ("{{" in path or _CLASS.fullmatch(path))):
        context.say(
            "unknown-agent-type",
            f"{agent.label}: custom_params.class is no path of a class",
            (*agent.path, "custom_params", "class"),
            hint="package.module:ClassName",
        )


def _check_params(context: Context, agent: Part, known: Iterable[str], owner: str) -> None:
    params = agent.data.get("custom_params")
    for key, value in params.items() if isinstance(params, dict) else ():
        path = (*agent.path, "custom_params", key)
        if key not in known:
            message = f"{agent.label}: custom_params of {owner} has no {quote(key)}"
            context.say("unknown-param", message, path, hint=did_you_mean(key, known, "known"), key=True)
        elif literal(value) and (expected := _expected(key, value)) is not None:
            context.say("invalid-value", f"{agent.label}: custom_params.{key} is not {expected}", path)


def _expected(key: str, value: Any) -> str | None:
    """What the value should be; None where it is that."""
    if key in _CHOICES:
        return None if value in _CHOICES[key] else f"one of {', '.join(_CHOICES[key])}"
    words, types = _VALUES[key]
    right = isinstance(value, types) and not (isinstance(value, bool) and bool not in types)
    if right and key == "max_response_bytes":
        right = value > 0
    return None if right else words
