"""Connections of httpx2 under a `NetworkPolicy`; `leadagent_prefect.agents.network` does it for httpx."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import anyio
import httpcore2
import httpx2

from leadagent_prefect.agents.policy import NetworkPolicy
from leadagent_prefect.errors import AgentMisconfigured


def guard(transport: httpx2.AsyncHTTPTransport, policy: NetworkPolicy) -> None:
    """Let ``transport`` connect to addresses the policy allows, and to no other."""
    # httpx2 has no public way to give httpcore2 a network backend; a test holds this to the pinned version.
    transport._pool._network_backend = _Guarded(policy)


class _Guarded(httpcore2.AsyncNetworkBackend):
    """A name is resolved once, its addresses are judged, and one that passed is connected to."""

    def __init__(self, policy: NetworkPolicy) -> None:
        self._policy = policy
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._allowed(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
                failure = exc
        # The message tells nothing of the address, or it would answer whoever maps a network by names.
        raise failure or AgentMisconfigured(f'connecting to "{host}" is not allowed here')

    async def _allowed(self, host: str, port: int) -> list[str]:
        try:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as exc:
            raise httpcore2.ConnectError(str(exc)) from exc
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        return [a for a in addresses if self._policy.allows(host, ip_address(a.partition("%")[0]), port)]
