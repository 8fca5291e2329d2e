"""How fast calls may follow each other: the generic cell rate algorithm. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Rate:
    """``calls`` in ``period`` seconds. After a quiet time ``burst`` of them may come at once: half of what is
    promised, so that calls which set out a little late keep the promise too.
    """

    calls: int
    period: float

    @classmethod
    def of(cls, text: str) -> Rate:
        """Such as ``60/m``."""
        calls, _, unit = text.partition("/")
        return cls(int(calls), _PERIODS[unit])

    @property
    def interval(self) -> float:
        return self.period / self.calls

    @property
    def burst(self) -> int:
        return max(1, self.calls // 20)


def take(due: float, rate: Rate, wanted: int, now: float) -> tuple[float, int, float]:
    """How many of ``wanted`` calls may be made now.

    ``due`` is when the next call would be due if they came evenly, in seconds. Gives the new one, how many,
    and the seconds until the next may be.
    """
    # A clock that went back must not hold calls up for longer than a full bucket needs.
    next_due = min(max(due, now), now + rate.burst * rate.interval)
    slack = (rate.burst - 1) * rate.interval
    count = 0
    # A nanosecond: the sum of many intervals is not exact.
    while count < wanted and next_due <= now + slack + 1e-9:
        next_due += rate.interval
        count += 1
    return next_due if count else due, count, max(0.0, next_due - slack - now)
