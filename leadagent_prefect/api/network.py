"""Which addresses the requests of a workflow from outside may go to."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

#: What ``is_global`` lets pass on some versions of Python, and what leads to an IPv4 address in another form.
_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "2001::/32", "2002::/16",
    )
)  # fmt: skip


#: All IPv6 addresses that lead to a host (RFC 4291 2.4); others may stand for an IPv4 address in some form.
_UNICAST = ip_network("2000::/3")


class RunPolicy:
    """Public addresses, and the networks that the operator allows; the addresses in ``denied`` never."""

    def __init__(self, allow_networks: Iterable[str], denied: Sequence[tuple[str, int]]) -> None:
        self._allowed = [ip_network(text) for text in allow_networks]
        self._names = {(host.lower().rstrip("."), port) for host, port in denied}
        self._denied = {(address, port) for host, port in denied for address in _addresses(host)}

    def allows(self, host: str, address: Address, port: int) -> bool:
        address = _unmapped(address)
        if self._is_denied(host, address, port):
            return False
        if any(address in network for network in self._allowed):
            return True
        if address.version == 6 and address not in _UNICAST:
            return False
        return address.is_global and not address.is_multicast and not any(address in net for net in _NEVER)

    def _is_denied(self, host: str, address: Address, port: int) -> bool:
        if (address, port) in self._denied or (host.lower().rstrip("."), port) in self._names:
            return True
        # One that listens on loopback, or on all addresses, is reached by each address of the machine.
        at_home = any(port == p and (a.is_loopback or a.is_unspecified) for a, p in self._denied)
        return at_home and _is_of_this_machine(address)


def _unmapped(address: Address) -> Address:
    """``::ffff:127.0.0.1`` is 127.0.0.1."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _addresses(host: str) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:  # a name that leads nowhere leads to no server of ours
        return []
    return [_unmapped(ip_address(str(entry[4][0]).partition("%")[0])) for entry in found]


def _is_of_this_machine(address: Address) -> bool:
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((str(address), 0))
        except OSError:
            return False
    return True
