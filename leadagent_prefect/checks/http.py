"""Tasks by the type of their agent: what an HTTP request and a tool call need."""

from __future__ import annotations

import re
from collections.abc import Mapping

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.checks.endpoints import origin, parsed
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.scalars import parse_timeout

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
PARAMETERS = ("body", "data", "endpoint", "headers", "json", "method", "params", "timeout")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def check_http_tasks(context: Context) -> None:
    """Every task, and every undoing of one, whose agent is of a built-in type."""
    for task in (*context.tasks, *context.undos):
        name = task.data.get("agent_name")
        agent = context.agent_of.get(name) if isinstance(name, str) else None
        if agent is None:
            continue
        kind, parameters = agent.data.get("type"), task.data.get("parameters")
        parameters = parameters if isinstance(parameters, Mapping) else {}
        if kind == "http_api":
            _check_request(context, task, parameters)
            _check_origin(context, task, agent, parameters.get("endpoint"))
        elif kind in ("ai_agent", "mcp_server") and "accept_status" in task.data:
            message = f"{task.label}: accept_status is for http_api, {quote(str(name))} is of type {kind}"
            context.say(
                "wrong-agent-type", message, (*task.path, "accept_status"), hint="take it out", key=True
            )
        if (
            kind == "mcp_server"
            and task.data.get("action") == "call_tool"
            and not parameters.keys() & {"tool", "name"}
        ):
            message = f"{task.label} calls a tool, but names none"
            context.say(
                "missing-key",
                message,
                (*task.path, "parameters", "tool"),
                hint="add parameters: {tool: NAME}",
            )


def _check_request(context: Context, task: Part, parameters: Mapping[str, object]) -> None:
    path = (*task.path, "parameters")
    for key in parameters:
        if key not in PARAMETERS:
            message = f"{task.label}: an HTTP request has no parameter {quote(key)}"
            hint = context.near(
                key, PARAMETERS, "what the service takes goes under params, json or data; known"
            )
            context.say("unknown-param", message, (*path, key), hint=hint, key=True)
    bodies = [key for key in ("json", "body", "data") if parameters.get(key) is not None]
    if len(bodies) > 1:
        message = f"{task.label} has both {bodies[0]} and {bodies[1]}, but a request has one body"
        context.say("conflicting-keys", message, (*path, bodies[1]), hint="keep one of them", key=True)
    _check_timeout(context, task, parameters.get("timeout"))
    method = parameters.get("method")
    if method is None or (isinstance(method, str) and ("{{" in method or _is_method(method))):
        return
    found = quote(method) if isinstance(method, str) else "what stands there"
    hint = context.near(str(method).upper(), METHODS, "such as")
    context.say("invalid-value", f"{task.label}: {found} is no HTTP method", (*path, "method"), hint=hint)


def _check_timeout(context: Context, task: Part, timeout: object) -> None:
    from pydantic_core import PydanticCustomError

    if timeout is None or (isinstance(timeout, str) and "{{" in timeout):
        return
    try:
        parse_timeout(timeout)
    except PydanticCustomError as error:
        hint = f"expected {(error.context or {}).get('expected')}"
        context.say(
            "invalid-duration",
            f"{task.label}: parameters.timeout is no timeout",
            (*task.path, "parameters", "timeout"),
            hint=hint,
        )


def _is_method(method: str) -> bool:
    """Any word but CONNECT, which asks for a tunnel: services have methods of their own."""
    return method.isascii() and method.isalpha() and method.upper() != "CONNECT"


def _check_origin(context: Context, task: Part, agent: Part, endpoint: object) -> None:
    path = (*task.path, "parameters", "endpoint")
    base = agent.data.get("endpoint")
    if not isinstance(endpoint, str) or "{{" in endpoint or not _ABSOLUTE.match(endpoint):
        return
    url, reason = parsed(endpoint)
    if url is None:
        context.say("invalid-endpoint", f"{task.label}: the endpoint {reason}", path)
        return
    own = parsed(base)[0] if isinstance(base, str) and "{{" not in base else None
    address = url.netloc.rpartition("@")[2]
    if address != url.netloc:
        message = f"{task.label}: the endpoint holds credentials of its own"
        context.say(
            "leaves-origin", message, path, hint="they belong to authentication of an agent", quiet=True
        )
    elif own is not None and origin(url) != origin(own):
        message = f"{task.label} calls {quote(address)}, which is not the origin of {agent.label}"
        hint = "give the path alone, or define an agent for the other service: credentials stay on one origin"
        context.say("leaves-origin", message, path, hint=hint)
