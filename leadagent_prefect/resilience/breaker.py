"""How a circuit breaker moves. Pure: a circuit and the time in, a circuit and a decision out.

The same functions decide whether the circuit is one process's own or is shared: whoever shares it writes
what came out only where nobody has written meanwhile, and otherwise decides anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from leadagent_prefect.errors import AgentError
from leadagent_prefect.resilience.circuit import Circuit, Probe, Thresholds, Ticket, Turn

#: Seconds for which a probe holds its permit unless it is extended: that of a killed one is free after them.
LEASE_SECONDS = 30.0

Result = Literal["success", "failure", "neutral"]

#: The service did not answer, or said that it can't.
_FAILURES = frozenset({"timeout", "connection", "server_error"})
#: It answered, though not what was hoped for. All else says nothing about the service: its "not so fast", a
#: call that was cut short, and mistakes of ours.
_ANSWERS = frozenset({"client_error", "auth", "tool_error", "invalid_output"})


def result_of(error: AgentError | None) -> Result:
    """What a call that ended so says about its service."""
    if error is None or error.error_class in _ANSWERS:
        return "success"
    return "failure" if error.error_class in _FAILURES else "neutral"


def admit(circuit: Circuit, wanted: Thresholds, now: float, probe: str) -> Turn:
    """May a call be made? ``probe`` is the id of the permit that it takes where it may as a probe."""
    if circuit.state == "closed":
        return Turn(circuit, Ticket(circuit.generation))
    if circuit.state == "open":
        # A clock that went back, or another machine's, must not keep it open for longer than was asked for.
        left = min(circuit.opened_at + wanted.recovery - now, wanted.recovery)
        if left > 0:
            return Turn(circuit, wait=left)
    held = tuple(one for one in circuit.probes if now < one.until <= now + 2 * LEASE_SECONDS)
    if all(one.id != probe for one in held):
        if len(held) >= wanted.probes:
            return Turn(circuit)
        held += (Probe(probe, now + LEASE_SECONDS),)
    return Turn(replace(circuit, state="half_open", probes=held), Ticket(circuit.generation, probe))


def record(
    circuit: Circuit, ticket: Ticket, result: Result, wanted: Thresholds, now: float, error: str | None = None
) -> Circuit:
    """The circuit after a call has ended. One that began before it last opened or closed changes nothing."""
    if ticket.generation != circuit.generation:
        return circuit
    if circuit.state == "half_open":
        return _probed(circuit, ticket, result, now, error)
    if result == "neutral":
        return circuit
    if result == "success":
        return replace(circuit, failures=0)
    failed = replace(circuit, failures=circuit.failures + 1, last_error=error)
    return _opened(failed, now) if failed.failures >= wanted.failures else failed


def _probed(circuit: Circuit, ticket: Ticket, result: Result, now: float, error: str | None) -> Circuit:
    left = tuple(one for one in circuit.probes if one.id != ticket.probe)
    if len(left) == len(circuit.probes):  # its permit had run out, and is another's now
        return circuit
    if result == "success":
        return reset(circuit)
    if result == "failure":
        return _opened(replace(circuit, failures=circuit.failures + 1, last_error=error), now)
    return replace(circuit, probes=left)


def extend(circuit: Circuit, probe: str, now: float) -> Circuit:
    """The permit of a probe that goes on, for another while; one that has lost it does not get it back."""
    probes = tuple(Probe(one.id, now + LEASE_SECONDS) if one.id == probe else one for one in circuit.probes)
    return replace(circuit, probes=probes)


def reset(circuit: Circuit) -> Circuit:
    """Closed, whatever it was; what is under way counts no more."""
    return replace(circuit, state="closed", generation=circuit.generation + 1, failures=0, probes=())


def _opened(circuit: Circuit, now: float) -> Circuit:
    return replace(
        circuit,
        state="open",
        generation=circuit.generation + 1,
        opened_at=now,
        opened=circuit.opened + 1,
        probes=(),
    )
