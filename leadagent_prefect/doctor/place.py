"""Where a host is, judged by its name: nothing is looked up."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


def is_loopback(host: str) -> bool:
    """Can nobody but this machine reach it?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_this_machine(host: str) -> bool:
    """Is it a loopback address, or this machine's own name?"""
    own = ("0.0.0.0", socket.gethostname().lower())  # noqa: S104 - a text to compare with, not an address to bind
    return is_loopback(host) or host in own
