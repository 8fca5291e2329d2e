"""All circuit breakers of a Prefect API, for whoever looks after them from outside of any run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.settings import get_current_settings

from leadagent_prefect.engine.shared import block, variables
from leadagent_prefect.engine.shared.bell import Bell
from leadagent_prefect.engine.shared.circuits import KIND, label_of
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.resilience.breaker import reset
from leadagent_prefect.resilience.circuit import Circuit, circuit_of


@dataclass(frozen=True)
class Breaker:
    """``circuit`` is None where what is kept can't be read; ``version`` is that of the record."""

    name: str
    service: str
    version: int
    circuit: Circuit | None

    @property
    def facts(self) -> dict[str, Any]:
        """As JSON."""
        shown = block.facts_of(self.service, self.circuit or Circuit(), self.version)
        return {"name": self.name, **shown, "state": self.circuit.state if self.circuit else "unreadable"}


async def all_breakers() -> list[Breaker]:
    """By name. A service that never failed has none."""
    async with get_client() as client:
        return await _all(client)


async def close_breakers(names: Sequence[str] | None) -> list[Breaker]:
    """Closes those of ``names``, or all, and gives them as they are then; `ConfigurationError`, and nothing
    done, where one is not there.
    """
    async with get_client() as client:
        found = {breaker.name: breaker for breaker in await _all(client)}
        unknown = [name for name in names or () if name not in found]
        if unknown:
            known = ", ".join(found) or "there is none"
            raise ConfigurationError(f"no circuit breaker is named {unknown[0]}; known: {known}")
        return [
            await _close(client, found[name]) for name in (found if names is None else dict.fromkeys(names))
        ]


async def _all(client: PrefectClient) -> list[Breaker]:
    rows = await variables.read_all(client, KIND)
    return [_breaker(name.removeprefix(KIND), version) for name, version in sorted(rows.items())]


def _breaker(name: str, version: variables.Version) -> Breaker:
    try:
        circuit = circuit_of(version.data)
    except ValueError:
        circuit = None
    return Breaker(name, label_of(version.data) or name, version.number, circuit)


async def _close(client: PrefectClient, breaker: Breaker) -> Breaker:
    while True:
        # A circuit that can't be read may have had any generation: none is higher than the version's number.
        circuit = reset(breaker.circuit or Circuit(generation=breaker.version))
        number = breaker.version + 1
        data = {**circuit.as_json(), "service": breaker.service}
        won, old = await variables.write(client, KIND + breaker.name, number, data, uuid4().hex)
        if won:
            Bell(get_current_settings()).ring()
            await variables.delete(client, old)
            await block.save(breaker.name, block.facts_of(breaker.service, circuit, number), client)
            return Breaker(breaker.name, breaker.service, number, circuit)
        breaker = {one.name: one for one in await _all(client)}[breaker.name]
