"""A network policy is asked about the address that is connected to."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import anyio
import pytest

from leadagent_prefect.agents.policy import network_policy
from leadagent_prefect.errors import AgentMisconfigured, AgentTimeout, ConnectionFailed


class Policy:
    """Allows addresses of the given list, and remembers what it was asked."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = [ip_address(a) for a in allowed]
        self.asked: list[tuple[str, str, int]] = []

    def allows(self, host: str, address: IPv4Address | IPv6Address, port: int) -> bool:
        self.asked.append((host, str(address), port))
        return address in self.allowed


@pytest.fixture
def policy():
    """``policy(*addresses)`` sets one for the test, which is a task with a context of its own."""

    def set_policy(*allowed: str) -> Policy:
        made = Policy(*allowed)
        network_policy.set(made)
        return made

    return set_policy


@pytest.fixture
def names(monkeypatch):
    """Names resolve as the test says, ``names["two.example"] = [...]``: the resolver is another service."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in known:
            return real(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in known[name]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001"])
async def test_loopback_is_refused_however_it_is_written(service, ask, policy, host):
    asked = policy("192.0.2.1").asked
    with pytest.raises(AgentMisconfigured, match=f'connecting to "{host}" is not allowed here'):
        await ask(service.url.replace("127.0.0.1", host))
    assert service.connections == 0
    assert {address for _, address, _ in asked} <= {"127.0.0.1", "::1"}


async def test_an_allowed_address_is_connected_to_under_the_hosts_own_name(service, ask, policy):
    port = int(service.url.rpartition(":")[2])
    asked = policy("127.0.0.1", "::1").asked
    assert (await ask(f"http://127.0.0.1:{port}")).success
    assert asked == [("127.0.0.1", "127.0.0.1", port)]
    assert service.last.headers["host"] == f"127.0.0.1:{port}"


async def test_of_several_addresses_only_allowed_ones_are_tried_until_one_answers(
    service, ask, policy, names
):
    names["two.example"] = ["127.0.0.9", "127.0.0.8", "127.0.0.1"]
    policy("127.0.0.8", "127.0.0.1")
    assert (await ask(service.url.replace("127.0.0.1", "two.example"))).success


async def test_where_no_allowed_address_answers_it_is_a_connection_error(ask, policy, names, unused_tcp_port):
    names["dead.example"] = ["127.0.0.1"]
    policy("127.0.0.1")
    with pytest.raises(ConnectionFailed):
        await ask(f"http://dead.example:{unused_tcp_port}")


async def test_a_name_that_does_not_resolve_is_a_connection_error(ask, policy, monkeypatch):
    def fails(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    policy()
    with pytest.raises(ConnectionFailed, match="Name or service not known"):
        await ask("http://nowhere.example")


async def test_a_name_that_takes_too_long_is_a_timeout(ask, policy, monkeypatch):
    async def never(*args, **kwargs):
        await anyio.sleep_forever()

    monkeypatch.setattr("leadagent_prefect.agents.http_client.CONNECT_TIMEOUT", 0.05)
    monkeypatch.setattr(anyio, "getaddrinfo", never)
    policy()
    with pytest.raises(AgentTimeout, match="no connection in time"):
        await ask("http://slow.example")


async def test_with_a_policy_no_proxy_of_the_environment_is_used(
    service, other_service, ask, policy, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", other_service.url)
    monkeypatch.setenv("NO_PROXY", "")
    await ask(service.url)
    assert (service.connections, other_service.connections) == (0, 1)
    policy("127.0.0.1")
    await ask(service.url)
    assert (service.connections, other_service.connections) == (1, 1)
