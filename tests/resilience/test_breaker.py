"""The circuit breaker against a reference that keeps lists of what has happened, and case by case."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from chaos import WHOLE
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from leadagent_prefect.errors import AgentError, error_for
from leadagent_prefect.models import CircuitBreakerConfig
from leadagent_prefect.resilience.breaker import LEASE_SECONDS, admit, extend, record, reset, result_of
from leadagent_prefect.resilience.circuit import Circuit, Probe, Thresholds, Ticket, Turn, circuit_of

WANTED = Thresholds(failures=2, recovery=10.0, probes=1)


def failed(circuit: Circuit, ticket: Ticket, now: float = 0.0) -> Circuit:
    return record(circuit, ticket, "failure", WANTED, now, "it broke")


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(2):
        circuit = failed(circuit, Ticket(0), now)
    return circuit


def probing(now: float = 10.0) -> tuple[Circuit, Ticket]:
    turn = admit(opened(), WANTED, now, "p1")
    assert turn.ticket is not None
    return turn.circuit, turn.ticket


@pytest.mark.parametrize(
    ("error_class", "result"),
    [
        (None, "success"),
        ("timeout", "failure"),
        ("connection", "failure"),
        ("server_error", "failure"),
        ("client_error", "success"),
        ("auth", "success"),
        ("tool_error", "success"),
        ("invalid_output", "success"),
        ("rate_limit", "neutral"),
        ("cancelled", "neutral"),
        ("template", "neutral"),
        ("configuration", "neutral"),
        ("internal", "neutral"),
    ],
)
def test_what_the_end_of_a_call_says_about_its_service(error_class, result):
    error: AgentError | None = error_for(error_class)("x") if error_class else None

    assert result_of(error) == result


def test_failures_in_a_row_open_it():
    circuit = failed(Circuit(), Ticket(0))
    circuit = record(circuit, Ticket(0), "success", WANTED, 0.0)
    circuit = record(failed(circuit, Ticket(0)), Ticket(0), "neutral", WANTED, 0.0)
    assert (circuit.state, circuit.failures) == ("closed", 1)

    circuit = failed(circuit, Ticket(0), 5.0)

    assert (circuit.state, circuit.generation, circuit.opened_at, circuit.opened) == ("open", 1, 5.0, 1)
    assert circuit.last_error == "it broke"
    assert not circuit.healthy


def test_while_it_is_open_the_time_left_is_told():
    assert admit(opened(3.0), WANTED, 9.0, "p") == Turn(opened(3.0), wait=4.0)


def test_a_clock_that_went_back_keeps_it_open_for_no_longer():
    assert admit(opened(1e9), WANTED, 0.0, "p").wait == 10.0


def test_one_probe_at_a_time_closes_it_or_opens_it_again():
    circuit, ticket = probing()
    assert circuit.state == "half_open"
    assert admit(circuit, WANTED, 11.0, "p2") == Turn(circuit)
    assert admit(circuit, WANTED, 11.0, "p1").ticket == ticket  # its own again, where it could not see itself

    closed = record(circuit, ticket, "success", WANTED, 12.0)
    again = failed(circuit, ticket, 12.0)

    assert closed.healthy
    assert closed.generation == 2
    assert (again.state, again.generation, again.opened_at) == ("open", 2, 12.0)


def test_as_many_probes_as_each_wants():
    circuit, _ = probing()

    turn = admit(circuit, replace(WANTED, probes=2), 10.0, "p2")

    assert [probe.id for probe in turn.circuit.probes] == ["p1", "p2"]


def test_a_probe_that_says_nothing_frees_its_permit():
    circuit, ticket = probing()
    circuit = record(circuit, ticket, "neutral", WANTED, 11.0)

    assert (circuit.state, circuit.probes) == ("half_open", ())
    assert admit(circuit, WANTED, 11.0, "p2").ticket == Ticket(1, "p2")


def test_a_probe_that_is_not_heard_of_loses_its_permit():
    circuit, ticket = probing()
    late = 10.0 + LEASE_SECONDS
    circuit = admit(circuit, WANTED, late, "p2").circuit
    assert circuit.probes == (Probe("p2", late + LEASE_SECONDS),)

    assert record(circuit, ticket, "success", WANTED, late) == circuit
    assert extend(circuit, "p1", late) == circuit


def test_a_permit_from_a_clock_that_is_ahead_is_none():
    circuit, _ = probing(now=1e6)

    assert admit(circuit, WANTED, 20.0, "p2").ticket == Ticket(1, "p2")


def test_a_probe_that_goes_on_keeps_its_permit():
    circuit, _ = probing()

    assert extend(circuit, "p1", 30.0).probes == (Probe("p1", 30.0 + LEASE_SECONDS),)


def test_what_began_before_it_moved_changes_nothing():
    for circuit in (opened(), reset(opened()), probing()[0]):
        for result in ("success", "failure", "neutral"):
            assert record(circuit, Ticket(0), result, WANTED, 0.0) == circuit


def test_a_circuit_goes_through_json():
    circuit = replace(probing()[0], last_error="x" * 1000)

    read = circuit_of(json.loads(json.dumps(circuit.as_json())))

    assert read == replace(circuit, last_error="x" * 300)
    assert circuit_of(Circuit().as_json()) == Circuit()


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {**Circuit().as_json(), "form": 2},
        {**Circuit().as_json(), "state": "ajar"},
        {**Circuit().as_json(), "failures": -1},
        {**Circuit().as_json(), "generation": True},
        {**Circuit().as_json(), "opened": "3"},
        {**Circuit().as_json(), "opened_at": None},
        {**Circuit().as_json(), "probes": [[1]]},
        {"form": 1, "state": "open"},
    ],
)
def test_anything_else_is_no_circuit(data):
    with pytest.raises(ValueError, match="no circuit"):
        circuit_of(data)


def test_the_thresholds_of_an_agent():
    config = CircuitBreakerConfig(failure_threshold=3, recovery_timeout=30.0, half_open_max_calls=2)

    assert Thresholds.of(config) == Thresholds(3, 30.0, 2)


class Reference:
    """A breaker as one would explain it: what has happened since it last moved, in a list."""

    def __init__(self, wanted: Thresholds) -> None:
        self.wanted = wanted
        self.era = 0
        self.seen: list[str] = []
        self.opened_at: float | None = None
        self.permits: dict[str, float] = {}

    def may(self, now: float, who: str) -> bool:
        if self.opened_at is None:
            return True
        if now < self.opened_at + self.wanted.recovery:
            return False
        self.permits = {one: until for one, until in self.permits.items() if until > now}
        if len(self.permits) >= self.wanted.probes:
            return False
        self.permits[who] = now + LEASE_SECONDS
        return True

    def ended(self, era: int, who: str, result: str, now: float) -> None:
        if era != self.era:
            return
        if self.opened_at is None:
            self.seen += [result] * (result != "neutral")
            tail = self.seen[-self.wanted.failures :]
            if len(tail) == self.wanted.failures and set(tail) == {"failure"}:
                self.move(now)
        elif self.permits.pop(who, None) is not None and result != "neutral":
            self.move(now if result == "failure" else None)

    def move(self, opened_at: float | None) -> None:
        self.era, self.seen, self.permits, self.opened_at = self.era + 1, [], {}, opened_at


class BreakerMachine(RuleBasedStateMachine):
    """Callers come and end as they like, and time goes by; both breakers must let the same ones through."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = Thresholds(3, 10.0, 2)
        self.circuit, self.reference = Circuit(), Reference(self.wanted)
        self.now, self.count = 1000.0, 0
        self.under_way: list[tuple[str, Ticket, int]] = []

    @rule()
    def call(self) -> None:
        self.count += 1
        who = f"c{self.count}"
        turn = admit(self.circuit, self.wanted, self.now, who)
        assert (turn.ticket is not None) == self.reference.may(self.now, who)
        assert turn.wait is None or 0 < turn.wait <= self.wanted.recovery
        self.circuit = turn.circuit
        if turn.ticket is not None:
            self.under_way.append((who, turn.ticket, self.reference.era))

    @rule(which=st.integers(0, 20), result=st.sampled_from(["success", "failure", "failure", "neutral"]))
    def end(self, which, result) -> None:
        if self.under_way:
            who, ticket, era = self.under_way.pop(which % len(self.under_way))
            self.circuit = record(self.circuit, ticket, result, self.wanted, self.now)
            self.reference.ended(era, who, result, self.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 10.0, LEASE_SECONDS]))
    def wait(self, seconds) -> None:
        self.now += seconds

    @rule()
    def reset(self) -> None:
        self.circuit = reset(self.circuit)
        self.reference.move(None)

    @invariant()
    def both_agree(self) -> None:
        assert (self.circuit.state == "closed") == (self.reference.opened_at is None)
        assert circuit_of(self.circuit.as_json()) == self.circuit


def test_it_moves_as_the_reference_does():
    examples = 2000 if WHOLE else 100
    chosen = settings(max_examples=examples, stateful_step_count=50, deadline=None, derandomize=not WHOLE)
    run_state_machine_as_test(BreakerMachine, settings=chosen)
