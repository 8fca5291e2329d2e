"""Which addresses the agents of a run may connect to; whoever runs other people's workflows sets it."""

from __future__ import annotations

from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol


class NetworkPolicy(Protocol):
    """Asked for every address a host name resolves to, before it is connected to."""

    def allows(self, host: str, address: IPv4Address | IPv6Address, port: int) -> bool:
        """May a request for ``host`` be sent to ``address``? ``host`` is as the URL has it."""
        ...


#: Read when an agent is opened. None allows all. With a policy no proxy of the environment is used, since
#: a proxy would do the connecting.
network_policy: ContextVar[NetworkPolicy | None] = ContextVar("leadagent_network_policy", default=None)
