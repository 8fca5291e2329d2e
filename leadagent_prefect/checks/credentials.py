"""Credentials and headers: none in clear, none that could split or forge a message."""

from __future__ import annotations

import re
from collections.abc import Mapping

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source import Path

#: Headers of one connection (RFC 9110 7.6.1), and those that tell where a message ends and for whom it is.
FORBIDDEN = frozenset({
    "connection", "content-length", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
LONGEST = 8192
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_SECRET = ("token", "key", "password")
_SECRET_HEADERS = frozenset({"authorization", "cookie", "x-api-key", "api-key", "x-auth-token"})


def check_credentials(context: Context) -> None:
    """Every place of a credential or a header: agents, and tasks of agents that speak HTTP."""
    for agent in context.agents:
        _check_authentication(context, agent)
        if agent.data.get("type") in ("http_api", "ai_agent", "mcp_server"):
            _check_headers(context, agent, "custom_params")
    for task in (*context.tasks, *context.undos):
        name = task.data.get("agent_name")
        owner = context.agent_of.get(name) if isinstance(name, str) else None
        if owner is not None and owner.data.get("type") == "http_api":
            _check_headers(context, task, "parameters")


def _check_authentication(context: Context, agent: Part) -> None:
    found = agent.data.get("authentication")
    if not isinstance(found, Mapping):
        return
    path = (*agent.path, "authentication")
    for key in _SECRET:
        if isinstance(value := found.get(key), str) and "{{" not in value:
            _check_value(context, agent, value, (*path, key), quiet=True)
            _warn(context, agent, f"authentication.{key}", (*path, key))
    if isinstance(header := found.get("header"), str) and "{{" not in header:
        _check_name(context, agent, header, (*path, "header"), key=False)
    if isinstance(user := found.get("username"), str) and ":" in user and "{{" not in user:
        message = f"{agent.label}: a user name can't hold a colon (RFC 7617)"
        context.say("invalid-header", message, (*path, "username"))


def _warn(context: Context, part: Part, where: str, path: Path) -> None:
    name = re.sub(r"\W+", "_", f"{part.name}_{path[-1]}", flags=re.ASCII).strip("_").upper()
    context.say(
        "literal-credential",
        f"{part.label}: {where} stands in the file in clear",
        path,
        hint=f'write "{{{{ secrets.{name} }}}}", and keep the value in a Prefect Secret block '
        f"{quote(name.lower().replace('_', '-'))} or in the environment variable {name}",
        quiet=True,
    )


def _check_headers(context: Context, part: Part, owner: str) -> None:
    holder = part.data.get(owner)
    headers = holder.get("headers") if isinstance(holder, Mapping) else None
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        path = (*part.path, owner, "headers", name)
        _check_name(context, part, name, path, key=True)
        if isinstance(value, (list, dict)):
            message = f"{part.label}: the header {quote(name)} is no text"
            context.say("invalid-header", message, path)
        elif isinstance(value, str) and "{{" not in value:
            secret = name.lower() in _SECRET_HEADERS
            _check_value(context, part, value, path, quiet=secret)
            if secret:
                _warn(context, part, f"the header {name}", path)


def _check_name(context: Context, part: Part, name: str, path: Path, *, key: bool) -> None:
    if not _TOKEN.fullmatch(name):
        message = f"{part.label}: {quote(name)} is no header name"
        hint = "letters, digits and hyphens, such as X-API-Key"
        context.say("invalid-header", message, path, hint=hint, key=key)
    elif name.lower() in FORBIDDEN:
        message = f"{part.label}: the header {quote(name)} is set by the client itself"
        context.say("invalid-header", message, path, hint="take it out", key=key)


def _check_value(context: Context, part: Part, value: str, path: Path, *, quiet: bool) -> None:
    if not _VALUE.fullmatch(value):
        what = "a line break or control character" if value.isascii() else "a character outside ASCII"
        message = f"{part.label}: the value holds {what}, which a header can't carry"
    elif len(value) > LONGEST:
        message = f"{part.label}: the value has {len(value)} characters; a header takes {LONGEST}"
    else:
        return
    context.say("invalid-header", message, path, quiet=quiet)
