"""Circuit breakers as Prefect's UI shows them, on its page of blocks."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Any

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.exceptions import ObjectNotFound
from pydantic import Field

from leadagent_prefect.engine.shared.board import Board
from leadagent_prefect.engine.shared.record import Record
from leadagent_prefect.resilience.circuit import Circuit
from leadagent_prefect.resilience.service import Service


class LeadAgentCircuitBreaker(Block):
    """What a circuit breaker came to when it last moved. A picture: `leadagent breakers reset NAME` closes
    one, and what is written here is written over.
    """

    _block_type_name = "LeadAgent Circuit Breaker"
    _block_type_slug = "leadagent-circuit-breaker"
    _description = "A service that agents call, and whether it is called at present."

    service: str = Field(description="The type and the address of its agents.")
    state: str = Field(description="closed: calls are made. open: none is. half_open: one tries.")
    failures: int = Field(default=0, description="Failures in a row.")
    opened_at: str | None = Field(default=None, description="When it last opened, in UTC.")
    opened: int = Field(default=0, description="How often it has opened.")
    last_error: str | None = Field(default=None, description="The failure that came last.")
    epoch: int = Field(default=0, description="The version of the shared state that this shows.")


def facts_of(service: str, circuit: Circuit, epoch: int) -> dict[str, Any]:
    """The fields of the block."""
    opened_at = datetime.fromtimestamp(circuit.opened_at, timezone.utc) if circuit.opened else None
    return {
        "service": service,
        "state": circuit.state,
        "failures": circuit.failures,
        "opened_at": opened_at.isoformat(timespec="milliseconds") if opened_at else None,
        "opened": circuit.opened,
        "last_error": circuit.last_error,
        "epoch": epoch,
    }


class Mirror:
    """Writes the blocks, each by one task at a time, and again where it shows what is no longer so: of two
    processes the one that wrote last may have known less.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._busy: set[str] = set()
        self._shown: dict[str, tuple[str, int]] = {}
        self.services: dict[str, Service] = {}

    async def show(self, record: Record[Any]) -> None:
        """Shows what a record of a circuit has come to, where it has moved."""
        service = self.services.get(record.name)
        if service is None or record.name in self._busy:
            return
        self._busy.add(record.name)
        try:
            while (moved := _moves(record.known)) != self._shown.get(record.name):
                facts = facts_of(service.label, record.known, record.number)
                await self._board.request(partial(save, service.name, facts))
                self._shown[record.name] = moved
                await self._board.refresh()
        finally:
            self._busy.discard(record.name)


def _moves(circuit: Circuit) -> tuple[str, int]:
    return circuit.state, circuit.generation


async def save(name: str, facts: dict[str, Any], client: PrefectClient) -> None:
    """Writes the block ``name``, and registers its type where this is the first."""
    try:
        found = await client.read_block_document_by_name(name, LeadAgentCircuitBreaker._block_type_slug or "")
    except ObjectNotFound:
        await LeadAgentCircuitBreaker(**facts).asave(name, client=client, overwrite=True)
        return
    await client.update_block_document(found.id, BlockDocumentUpdate(data=facts, merge_existing_data=False))
