"""Connections under a `NetworkPolicy`, judged on the very address that is connected to.

A check of the URL can be led around: a name may resolve to 127.0.0.1, and to another address at the
second look. So a name is resolved once, every address is judged, and one that passed is connected to.
This module imports httpx and is itself imported only where a policy is set.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import anyio
import httpcore
import httpx

from leadagent_prefect.agents.policy import NetworkPolicy
from leadagent_prefect.errors import AgentMisconfigured


def guarded_transport(
    policy: NetworkPolicy, context: ssl.SSLContext, limits: httpx.Limits
) -> httpx.AsyncHTTPTransport:
    """A transport that connects to addresses the policy allows, and to no proxy."""
    transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
    # httpx has no public way to give httpcore a network backend; a test holds this to the pinned version.
    transport._pool._network_backend = _GuardedBackend(policy)
    return transport


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, policy: NetworkPolicy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._allowed(host, port, timeout):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        # The message tells nothing of the address, or it would answer whoever maps a network by names.
        raise failure or AgentMisconfigured(f'connecting to "{host}" is not allowed here')

    async def _allowed(self, host: str, port: int, timeout: float | None) -> list[str]:
        try:
            with anyio.fail_after(timeout):
                found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        addresses = dict.fromkeys(entry[4][0] for entry in found)
        return [a for a in addresses if self._policy.allows(host, ip_address(a.partition("%")[0]), port)]
