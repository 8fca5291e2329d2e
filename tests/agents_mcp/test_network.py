from __future__ import annotations

import socket
from typing import Any

import pytest

from leadagent_prefect import errors
from leadagent_prefect.agents.policy import network_policy


class Allow:
    """A policy that allows some addresses, and keeps what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self.asked: list[tuple[str, str, int]] = []

    def allows(self, host: str, address: Any, port: int) -> bool:
        self.asked.append((host, str(address), port))
        return str(address) in self._addresses


@pytest.fixture
def policy():
    def use(*addresses: str) -> Allow:
        found = Allow(*addresses)
        network_policy.set(found)
        return found

    yield use
    network_policy.set(None)


async def test_an_address_the_policy_allows_is_connected_to_and_no_proxy(
    policy, workshop, make, monkeypatch, closed_port
):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    asked = policy("127.0.0.1").asked
    agent = make(workshop)
    await agent.open()
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}
    assert {(host, address) for host, address, _ in asked} == {("127.0.0.1", "127.0.0.1")}


async def test_an_address_the_policy_does_not_allow_is_not_connected_to(policy, workshop, make):
    policy()
    with pytest.raises(errors.AgentMisconfigured, match=r'connecting to "127.0.0.1" is not allowed'):
        await make(workshop).execute("add", {"a": 1, "b": 2})


async def test_every_address_of_a_name_is_tried(policy, make, closed_port):
    policy("127.0.0.1", "::1")
    with pytest.raises(errors.ConnectionFailed):
        await make(f"http://localhost:{closed_port}/mcp").execute("add", {})


async def test_a_name_that_is_none_is_a_connection_that_failed(policy, make, monkeypatch):
    policy()

    def unknown(*args: object, **params: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(errors.ConnectionFailed, match="Name or service not known"):
        await make("http://no-such-host.invalid/mcp").execute("add", {})
