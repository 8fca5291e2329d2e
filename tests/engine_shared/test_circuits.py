"""Permits of probes that take long, and what a circuit is called."""

from __future__ import annotations

import pytest

from leadagent_prefect.engine.shared.circuits import Circuits, label_of
from leadagent_prefect.resilience.breaker import LEASE_SECONDS
from leadagent_prefect.resilience.circuit import Thresholds, Ticket
from leadagent_prefect.resilience.service import Service

SERVICE = Service("api-1", "http_api https://api")
WANTED = Thresholds(failures=1, recovery=0.0)


async def probe(board, seconds):
    """A circuit, and the ticket of its probe, which may take so long."""
    circuits = Circuits(board)
    circuit = await circuits.open(SERVICE)
    await circuits.leave(circuit, Ticket(0), "failure", WANTED, "it broke")
    turn = (await circuits.enter(circuit, WANTED, seconds)).decision
    return circuits, circuit, turn.ticket


async def test_a_probe_that_takes_long_keeps_its_permit_for_as_long_as_it_may_take(board):
    circuits, circuit, ticket = await probe(board, 1000.0)
    [until] = [probe.until for probe in circuit.view.probes]
    [extend] = board.chores

    await extend()
    assert not board.tasks
    board.clock._offset += LEASE_SECONDS / 2
    await extend()
    await board.tasks.pop()

    [extended] = [probe.until for probe in circuit.view.probes]
    assert extended == pytest.approx(until + LEASE_SECONDS / 2, abs=1.0)
    await circuits.leave(circuit, ticket, "success", WANTED, None)
    await extend()
    assert not board.tasks
    assert circuit.view.healthy


async def test_a_probe_that_hangs_does_not_keep_its_permit(board):
    await probe(board, -1.0)
    board.clock._offset += LEASE_SECONDS / 2

    await board.chores[0]()

    assert not board.tasks


async def test_while_failures_are_known_every_call_looks_again(board):
    circuits = Circuits(board)
    circuit = await circuits.open(SERVICE)
    board.fresh_for.clear()

    turn = (await circuits.enter(circuit, WANTED, 1.0)).decision

    assert turn.ticket == Ticket(0)
    assert board.fresh_for == [0.1]


def test_a_circuit_is_called_by_its_service():
    assert label_of({"service": "http_api https://api"}) == "http_api https://api"
    assert label_of({"service": 3}) is None
    assert label_of(None) is None
