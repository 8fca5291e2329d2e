"""X5: how often a service that fails is called again, and never earlier than it asked for.

One run of many tasks at once, in short 42 of them, whole 210. That no call comes early holds on any machine;
that none comes late is asserted in the whole form, on a machine that has nothing else to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from chaos import WHOLE, Request, Service, chaos_service, seeded

from leadagent_prefect import ConfigurationError, LeadAgent, WorkflowResult
from leadagent_prefect.embedded import PrefectApi

#: Tasks of each kind.
EACH = 10 if WHOLE else 2
PAST = "Sun, 06 Nov 1994 08:49:37 GMT"
#: Seconds by which a timer may be early: clocks are read in different places.
TICK = 0.005


@dataclass(frozen=True)
class Kind:
    """What a service does (``rule``), what is asked of the task, and what must come of it: so many requests,
    and a failed task of the class ``error`` whose message has ``says``, or a completed one.
    """

    rule: dict[str, Any]
    retry: dict[str, Any] | None
    requests: int
    error: str | None = None
    says: str = ""


def _kinds(rng: Random) -> dict[str, Kind]:
    times, seconds = rng.choice([1, 2]), rng.choice([1, 2]) if WHOLE else 1
    plain = {"max_attempts": 5, "initial_delay": 0.2, "max_delay": 0.5, "jitter": False}
    asked = {"max_attempts": 5, "initial_delay": 0.01, "max_delay": 10, "jitter": rng.choice([True, False])}
    slow = {**asked, "initial_delay": 8}
    short = {"max_attempts": 5, "initial_delay": 0.01, "max_delay": 2}
    too_long = "not tried again: the service asked to wait "
    kinds = {
        f"after-{status}": Kind({"status": status, "retry_after": seconds, "times": times}, asked, times + 1)
        for status in (429, 503)
    }
    kinds |= {
        f"at-{status}": Kind({"status": status, "retry_at": seconds, "times": 1}, asked, 2)
        for status in (429, 503)
    }
    refused = {400: "client_error", 401: "auth", 403: "auth", 422: "client_error"}
    kinds |= {
        f"refused-{status}": Kind({"status": status, "retry_after": 1}, asked, 1, error, f" {status} ")
        for status, error in refused.items()
    }
    failing = {408: "timeout", 425: "rate_limit", 429: "rate_limit", 500: "server_error", 0: "connection"}
    kinds |= {
        f"never-{status}": Kind({"status": status}, {**short, "max_attempts": 3}, 3, error, "(all 3 attempts")
        for status, error in failing.items()
    }
    return kinds | {
        "back-off": Kind({"status": 429, "times": 3}, plain, 4),
        "jitter": Kind({"status": 503, "times": 3}, {**plain, "jitter": True}, 4),
        "unreadable": Kind({"status": 503, "retry_after": "soon", "times": 2}, plain, 3),
        "past": Kind({"status": 503, "retry_after": PAST, "times": 2}, slow, 3),
        "at-once": Kind({"status": 429, "retry_after": "0", "times": 2}, slow, 3),
        "too-long": Kind({"status": 429, "retry_after": 30}, short, 1, "rate_limit", f"{too_long}30 s"),
        "too-late": Kind({"status": 503, "retry_at": 3600}, short, 1, "server_error", too_long),
        "once": Kind({"status": 503, "retry_after": 1}, None, 1, "server_error", " 503 "),
    }


@dataclass
class Flaky:
    """A task, its kind, and what the service saw of it."""

    name: str
    kind: Kind
    requests: list[Request] = field(default_factory=list)

    def config(self) -> dict[str, Any]:
        task = {"name": self.name, "agent_name": "http", "action": "POST"}
        retry = {"retry_config": self.kind.retry} if self.kind.retry else {}
        return {**task, "parameters": {"endpoint": f"/x5/{self.name}"}, **retry}

    def pauses(self) -> Iterator[tuple[float, float, float]]:
        """Of each retry: the seconds that passed, the fewest and the most that should have."""
        retry = self.kind.retry or {}
        for number, (before, after) in enumerate(pairwise(self.requests)):
            passed = after.t_start - before.t_end
            if before.not_before or self.kind.rule.get("retry_after") in ("0", PAST):
                asked = max(0.0, before.not_before - before.t_end)
                yield passed, asked, asked + max(0.5, asked / 4)
            else:
                computed = min(retry["initial_delay"] * 2**number, retry["max_delay"])
                least = computed / 2 if retry.get("jitter", True) else computed
                yield passed, least, computed + 0.25


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with chaos_service(tmp_path / "history.jsonl") as service:
        yield service


def _workflow(service: Service, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "retry-timing",
        "parallel_execution": True,
        "max_parallel_tasks": 10 if WHOLE else 50,
        "failure_strategy": "continue_on_failure",
        "agents": [{"name": "http", "type": "http_api", "endpoint": service.url}],
        "tasks": tasks,
    }


async def _run(service: Service) -> tuple[list[Flaky], WorkflowResult]:
    rng = seeded("X5")
    flaky = [
        Flaky(f"{name}-{number:02}", kind) for number in range(EACH) for name, kind in _kinds(rng).items()
    ]
    rng.shuffle(flaky)
    for one in flaky:
        service.rule(f"/x5/{one.name}", **one.kind.rule)
    result = await LeadAgent().execute_workflow_from_dict(_workflow(service, [f.config() for f in flaky]))
    history = service.history()
    for one in flaky:
        one.requests = history.of(one.name)
    return flaky, result


@pytest.mark.timeout(600 if WHOLE else 400)
async def test_calls_are_tried_again_as_often_as_asked_and_never_too_early(service, prefect_api: PrefectApi):
    flaky, result = await _run(service)

    expected = {one.name: one.kind.requests for one in flaky}
    assert {one.name: len(one.requests) for one in flaky} == expected
    assert {name: row.attempts for name, row in result.tasks.items()} == expected
    assert {name: row.error_class for name, row in result.tasks.items()} == {
        one.name: one.kind.error for one in flaky
    }
    messages = {name: row.error or "" for name, row in result.tasks.items()}
    assert [one.name for one in flaky if one.kind.says not in messages[one.name]] == []
    keys = [{request.idempotency_key for request in one.requests} for one in flaky]
    assert len(set.union(*keys)) == sum(map(len, keys)) == len(flaky)  # one of its own for each task

    pauses = [(one.name, *pause) for one in flaky for pause in one.pauses()]
    assert len(pauses) == sum(expected.values()) - len(flaky)
    assert [pause for pause in pauses if pause[1] < pause[2] - TICK] == []
    if WHOLE:
        assert [pause for pause in pauses if pause[1] > pause[3]] == []


@pytest.mark.timeout(180)
async def test_a_dead_service_gets_few_calls_of_many_tasks_that_have_a_breaker(
    service, prefect_api: PrefectApi
):
    tasks, threshold, at_once = 50, 5, 10
    service.rule("/", status=503)
    retry = {"max_attempts": 5, "initial_delay": 0.01, "max_delay": 0.1}
    workflow = _workflow(
        service, [Flaky(f"dead-{number}", Kind({}, retry, 0)).config() for number in range(tasks)]
    )
    breaker = {"failure_threshold": threshold, "recovery_timeout": 600}
    workflow["agents"][0]["circuit_breaker"] = breaker
    workflow["max_parallel_tasks"] = at_once
    result = await LeadAgent().execute_workflow_from_dict(workflow)
    calls = len(service.history().requests)
    # Those that were under way when it opened count too: at most one of each task that went on.
    assert threshold <= calls < threshold + at_once
    assert calls <= 1.1 * tasks
    classes = [row.error_class for row in result.tasks.values()]
    assert (result.failed_tasks, classes.count("circuit_open") > tasks - at_once) == (tasks, True)


@pytest.mark.parametrize("attempts", [1_001, 10_000])
async def test_more_attempts_than_a_thousand_are_refused_before_the_first(service, attempts: int):
    task = Flaky("many", Kind({}, {"max_attempts": attempts}, 0)).config()
    said = f'task "many": retry_config.max_attempts is {attempts}, expected at most 1,000'
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        await LeadAgent().execute_workflow_from_dict(_workflow(service, [task]))
    assert service.history().requests == []
