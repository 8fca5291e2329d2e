"""When a failed attempt is tried again, and after how long. Pure: no clock, no sleep."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from leadagent_prefect.errors import FINAL_CLASSES, AgentError
from leadagent_prefect.models import RetryConfig


@dataclass(frozen=True)
class RetryPolicy:
    """``attempts`` counts the first one; delays are seconds; ``retry_on`` holds error classes or ``any``."""

    attempts: int = 1
    initial_delay: float = 1.0
    max_delay: float = 60.0
    base: float = 2.0
    jitter: bool = True
    retry_on: frozenset[str] = frozenset()

    def delay(self, retry: int) -> float:
        """Seconds before retry ``retry`` (from 0), before jitter: min(initial * base^retry, max)."""
        try:
            return min(self.initial_delay * self.base**retry, self.max_delay)
        except OverflowError:  # base ** 999 is beyond a float long after the cap was reached
            return self.max_delay if self.initial_delay else 0.0

    def delays(self) -> list[float]:
        """Every delay between attempts, without jitter: one fewer than there are attempts."""
        return [self.delay(n) for n in range(self.attempts - 1)]


@dataclass(frozen=True)
class Verdict:
    """``delay`` is the wait in seconds before the next attempt, or None for "not again", with a reason."""

    delay: float | None
    reason: str = ""


def merge(*layers: RetryConfig | None) -> RetryPolicy:
    """The policy of retry_configs laid over each other, later ones key by key; without any: one attempt."""
    given = [layer for layer in layers if layer is not None]
    if not given:
        return RetryPolicy()
    fields: dict[str, Any] = {}
    for layer in given:
        fields.update({name: getattr(layer, name) for name in layer.model_fields_set})
    config = RetryConfig.model_construct(**{**RetryConfig().model_dump(), **fields})
    return RetryPolicy(
        attempts=config.max_attempts,
        initial_delay=config.initial_delay,
        max_delay=config.max_delay,
        base=config.exponential_base,
        jitter=config.jitter,
        retry_on=frozenset(config.retry_on),
    )


def judge(policy: RetryPolicy, error: AgentError, attempt: int, rng: random.Random) -> Verdict:
    """Whether attempt ``attempt`` (from 1), which ended in ``error``, is followed by another one.

    A ``retry_after`` of the service replaces the computed delay; one above ``max_delay`` ends the task,
    since coming back earlier than asked is no retry but a nuisance.
    """
    wanted = policy.retry_on
    if error.error_class in FINAL_CLASSES or not ({error.error_class, "any"} & wanted):
        return Verdict(None)
    if attempt >= policy.attempts:
        return Verdict(None, f"all {policy.attempts} attempts failed" if policy.attempts > 1 else "")
    if error.retry_after is not None:
        if error.retry_after > policy.max_delay:
            return Verdict(
                None,
                f"not tried again: the service asked to wait {error.retry_after:g} s, "
                f"more than max_delay ({policy.max_delay:g} s)",
            )
        return Verdict(error.retry_after)
    delay = policy.delay(attempt - 1)
    return Verdict(delay * rng.uniform(0.5, 1.0) if policy.jitter else delay)
