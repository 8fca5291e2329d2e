"""Foreign errors and HTTP statuses as our error classes, in one place.

Two families of HTTP exceptions meet here: httpx's (http_api, ai_agent) and httpx2's (mcp). They share
names and not classes, so classes are known by name; neither package is imported. A test holds the table
to every exception class of both.
"""

from __future__ import annotations

import asyncio
import math
import re
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

from leadagent_prefect.errors import (
    AgentError,
    AgentMisconfigured,
    AgentTimeout,
    AuthRefused,
    ClientError,
    ConnectionFailed,
    InternalError,
    InvalidOutput,
    RateLimited,
    ServerError,
)

_FAMILIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "anyio"})

#: Looked up along the class's bases, nearest first.
_BY_NAME: dict[str, type[AgentError]] = {
    "TimeoutException": AgentTimeout,
    "LocalProtocolError": AgentMisconfigured,
    "UnsupportedProtocol": AgentMisconfigured,
    "InvalidURL": AgentMisconfigured,
    "TransportError": ConnectionFailed,
    "NetworkError": ConnectionFailed,
    "ProtocolError": ConnectionFailed,
    "ProxyError": ConnectionFailed,
    "ConnectionNotAvailable": ConnectionFailed,
    "BrokenResourceError": ConnectionFailed,
    "ClosedResourceError": ConnectionFailed,
    "EndOfStream": ConnectionFailed,
    "DecodingError": InvalidOutput,
    "TooManyRedirects": ClientError,
}

_SECONDS = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def error_of(exc: BaseException, doing: str) -> AgentError:
    """``exc`` as an `AgentError`; ``doing`` (a method and a URL, say) opens its message.

    An `AgentError` is given back as it is; of an exception group its first exception counts. What is not
    known is `InternalError`. Texts of configuration errors are left out: they quote headers and URLs whole.
    """
    while isinstance(children := getattr(exc, "exceptions", None), tuple) and children:
        exc = children[0]
    if isinstance(exc, AgentError):
        return exc
    response = getattr(exc, "response", None)
    if type(exc).__name__ == "HTTPStatusError" and response is not None:
        kind = class_of_status(response.status_code)
        message = f"{doing} answered {response.status_code}"
        return kind(message, retry_after=retry_after_of(response.headers))
    kind = _class_of(exc)
    if kind is AgentTimeout:
        return kind(f"{doing}: {_TIMEOUTS.get(type(exc).__name__, 'timed out')}")
    if kind is AgentMisconfigured:
        return kind(f"{doing}: this request can't be sent ({type(exc).__name__}): check URL and headers")
    text = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        text += " (custom_params.verify takes the path of a CA bundle)"
    return kind(f"{doing}: {text}")


def error_raised(exc: BaseException) -> AgentError:
    """What an agent of a user raised. A timeout, a lost connection and a refused answer are what they are.

    Everything else is `InternalError`: an OSError may be a file that is missing, a UnicodeError a bug.
    """
    while isinstance(children := getattr(exc, "exceptions", None), tuple) and children:
        exc = children[0]
    response = getattr(exc, "response", None)
    if isinstance(exc, AgentError) or (type(exc).__name__ == "HTTPStatusError" and response is not None):
        # The exception's own text has the whole URL, its query too.
        return error_of(exc, "the service")
    # On Python 3.10 asyncio's is no TimeoutError.
    if isinstance(exc, (TimeoutError, asyncio.TimeoutError)):
        kind: type[AgentError] = AgentTimeout
    elif isinstance(exc, (ConnectionError, socket.gaierror)):
        kind = ConnectionFailed
    else:
        kind = InternalError if isinstance(exc, (OSError, UnicodeError)) else _class_of(exc)
    return kind(f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__)


_TIMEOUTS = {
    "ConnectTimeout": "no connection in time",
    "PoolTimeout": "no free connection in time",
    "ReadTimeout": "no answer in time",
    "WriteTimeout": "the request was not taken in time",
}


def _class_of(exc: BaseException) -> type[AgentError]:
    if isinstance(exc, TimeoutError):
        return AgentTimeout
    if isinstance(exc, OSError):
        return ConnectionFailed
    if isinstance(exc, UnicodeError):
        return AgentMisconfigured
    for base in type(exc).__mro__:
        if base.__module__.partition(".")[0] in _FAMILIES and base.__name__ in _BY_NAME:
            return _BY_NAME[base.__name__]
    return InternalError


def class_of_status(status: int) -> type[AgentError]:
    """The error class of a status that is no success; one below 400 is an answer that was not asked for."""
    if status >= 500:
        return ServerError
    by_status: dict[int, type[AgentError]] = {
        401: AuthRefused,
        403: AuthRefused,
        408: AgentTimeout,
        425: RateLimited,
        429: RateLimited,
    }
    return by_status.get(status, ClientError)


def retry_after_of(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds from now that an answer asks to wait; None where it asks for nothing that makes sense.

    ``Retry-After-Ms``, as some AI providers send it, goes before ``Retry-After`` (seconds, or an HTTP
    date, RFC 9110 10.2.3). ``headers`` must find names in lower case. A moment in the past is 0.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is None and value:
        try:
            moment = parsedate_to_datetime(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() - now()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if seconds is None else max(0.0, seconds)


def _number(text: str) -> float | None:
    text = text.strip()
    if not _SECONDS.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None
