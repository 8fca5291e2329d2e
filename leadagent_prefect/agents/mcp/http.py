"""MCP over HTTP: streamable HTTP, and the older SSE transport.

Both transports of the SDK die with their session when one POST finds no connection. So errors are
absorbed here: the SDK gets a 503 for its one message, and the call's `Exchange` gets the cause.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast
from urllib.request import getproxies, proxy_bypass

import anyio
import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import McpHttpClientFactory

from leadagent_prefect.agents.errors_map import retry_after_of
from leadagent_prefect.agents.mcp.answers import too_large
from leadagent_prefect.agents.mcp.endpoint import HttpServer
from leadagent_prefect.agents.mcp.exchange import Exchange, current_exchange
from leadagent_prefect.agents.mcp.guard import guard
from leadagent_prefect.agents.policy import NetworkPolicy
from leadagent_prefect.errors import AgentError, InvalidOutput

#: Seconds for what is sent after a call is over.
_COURTESY = 2.0
#: Bytes of a refused request's body that are kept: the message quotes fewer, with secrets masked before.
_KEPT = 65_536
#: Seconds of silence on the stream of an open session.
_SILENCE = 300.0


class HttpWire:
    """The transport of one session. ``ended`` is set when the session can't be used any more."""

    #: A server that speaks HTTP is told from one that does not by its first answer.
    talks_nonsense = False

    def __init__(self, server: HttpServer, policy: NetworkPolicy | None) -> None:
        self._server, self._policy = server, policy
        self.ended = False
        self.label = server.label

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[Any]:
        """What ``mcp.Client`` takes: enters to a pair of streams."""
        client = partial(
            httpx2.AsyncClient,
            transport=AbsorbingTransport(self._server, self._policy, self._end),
            headers={**self._server.headers, "accept-encoding": "identity"},
            timeout=httpx2.Timeout(30.0, read=_SILENCE),
        )
        async with self._streams(client) as streams:
            yield streams

    @asynccontextmanager
    async def _streams(self, client: Callable[[], httpx2.AsyncClient]) -> AsyncIterator[Any]:
        if self._server.sse:
            # The factory is handed headers and timeouts of the SDK's own; ours stand in ``client``.
            factory = cast("McpHttpClientFactory", lambda **_: client())
            async with sse_client(self._server.url, httpx_client_factory=factory) as streams:
                yield streams
            return
        async with (
            client() as http,
            streamable_http_client(
                self._server.url, http_client=http, max_sse_event_size=self._server.limit
            ) as streams,
        ):
            yield streams

    def _end(self) -> None:
        self.ended = True

    def post_mortem(self) -> str:
        """Of a server elsewhere nothing is known but what its answers said."""
        return ""


