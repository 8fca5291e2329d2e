"""Foreign exceptions and statuses as our error classes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys

import anyio
import httpcore
import httpx
import httpx2
import pytest

from leadagent_prefect.agents.errors_map import error_of, error_raised, retry_after_of
from leadagent_prefect.errors import AgentError, ServerError

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

EXPECTED = {
    "CloseError": "connection",
    "ConnectError": "connection",
    "ConnectTimeout": "timeout",
    "CookieConflict": "internal",
    "DecodingError": "invalid_output",
    "HTTPError": "internal",
    "InvalidURL": "configuration",
    "LocalProtocolError": "configuration",
    "NetworkError": "connection",
    "PoolTimeout": "timeout",
    "ProtocolError": "connection",
    "ProxyError": "connection",
    "ReadError": "connection",
    "ReadTimeout": "timeout",
    "RemoteProtocolError": "connection",
    "RequestError": "internal",
    "RequestNotRead": "internal",
    "ResponseNotRead": "internal",
    "StreamClosed": "internal",
    "StreamConsumed": "internal",
    "StreamError": "internal",
    "TimeoutException": "timeout",
    "TooManyRedirects": "client_error",
    "TransportError": "connection",
    "UnsupportedProtocol": "configuration",
    "WriteError": "connection",
    "WriteTimeout": "timeout",
}


def exceptions_of(module) -> dict[str, type[BaseException]]:
    found = {name: getattr(module, name) for name in module.__all__}
    return {n: c for n, c in found.items() if isinstance(c, type) and issubclass(c, BaseException)}


def made(cls: type[BaseException]) -> BaseException:
    try:
        return cls("text")
    except TypeError:
        return cls()


@pytest.mark.parametrize("family", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_every_exception_class_of_both_families_is_mapped(family):
    mapped = {
        n: error_of(made(c), "x").error_class for n, c in exceptions_of(family).items() if n in EXPECTED
    }
    assert mapped == EXPECTED
    unknown = exceptions_of(family).keys() - EXPECTED.keys() - {"HTTPStatusError"}
    # httpx2 has server-sent events and web sockets as well, which nothing here uses.
    assert family is httpx2 or not unknown


def test_an_exception_class_of_httpcore_that_comes_through_is_mapped():
    assert error_of(httpcore.ConnectError("x"), "x").error_class == "connection"
    assert error_of(httpcore.ConnectTimeout("x"), "x").error_class == "timeout"


@pytest.mark.parametrize(
    ("exc", "error_class"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionResetError("reset"), "connection"),
        (ssl.SSLError("tls"), "connection"),
        (anyio.EndOfStream(), "connection"),
        (anyio.BrokenResourceError(), "connection"),
        ("é".encode, "configuration"),
        (RuntimeError("client is closed"), "internal"),
    ],
)
def test_other_exceptions_are_mapped_by_kind(exc, error_class):
    if callable(exc):
        with pytest.raises(UnicodeError) as caught:
            exc("ascii")
        exc = caught.value
    error = error_of(exc, "GET http://h/")
    assert error.error_class == error_class
    assert str(error).startswith("GET http://h/: ")


@pytest.mark.parametrize("family", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_status_error_is_mapped_by_its_status(family):
    request = family.Request("GET", "http://h/?k=CANARY")
    response = family.Response(503, headers={"Retry-After": "3"}, request=request)
    with pytest.raises(family.HTTPStatusError) as caught:
        response.raise_for_status()
    error = error_of(caught.value, "GET http://h/")
    assert (type(error), error.retry_after, str(error)) == (ServerError, 3.0, "GET http://h/ answered 503")


def test_the_text_of_a_bad_header_is_left_out_since_it_quotes_the_header():
    error = error_of(httpx.LocalProtocolError("Illegal header value b'Bearer CANARY\\n'"), "GET http://h/")
    assert "CANARY" not in str(error)


def test_an_agent_error_is_given_back_and_the_first_of_a_group_counts():
    mine = AgentError("mine")
    assert error_of(mine, "x") is mine
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [httpx.ReadTimeout("slow")]), ValueError()])
    assert error_of(group, "x").error_class == "timeout"


NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:14:20 GMT"}, 60.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:14:20 -0000"}, 60.0),
        ({"retry-after": "Tue, 14 Nov 2023 23:14:20 +0100"}, 60.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "Tuesday, 14-Nov-23 22:14:20 GMT"}, 60.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Tue, 99 Nov 2023 22:14:20 GMT"}, None),
        ({"retry-after": "Tue, 14 Nov 99999999999 22:14:20 GMT"}, None),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "-250"}, 0.0),
        ({"retry-after-ms": "x", "retry-after": "7"}, 7.0),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(headers, seconds):
    assert retry_after_of(headers, now=lambda: NOW) == seconds


@pytest.mark.parametrize(
    ("exc", "error_class", "text"),
    [
        (TimeoutError("slow"), "timeout", "TimeoutError: slow"),
        (asyncio.TimeoutError(), "timeout", "TimeoutError"),
        (httpx.ReadTimeout("slow"), "timeout", "ReadTimeout: slow"),
        (ConnectionResetError("gone"), "connection", "ConnectionResetError: gone"),
        (socket.gaierror("no such host"), "connection", "gaierror: no such host"),
        (httpx2.ConnectError("down"), "connection", "ConnectError: down"),
        (ExceptionGroup("all", [ConnectionError("one")]), "connection", "ConnectionError: one"),
        (FileNotFoundError("no file"), "internal", "FileNotFoundError: no file"),
        (UnicodeError("a bug"), "internal", "UnicodeError: a bug"),
        (ValueError(), "internal", "ValueError"),
        (AgentError("ours"), "internal", "ours"),
    ],
)
def test_what_a_custom_agent_raises_is_what_it_says_on_it(exc, error_class, text):
    error = error_raised(exc)
    assert (error.error_class, str(error)) == (error_class, text)


def test_a_status_that_a_custom_agent_raises_for_keeps_its_wait_and_loses_its_url():
    request = httpx.Request("GET", "http://h/?k=CANARY")
    response = httpx.Response(503, headers={"Retry-After": "3"}, request=request)
    error = error_raised(httpx.HTTPStatusError(f"at {request.url}", request=request, response=response))
    assert (type(error), error.retry_after, str(error)) == (ServerError, 3.0, "the service answered 503")
