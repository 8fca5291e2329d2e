"""The state of a circuit breaker, and its form as JSON. Pure data; `breaker` says how it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from leadagent_prefect.models import CircuitBreakerConfig

CircuitState = Literal["closed", "open", "half_open"]

#: The longest error that is kept; the whole of it is in the run that met it.
_ERROR_LENGTH = 300
#: A state written by a version that knows more is not understood, and so not acted on.
_FORM = 1


@dataclass(frozen=True)
class Thresholds:
    """What an agent wants of the breaker; agents that share one each apply their own."""

    failures: int = 5
    recovery: float = 60.0
    probes: int = 1

    @classmethod
    def of(cls, config: CircuitBreakerConfig) -> Thresholds:
        return cls(config.failure_threshold, config.recovery_timeout, config.half_open_max_calls)


@dataclass(frozen=True)
class Probe:
    """A call that tries a service whose circuit is half open. ``until`` (seconds, wall clock) it holds its
    permit; whoever makes the call extends that.
    """

    id: str
    until: float


@dataclass(frozen=True)
class Circuit:
    """``generation`` grows whenever it opens or closes; ``failures`` are those in a row since it closed.

    ``opened_at`` is in seconds of the wall clock, of the last time it opened; ``opened`` counts those times.
    """

    state: CircuitState = "closed"
    generation: int = 0
    failures: int = 0
    opened_at: float = 0.0
    opened: int = 0
    probes: tuple[Probe, ...] = ()
    last_error: str | None = None

    @property
    def healthy(self) -> bool:
        return self.state == "closed" and not self.failures

    def as_json(self) -> dict[str, Any]:
        error = self.last_error[:_ERROR_LENGTH] if self.last_error is not None else None
        probes = [[probe.id, probe.until] for probe in self.probes]
        return {**asdict(self), "last_error": error, "probes": probes, "form": _FORM}


@dataclass(frozen=True)
class Ticket:
    """Says under which generation a call began, and whether as a probe."""

    generation: int
    probe: str | None = None


@dataclass(frozen=True)
class Turn:
    """``ticket`` is there where the call may be made; otherwise ``wait`` is how many seconds the circuit is
    open yet, or None while it is being probed.
    """

    circuit: Circuit
    ticket: Ticket | None = None
    wait: float | None = None


def circuit_of(data: Any) -> Circuit:
    """The circuit that `Circuit.as_json` wrote; ValueError for anything else."""
    if not isinstance(data, Mapping) or data.get("form") != _FORM or data.get("state") not in _STATES:
        raise ValueError("no circuit")
    try:
        return Circuit(
            state=data["state"],
            generation=_count(data["generation"]),
            failures=_count(data["failures"]),
            opened_at=float(data["opened_at"]),
            opened=_count(data["opened"]),
            probes=tuple(Probe(str(id), float(until)) for id, until in data["probes"]),
            last_error=None if data["last_error"] is None else str(data["last_error"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("no circuit") from error


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("no count")
    return value


_STATES = get_args(CircuitState)