class AbsorbingTransport(httpx2.AsyncBaseTransport):
    """Fills the exchange of the call a request belongs to; a request without an answer gets one of ours."""

    def __init__(self, server: HttpServer, policy: NetworkPolicy | None, on_end: Callable[[], None]) -> None:
        self._server = server
        self._on_end = on_end
        proxy = _proxy(httpx2.URL(server.url)) if policy is None else None
        self._inner = httpx2.AsyncHTTPTransport(
            verify=server.options.ssl_context(), proxy=proxy, trust_env=False
        )
        if policy is not None:
            guard(self._inner, policy)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        exchange = current_exchange.get()
        if request.method == "POST" and exchange is not None:
            return await self._post(request, exchange)
        if exchange is not None and "last-event-id" in request.headers and exchange.over:
            return self._stand_in(request, 405)
        response = await self._inner.handle_async_request(request)
        if self._server.sse and request.method == "GET":
            response.stream = _LastingBody(response, self._on_end)
        return response

    async def _post(self, request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        if exchange.over:
            # What may fail here is a note that the call is cancelled: the session must not end of it.
            exchange = Exchange.within(_COURTESY)
        elif exchange.key is not None and json.loads(request.content).get("method") == exchange.method:
            request.headers.setdefault("idempotency-key", exchange.key)
        exchange.error = None
        # The call's deadline bounds everything; the client's own limits are for the streams without a call.
        request.extensions["timeout"] = {}
        try:
            with anyio.fail_after(exchange.remaining()):
                return await self._answer(request, exchange)
        except (httpx2.RequestError, OSError, AgentError) as exc:
            exchange.error = exc
        if self._server.sse:
            exchange.give_up(exchange.error)
        return self._stand_in(request, 503)

    async def _answer(self, request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if response.status_code >= 400 or not self._server.sse:
            # Under SSE the answer comes elsewhere, and 202 tells nothing of it.
            exchange.status = response.status_code
        exchange.content_type = response.headers.get("content-type", "")
        exchange.retry_after = retry_after_of(response.headers)
        body = _BoundedBody(response, exchange, self._server.limit)
        try:
            _refuse_packed(response)
            if response.status_code < 400:
                response.stream = body
                return response
            return await self._refused(request, body, exchange)
        except BaseException:
            await body.aclose()
            raise

    async def _refused(
        self, request: httpx2.Request, stream: _BoundedBody, exchange: Exchange
    ) -> httpx2.Response:
        """A status of 400 or more: its body is read here, for the message and for the SDK."""
        body, status = b"".join([part async for part in stream]), exchange.status or 0
        await stream.aclose()
        exchange.body = body[:_KEPT].decode("utf-8", "replace")
        exchange.session_lost = "mcp-session-id" in request.headers and (
            status == 404 or (status == 400 and _json_rpc_code(body) == -32000)
        )
        if self._server.sse:
            exchange.give_up()
            return self._stand_in(request, status)
        headers = {"content-type": exchange.content_type}
        return httpx2.Response(status, headers=headers, content=body, request=request)

    def _stand_in(self, request: httpx2.Request, status: int) -> httpx2.Response:
        # A refused POST ends the SDK's SSE transport: it reads nothing there, and waits for ever.
        return httpx2.Response(202 if self._server.sse else status, request=request)


class _BoundedBody(httpx2.AsyncByteStream):
    """The body of an answer to a call, held to the call's deadline and to the size limit."""

    def __init__(self, response: httpx2.Response, exchange: Exchange, limit: int) -> None:
        self._inner = cast("httpx2.AsyncByteStream", response.stream)
        self._exchange, self._limit = exchange, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, chunks = 0, self._inner.__aiter__()
        while True:
            try:
                with anyio.fail_after(self._exchange.remaining()):
                    chunk = await chunks.__anext__()
            except StopAsyncIteration:
                return
            except (httpx2.RequestError, OSError) as exc:
                self._exchange.error = exc
                return
            size += len(chunk)
            if size > self._limit:
                self._exchange.give_up(too_large(self._limit))
                return
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _LastingBody(httpx2.AsyncByteStream):
    """The stream that an SSE session lives by; its end is told before the SDK learns of it."""

    def __init__(self, response: httpx2.Response, on_end: Callable[[], None]) -> None:
        self._inner = cast("httpx2.AsyncByteStream", response.stream)
        self._on_end = on_end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner:
                yield chunk
        finally:
            self._on_end()

    async def aclose(self) -> None:
        await self._inner.aclose()


def _refuse_packed(response: httpx2.Response) -> None:
    """httpx2 unpacks a chunk at once, half a megabyte of gzip to hundreds: so nothing packed is taken."""
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise InvalidOutput(f'the answer has the content encoding "{encoding}"; none was asked for')


def _json_rpc_code(body: bytes) -> object:
    """The code of a JSON-RPC error; TypeScript servers say -32000 with a 400 of a session they don't know."""
    try:
        return json.loads(body)["error"]["code"]
    except (ValueError, TypeError, KeyError):
        return None


def _proxy(url: httpx2.URL) -> str | None:
    """The proxy that the environment names for this one origin."""
    if proxy_bypass(url.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
