"""The one way http_api and ai_agent send requests: bounded in time, size and reach.

It tries nothing again, keeps no cookies and follows a redirect only within the agent's origin, so that
credentials never travel to another one. Every failure is an `AgentError`.
"""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import anyio

from leadagent_prefect.agents.answers import Answer
from leadagent_prefect.agents.auth import auth_headers
from leadagent_prefect.agents.errors_map import error_of
from leadagent_prefect.agents.exchange import Exchange, Outgoing, set_location_aside
from leadagent_prefect.agents.http_options import HttpOptions
from leadagent_prefect.agents.inflate import ACCEPT_ENCODING
from leadagent_prefect.agents.policy import network_policy
from leadagent_prefect.agents.urls import Address, shown
from leadagent_prefect.errors import AgentMisconfigured, AgentTimeout, InternalError
from leadagent_prefect.models import AgentConfig

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT = 5.0


class HttpClient:
    """The client of one agent. It is made on first use, on the loop of the run, and serves that loop alone.

    ``headers`` (names in lower case) are the type's own; those of ``custom_params`` and of the agent's
    authentication go over them.
    """

    def __init__(self, config: AgentConfig, headers: dict[str, str] | None = None) -> None:
        self.address = Address(config)
        self._options = HttpOptions.of(config)
        self._headers = {"accept-encoding": ACCEPT_ENCODING, **(headers or {}), **self._options.headers}
        if self.address.credentials:
            self._headers["authorization"] = self.address.credentials
        self._headers.update(auth_headers(config))
        self._client: httpx.AsyncClient | None = None

    def open(self) -> httpx.AsyncClient:
        """The client, made if it is not yet; bad TLS options are `AgentMisconfigured`."""
        if self._client is None:
            self._client = self._made()
        return self._client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def send(self, request: Outgoing) -> Answer:
        """The answer where its status is below 300 or in ``accept_status``; otherwise an `AgentError`."""
        doing, started = f"{request.method} {shown(request.url)}", anyio.current_time()
        exchange = Exchange(self.open(), self._options, request.accept_status)
        try:
            with anyio.move_on_after(request.timeout) as scope:
                await exchange.run(request.over(self._headers))
        except Exception as exc:  # noqa: BLE001  (every failure of a call is an AgentError)
            failure = error_of(exc, doing)
            # httpx's errors hold the whole request, credentials too; their text is in the message.
            raise failure from (exc if isinstance(failure, InternalError) else None)
        # A refusal is a refusal, even if its body never ends.
        if scope.cancelled_caught and not exchange.refused:
            raise AgentTimeout(f"{doing}: no complete answer within {request.timeout:g} s")
        answer = exchange.answer(elapsed=anyio.current_time() - started)
        if exchange.refused:
            raise request.failure(answer, exchange.note)
        return answer

    def _made(self) -> httpx.AsyncClient:
        import httpx

        policy, context = network_policy.get(), self._options.ssl_context()
        # The engine bounds the calls at a time; waiting for a connection would eat a call's timeout.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        transport = None
        if policy is not None:
            from leadagent_prefect.agents.network import guarded_transport

            transport = guarded_transport(policy, context, limits)
        try:
            return httpx.AsyncClient(
                verify=context,
                limits=limits,
                transport=transport,
                trust_env=policy is None,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT),
                follow_redirects=False,
                event_hooks={"response": [set_location_aside]},
            )
        except (ValueError, ImportError, httpx.InvalidURL) as exc:
            # The message leaves the proxy's URL out: it may hold a password.
            raise AgentMisconfigured(
                f"a proxy named in the environment can't be used ({type(exc).__name__}): "
                "check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY"
            ) from None
