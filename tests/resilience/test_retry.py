"""The retry policy: merging, delays, verdicts."""

from __future__ import annotations

import random

import pytest

from leadagent_prefect.errors import (
    AgentError,
    AuthRefused,
    ClientError,
    RateLimited,
    ServerError,
    ToolError,
    error_for,
)
from leadagent_prefect.models import RetryConfig
from leadagent_prefect.resilience.retry import RetryPolicy, Verdict, judge, merge

RNG = random.Random(7)
DEFAULT_ON = frozenset({"timeout", "connection", "rate_limit", "server_error"})


def test_without_a_retry_config_there_is_one_attempt() -> None:
    assert merge(None, None) == RetryPolicy()
    assert judge(RetryPolicy(), ServerError("no"), 1, RNG) == Verdict(None)


def test_an_empty_retry_config_takes_the_defaults() -> None:
    assert merge(RetryConfig()) == RetryPolicy(3, 1.0, 60.0, 2.0, True, DEFAULT_ON)


def test_a_tasks_keys_are_laid_over_its_agents_key_by_key() -> None:
    agent = RetryConfig(max_attempts=5, initial_delay="500ms", jitter=False)
    task = RetryConfig(max_attempts=2, retry_on=["any"])
    assert merge(agent, task) == RetryPolicy(2, 0.5, 60.0, 2.0, False, frozenset({"any"}))
    assert merge(agent, None).attempts == 5


def test_delays_grow_by_the_base_and_stop_at_the_cap() -> None:
    policy = RetryPolicy(attempts=6, initial_delay=1.0, max_delay=10.0, base=2.0)
    assert policy.delays() == [1.0, 2.0, 4.0, 8.0, 10.0]


def test_delays_of_a_thousand_attempts_do_not_overflow() -> None:
    assert RetryPolicy(attempts=1000, max_delay=60.0, base=1e6).delays()[-1] == 60.0
    assert RetryPolicy(attempts=1000, initial_delay=0.0, base=1e6).delays()[-1] == 0.0


def test_jitter_draws_from_half_to_all_of_the_delay() -> None:
    policy = RetryPolicy(attempts=3, initial_delay=8.0, retry_on=DEFAULT_ON)
    drawn = [judge(policy, ServerError("no"), 1, RNG).delay or 0.0 for _ in range(2000)]
    assert 4.0 <= min(drawn) < 4.1
    assert 7.9 < max(drawn) <= 8.0
    assert abs(sum(drawn) / len(drawn) - 6.0) < 0.1


@pytest.mark.parametrize(
    ("retry_on", "error", "again"),
    [
        (DEFAULT_ON, ServerError("no"), True),
        (DEFAULT_ON, ClientError("no"), False),
        (frozenset({"client_error"}), ClientError("no"), True),
        (frozenset({"any"}), ToolError("no"), True),
        (frozenset({"any"}), AuthRefused("no"), False),
    ],
)
def test_the_class_of_the_error_decides(retry_on: frozenset[str], error: AgentError, again: bool) -> None:
    policy = RetryPolicy(attempts=2, jitter=False, retry_on=retry_on)
    assert judge(policy, error, 1, RNG).delay == (1.0 if again else None)


def test_the_last_attempt_is_the_last_and_says_so() -> None:
    policy = RetryPolicy(attempts=3, retry_on=DEFAULT_ON)
    assert judge(policy, ServerError("no"), 3, RNG) == Verdict(None, "all 3 attempts failed")
    alone = RetryPolicy(attempts=1, retry_on=DEFAULT_ON)
    assert judge(alone, ServerError("no"), 1, RNG) == Verdict(None, "")


def test_a_retry_after_counts_exactly_without_jitter() -> None:
    policy = RetryPolicy(attempts=2, max_delay=5.0, retry_on=DEFAULT_ON)
    assert judge(policy, RateLimited("busy", retry_after=5.0), 1, RNG) == Verdict(5.0)
    assert judge(policy, RateLimited("busy", retry_after=0.0), 1, RNG) == Verdict(0.0)
    assert judge(policy, RateLimited("busy", retry_after=5.1), 1, RNG).delay is None


def test_every_error_class_has_its_exception_and_an_unknown_word_is_internal() -> None:
    assert error_for("rate_limit") is RateLimited
    assert error_for("nonsense").error_class == "internal"
