"""The circuit breakers of a process, shared with all others of its Prefect API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from leadagent_prefect.engine.shared.block import Mirror
from leadagent_prefect.engine.shared.board import Board
from leadagent_prefect.engine.shared.record import Changed, Form, Record
from leadagent_prefect.resilience.breaker import LEASE_SECONDS, Result, admit, extend, record
from leadagent_prefect.resilience.circuit import Circuit, Thresholds, Ticket, Turn, circuit_of
from leadagent_prefect.resilience.service import Service

#: What the names of their records begin with.
KIND = "leadagent-breaker-"
#: Seconds: while failures are known, what is known must not be older than this when a call is made.
_FRESH = 0.1


@dataclass(frozen=True)
class _Held:
    """A probe of this process; ``until`` (monotonic) its permit is extended."""

    circuit: Record[Circuit]
    until: float


def label_of(data: Mapping[str, Any] | None) -> str | None:
    """What people call the service of a circuit's record."""
    label = data.get("service") if data is not None else None
    return label if isinstance(label, str) else None


def _extended(probe: str, now: float, circuit: Circuit) -> tuple[Circuit, None]:
    return extend(circuit, probe, now), None


class Circuits:
    """All but `known` run on the board's loop."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._held: dict[str, _Held] = {}
        self._mirror = Mirror(board)
        board.chores.append(self._extend)
        board.told = self._tell

    async def open(self, service: Service) -> Record[Circuit]:
        """The circuit of a service, read."""
        form = Form(Circuit(), lambda circuit: {**circuit.as_json(), "service": service.label}, circuit_of)
        found = self._board.record(KIND + service.name, form)
        self._mirror.services[found.name] = service
        self._board.watched.add(found.name)
        await self._board.fresh(1.0)
        return found

    async def enter(self, circuit: Record[Circuit], wanted: Thresholds, seconds: float) -> Changed[Circuit]:
        """Asks for a call, which takes at most ``seconds``; the decision is the `Turn`."""
        if circuit.view.state == "closed" or self._board.rung():
            await self._board.fresh(_FRESH)
        probe = uuid4().hex[:16]
        changed = await circuit.change(self._deciding(lambda c, now: admit(c, wanted, now, probe)))
        ticket = changed.decision.ticket
        if ticket is not None and ticket.probe is not None:
            self._held[probe] = _Held(circuit, time.monotonic() + seconds)
        return changed

    async def leave(
        self,
        circuit: Record[Circuit],
        ticket: Ticket,
        result: Result,
        wanted: Thresholds,
        error: str | None,
    ) -> Changed[Circuit]:
        """The call of ``ticket`` has ended."""
        self._held.pop(ticket.probe or "", None)
        return await circuit.change(
            lambda c: (record(c, ticket, result, wanted, self._board.clock.now(), error), None)
        )

    def _deciding(
        self, decide: Callable[[Circuit, float], Turn]
    ) -> Callable[[Circuit], tuple[Circuit, Turn]]:
        def turn(circuit: Circuit) -> tuple[Circuit, Turn]:
            decided = decide(circuit, self._board.clock.now())
            return decided.circuit, decided

        return turn

    async def _extend(self) -> None:
        """Permits of probes that take long."""
        now = self._board.clock.now()
        for id, held in list(self._held.items()):
            ending = any(
                p.id == id and p.until - now < LEASE_SECONDS * 2 / 3 for p in held.circuit.view.probes
            )
            if ending and time.monotonic() < held.until:
                self._board.aside(held.circuit.change(partial(_extended, id, now)))

    async def _tell(self, written: Record[object]) -> None:
        await self._mirror.show(written)
