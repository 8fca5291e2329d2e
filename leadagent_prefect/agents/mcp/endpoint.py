"""Which MCP server an agent names, read from its ``endpoint`` and ``custom_params``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leadagent_prefect.agents.auth import auth_headers
from leadagent_prefect.agents.http_options import HttpOptions
from leadagent_prefect.agents.options import refuse_unknown
from leadagent_prefect.agents.urls import Address, shown
from leadagent_prefect.errors import AgentMisconfigured
from leadagent_prefect.models import AgentConfig

TRANSPORTS = ("streamable_http", "sse", "stdio")
_HTTP = frozenset({"transport", "headers", "user_agent", "verify", "max_response_bytes"})
_STDIO = frozenset({"transport", "command", "args", "env", "cwd", "max_response_bytes"})
PARAMS = _HTTP | _STDIO


@dataclass(frozen=True)
class HttpServer:
    """``headers`` hold the credentials. ``sse`` is the transport that MCP had before streamable HTTP."""

    url: str = field(repr=False)
    label: str
    sse: bool
    headers: Mapping[str, str] = field(repr=False)
    options: HttpOptions

    @property
    def limit(self) -> int:
        """Bytes of one answer, at most."""
        return self.options.max_response_bytes


@dataclass(frozen=True)
class StdioServer:
    """``env`` is what the child gets beside HOME, LOGNAME, PATH, SHELL, TERM and USER."""

    command: str
    args: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    cwd: str | None
    limit: int

    @property
    def label(self) -> str:
        """For messages; arguments may hold credentials."""
        return f"stdio:{self.command}"


Server = HttpServer | StdioServer


def server_of(config: AgentConfig) -> Server:
    """The server of an agent, or `AgentMisconfigured` naming what is wrong with its configuration."""
    where = f'agent "{config.name}"'
    transport, rest = _transport(config, where)
    known = _STDIO if transport == "stdio" else _HTTP
    refuse_unknown(config.custom_params, known, f'{where}: custom_params of the transport "{transport}"')
    if transport == "stdio":
        return _stdio(config, rest, where)
    address = Address(config.model_copy(update={"endpoint": rest}))
    options = HttpOptions.of(config)
    headers = {"authorization": address.credentials} if address.credentials else {}
    return HttpServer(
        url=str(address.url),
        label=shown(address.url),
        sse=transport == "sse",
        headers={**headers, **options.headers, **auth_headers(config)},
        options=options,
    )


def _transport(config: AgentConfig, where: str) -> tuple[str, str]:
    """The transport's name, and the endpoint without the mark that told it."""
    params, endpoint = config.custom_params, config.endpoint or ""
    scheme, colon, rest = endpoint.partition(":")
    marked = {"stdio": "stdio", "sse+https": "sse", "sse+http": "sse"}.get(scheme.lower() if colon else "")
    given = params.get("transport", marked or ("stdio" if "command" in params else "streamable_http"))
    if given not in TRANSPORTS:
        raise AgentMisconfigured(
            f"{where}: custom_params.transport is {given!r}, expected one of {', '.join(TRANSPORTS)}"
        )
    if marked and marked != given:
        raise AgentMisconfigured(
            f'{where}: custom_params.transport is "{given}", but its endpoint says "{marked}"'
        )
    if given == "stdio" and endpoint and not marked:
        raise AgentMisconfigured(f'{where}: an endpoint of the transport "stdio" begins with "stdio:"')
    return str(given), rest if marked == "stdio" else endpoint[4:] if marked else endpoint


def _stdio(config: AgentConfig, line: str, where: str) -> StdioServer:
    params = config.custom_params
    if config.authentication is not None:
        raise AgentMisconfigured(
            f"{where}: a stdio server gets no authentication; give the credential in custom_params.env"
        )
    if line and ("command" in params or "args" in params):
        raise AgentMisconfigured(f"{where} names its command twice, in endpoint and in custom_params")
    try:
        words = [_text(word, f"{where}: its endpoint") for word in shlex.split(line)]
    except ValueError as exc:
        raise AgentMisconfigured(f"{where}: its endpoint is no command line: {exc}") from None
    if not line:
        words = [_text(params.get("command", ""), f"{where}: custom_params.command"), *_words(params, where)]
    if not words[0]:
        raise AgentMisconfigured(
            f'{where} names no command: endpoint: "stdio:COMMAND ARG...", or custom_params.command'
        )
    env = params.get("env") or {}
    if not isinstance(env, Mapping):
        raise AgentMisconfigured(f"{where}: custom_params.env is not a mapping of names to texts")
    return StdioServer(
        command=words[0],
        args=tuple(words[1:]),
        env={
            _name(key, where): _text(value, f"{where}: custom_params.env.{key}") for key, value in env.items()
        },
        cwd=_folder(params.get("cwd"), where),
        limit=HttpOptions.of(config).max_response_bytes,
    )


def _words(params: Mapping[str, Any], where: str) -> list[str]:
    args = params.get("args") or []
    if not isinstance(args, list):
        raise AgentMisconfigured(f"{where}: custom_params.args is not a list of texts")
    return [_text(arg, f"{where}: custom_params.args[{at}]") for at, arg in enumerate(args)]


def _name(key: object, where: str) -> str:
    if not isinstance(key, str) or not key or "=" in key or "\0" in key:
        raise AgentMisconfigured(f"{where}: custom_params.env: {key!r} is no name of a variable")
    return key


def _text(value: object, where: str) -> str:
    """Numbers are taken as written in YAML; a boolean has no one spelling, so it is asked for in quotes."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or "\0" in value:
        raise AgentMisconfigured(f"{where} must be text without NUL, not {type(value).__name__}")
    return value


def _folder(cwd: object, where: str) -> str | None:
    if cwd is None:
        return None
    folder = _text(cwd, f"{where}: custom_params.cwd")
    if not Path(folder).is_dir():
        raise AgentMisconfigured(f'{where}: custom_params.cwd: there is no folder "{folder}"')
    return folder
