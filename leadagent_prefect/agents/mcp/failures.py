"""The errors of the MCP SDK, of its transports and of servers, as our error classes."""

from __future__ import annotations

from typing import Protocol

import anyio
import httpx2
from mcp import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
)
from pydantic import ValidationError

from leadagent_prefect.agents.base import current_call
from leadagent_prefect.agents.errors_map import class_of_status, error_of
from leadagent_prefect.agents.mcp.exchange import Exchange
from leadagent_prefect.errors import (
    AgentError,
    AgentTimeout,
    ClientError,
    ConnectionFailed,
    InvalidOutput,
    ServerError,
    ToolError,
)

#: Characters of a server's own words that a message quotes.
QUOTED = 2_000
#: Characters of a refused request's body that a message quotes.
EXCERPT = 500

# What the SDK puts in place of an answer it does not pass on.
_STAND_INS = frozenset({"Server returned an error response", "Not Found", "Session terminated"})
_READABLE = ("application/json", "text/event-stream")

_BY_CODE: dict[int, type[AgentError]] = {
    CONNECTION_CLOSED: ConnectionFailed,
    REQUEST_TIMEOUT: AgentTimeout,
    PARSE_ERROR: InvalidOutput,
    INVALID_REQUEST: ClientError,
    METHOD_NOT_FOUND: ClientError,
    INVALID_PARAMS: ClientError,
    -32002: ClientError,  # resource not found, before the 2026 revision
    INTERNAL_ERROR: ServerError,
}
_RESERVED = range(-32768, -31999)  # JSON-RPC 2.0 section 5.1


class Deceased(Protocol):
    """What is left of a connection. ``talks_nonsense``: it printed, and no MCP."""

    @property
    def talks_nonsense(self) -> bool: ...

    def post_mortem(self) -> str: ...


def failure_of(exc: BaseException, doing: str, exchange: Exchange, wire: Deceased) -> AgentError:
    """The `AgentError` for a call that raised ``exc``; ``doing`` opens its message."""
    if isinstance(exc, AgentError):
        return _placed(exc, doing, exchange)
    exc = exchange.error or _single(exc)
    if exchange.session_lost:
        return ConnectionFailed(
            f"{doing}: the server forgot the session, and a new one at once", metadata=_metadata(exchange)
        )
    if isinstance(exc, MCPError):
        return _of_answer(exc, doing, exchange, wire)
    if (exchange.status or 0) >= 400:
        return _of_status(doing, exchange)
    if isinstance(exc, TimeoutError):
        return _with_last_words(AgentTimeout, f"{doing}: no answer within {exchange.seconds:g} s", wire)
    if isinstance(exc, (RuntimeError, ValidationError, httpx2.SSEError)):
        # A mismatch with the output schema is told in one line; schema and answer follow, whole.
        words = str(exc) if isinstance(exc, ValidationError) else str(exc).partition("\n")[0]
        return InvalidOutput(f"{doing}: {_quoted(words)}", metadata=_metadata(exchange))
    return _placed(exc, doing, exchange) if isinstance(exc, AgentError) else error_of(exc, doing)


def out_of_touch(exc: BaseException, exchange: Exchange) -> bool:
    """Is it the session that is gone, and not this one call?"""
    if exchange.session_lost:
        return True
    lost = isinstance(exc, MCPError) and exc.code == CONNECTION_CLOSED
    # Over HTTP a call that got any answer shows that its session lives.
    return (lost and exchange.status is None) or isinstance(
        exc, (anyio.ClosedResourceError, anyio.BrokenResourceError)
    )


def _placed(exc: AgentError, doing: str, exchange: Exchange) -> AgentError:
    return type(exc)(f"{doing}: {_quoted(exc.message)}", metadata={**exc.metadata, **_metadata(exchange)})


def _of_answer(exc: MCPError, doing: str, exchange: Exchange, wire: Deceased) -> AgentError:
    status = exchange.status or 0
    words = exc.message if exc.message not in _STAND_INS else ""
    if status >= 400:
        return _of_status(doing, exchange, words)
    if 300 <= status < 400:
        return ClientError(f"{doing} answered {status}: {words}", metadata=_metadata(exchange))
    if exc.code == CONNECTION_CLOSED and not status:
        return _with_last_words(ConnectionFailed, f"{doing}: the connection to the server was lost", wire)
    kind = _BY_CODE.get(exc.code) or (ServerError if exc.code in _RESERVED else ToolError)
    if status and exc.code == INVALID_REQUEST and (status == 202 or not _readable(exchange)):
        kind = InvalidOutput
    return kind(f"{doing}: {_quoted(words)}", metadata={**_metadata(exchange), "code": exc.code})


def _of_status(doing: str, exchange: Exchange, words: str = "") -> AgentError:
    status = exchange.status or 0
    message = f"{doing} answered {status}"
    quote = _quoted(words) or _quoted(exchange.body, EXCERPT)
    return class_of_status(status)(
        f"{message}: {quote}" if quote else message,
        metadata=_metadata(exchange),
        retry_after=exchange.retry_after,
    )


def _with_last_words(kind: type[AgentError], message: str, wire: Deceased) -> AgentError:
    words = wire.post_mortem()
    if wire.talks_nonsense:
        kind = ConnectionFailed
    return kind(f"{message} ({words})" if words else message)


def _metadata(exchange: Exchange) -> dict[str, int]:
    return {} if exchange.status is None else {"status": exchange.status}


def _quoted(words: str, length: int = QUOTED) -> str:
    return current_call.get().redact(words)[:length]


def _readable(exchange: Exchange) -> bool:
    return exchange.content_type.lower().startswith(_READABLE)


def _single(exc: BaseException) -> BaseException:
    """The first exception of a group: what made a task group end comes first."""
    while isinstance(inner := getattr(exc, "exceptions", None), tuple) and inner:
        exc = inner[0]
    return exc
