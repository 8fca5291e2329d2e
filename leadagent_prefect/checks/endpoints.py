"""Where agents call: URLs, command lines, and the transports of MCP."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.diagnostics import quote

_MARKS = {"stdio": "stdio", "sse+https": "sse", "sse+http": "sse"}
_PORTS = {"http": 80, "https": 443}
_MCP_FORMS = 'endpoint: "https://host/mcp", "sse+https://host/sse" or "stdio:COMMAND ARG..."'


def check_http(context: Context, agent: Part) -> None:
    """An agent that speaks HTTP has a URL."""
    endpoint = agent.data.get("endpoint")
    if endpoint is None:
        hint = 'add it, such as: endpoint: "https://api.example.com"'
        context.say("missing-key", f"{agent.label} has no endpoint", (*agent.path, "endpoint"), hint=hint)
    elif isinstance(endpoint, str):
        check_url(context, agent, endpoint)


def check_url(context: Context, agent: Part, endpoint: str) -> None:
    """The URL of an agent; of a template only what stands before it is known, so it is left alone."""
    if "{{" in endpoint:
        return
    path = (*agent.path, "endpoint")
    url, reason = parsed(endpoint)
    if url is None:
        hint = "such as https://api.example.com/v1"
        context.say("invalid-endpoint", f"{agent.label}: the endpoint {reason}", path, hint=hint)
    elif "@" in url.netloc:
        message = f"{agent.label}: the endpoint holds credentials"
        hint = "write them under authentication: {type: basic, ...}, the password as {{ secrets.NAME }}"
        context.say("literal-credential", message, path, hint=hint, quiet=True)


def parsed(text: str) -> tuple[SplitResult | None, str]:
    """An http or https URL, or why the text is none (to stand after "the endpoint")."""
    if re.search(r"[\x00-\x20\x7f\\]", text):
        return None, "holds white space, a backslash or a control character"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return None, "is not a valid URL"
    if url.scheme not in _PORTS:
        return None, "is not an http or https URL"
    if not url.hostname or "%" in url.netloc.rpartition("@")[2]:
        return None, "has no host" if not url.hostname else "has a percent sign in its host"
    if port == 0:
        return None, "has the port 0"
    return (url, "") if not url.fragment else (None, "has a fragment (#...), which is never sent")


def origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, the scheme's own port filled in."""
    return url.scheme, url.hostname, url.port or _PORTS[url.scheme]


def check_mcp(context: Context, agent: Part) -> str:
    """The server of an agent of type mcp_server; gives the name of its transport."""
    params = agent.data.get("custom_params")
    params = params if isinstance(params, Mapping) else {}
    endpoint = agent.data.get("endpoint")
    endpoint = endpoint if isinstance(endpoint, str) else ""
    mark, colon, rest = endpoint.partition(":")
    marked = _MARKS.get(mark.lower()) if colon else None
    transport = params.get("transport", marked or ("stdio" if "command" in params else "streamable_http"))
    if marked and marked != transport:
        message = f"{agent.label}: custom_params.transport contradicts the endpoint, which says {marked}"
        context.say(
            "conflicting-keys", message, (*agent.path, "custom_params", "transport"), hint="delete one"
        )
    elif transport == "stdio":
        _check_stdio(context, agent, params, rest if marked else endpoint, bool(marked))
    elif not endpoint:
        if not context.draft.is_broken(*agent.path, "endpoint"):
            message = f"{agent.label} has no endpoint and no command"
            context.say("missing-key", message, (*agent.path, "endpoint"), hint=_MCP_FORMS)
    else:
        check_url(context, agent, endpoint[4:] if marked else endpoint)
    return str(transport)


def _check_stdio(context: Context, agent: Part, params: Mapping[str, Any], line: str, marked: bool) -> None:
    path = (*agent.path, "endpoint")
    if line and not marked and "transport" not in params:
        message = f"{agent.label} has both an endpoint and custom_params.command"
        context.say("conflicting-keys", message, path, hint="keep the one of the server that is meant")
    elif line and not marked:
        message = f"{agent.label}: an endpoint of the transport stdio begins with stdio:"
        context.say("invalid-endpoint", message, path, hint=f"stdio:{line}")
    elif line.strip() and (extra := [key for key in ("command", "args") if key in params]):
        message = f"{agent.label} names its command twice, in endpoint and in custom_params.{extra[0]}"
        context.say("conflicting-keys", message, path, hint="keep one of them")
    elif "command" not in params and not line.strip():
        message = f"{agent.label} names no command"
        context.say("invalid-endpoint" if marked else "missing-key", message, path, hint=_MCP_FORMS)
    elif not _is_line(line):
        message = f"{agent.label}: {quote(line)} is no command line: a quotation mark is not closed"
        context.say("invalid-endpoint", message, path)
    if "authentication" in agent.data:
        message = f"{agent.label}: a server on stdio gets no authentication"
        hint = "give the credential in custom_params.env: {TOKEN: '{{ secrets.TOKEN }}'}"
        context.say("conflicting-keys", message, (*agent.path, "authentication"), hint=hint, key=True)


def _is_line(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return False
    return True
