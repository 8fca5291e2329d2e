"""Circuit breakers and limits of runs, and what the Prefect API has of them."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from leadagent_prefect import AgentResponse
from leadagent_prefect.embedded import use_api
from leadagent_prefect.resilience.service import service_of


def failing(error_class: str) -> AgentResponse:
    return AgentResponse(success=False, error="it broke", error_class=error_class)


class Service:
    """Agents of one service, whose name no other test has."""

    count = 0

    def __init__(self, bench: Any) -> None:
        Service.count += 1
        self.bench = bench
        self.endpoint = f"script://service-{Service.count}-{time.time_ns()}"
        self.name = service_of("script", self.endpoint, {}).name

    def agent(self, name: str = "probe", **keys: Any) -> dict[str, Any]:
        return {"name": name, "type": "script", "endpoint": self.endpoint, **keys}

    def breaker(self, failures: int = 2, recovery: float = 30.0, **keys: Any) -> dict[str, Any]:
        rules = {"failure_threshold": failures, "recovery_timeout": recovery, **keys}
        return self.agent(circuit_breaker=rules)

    async def run(self, count: int, agent: dict[str, Any], action: str = "act", **task: Any) -> Any:
        """One run of ``count`` calls, one after the other."""
        each = {"name": "t", "for_each": list(range(count)), "action": action, "tolerated_failures": count}
        return await self.bench.run({**each, **task}, agents=[agent])

    def circuit_events(self) -> list[str]:
        return [event.type for event in self.bench.events if event.type.startswith("circuit_")]


@pytest.fixture
def service(bench):
    return Service(bench)


async def shown(name: str, epoch: int = 0) -> dict[str, Any]:
    """The block, as soon as it shows a version from ``epoch`` on."""
    from prefect import get_client

    async with get_client() as client:
        document = await client.read_block_document_by_name(name, "leadagent-circuit-breaker")
    return dict(document.data)


async def test_failures_open_it_for_runs_that_come_later_too(service, bench):
    bench.actions["act"] = lambda *_: failing("server_error")

    result = await service.run(3, service.breaker())
    later = await service.run(1, service.breaker())

    assert len(bench.calls) == 2
    assert result.errors["t[1]"] == "it broke"
    for refused in (result.errors["t[2]"], later.errors["t[0]"]):
        assert refused.startswith("Circuit breaker is open (script): ")
        assert refused.endswith(" s left; the last failure: it broke")
    assert service.circuit_events() == ["circuit_opened"]
    [event] = [event for event in bench.events if event.type == "circuit_opened"]
    assert (event.name, event.error) == ("probe", "it broke")
    with use_api(bench.api):
        block = await shown(service.name)
    assert (block["state"], block["failures"], block["opened"]) == ("open", 2, 1)
    assert (block["service"], block["last_error"]) == ("script", "it broke")
    assert block["opened_at"].startswith("20")


async def test_an_open_circuit_has_a_state_of_its_own_and_is_tried_again_where_that_is_wanted(
    service, bench, recorded
):
    answers = iter([failing("connection"), AgentResponse(success=True, result="well")])
    bench.actions["act"] = lambda *_: next(answers)
    agent = service.breaker(failures=1, recovery=5)

    first = await bench.run(
        {"name": "a", "action": "act"},
        {"name": "b", "action": "act"},
        agents=[agent],
        failure_strategy="continue_on_failure",
    )
    runs = await recorded.task_runs(first, 2)
    assert first.tasks["b"].error_class == "circuit_open"
    assert runs["b"].state.name == "CircuitOpen"

    again = {"max_attempts": 9, "initial_delay": 1, "exponential_base": 1, "retry_on": ["circuit_open"]}
    second = await bench.run({"name": "c", "action": "act", "retry_config": again}, agents=[agent])

    assert second.results == {"c": "well"}
    assert service.circuit_events() == ["circuit_opened", "circuit_half_opened", "circuit_closed"]


async def test_a_success_sets_the_count_to_zero_and_a_429_does_not(service, bench):
    answers = iter("xsxrxx")
    kinds = {"x": failing("timeout"), "s": failing("tool_error"), "r": failing("rate_limit")}
    bench.actions["act"] = lambda *_: kinds[next(answers)]

    await service.run(6, service.breaker())

    # x s x r x: the answer in between, then two failures with a 429 between them that is neither.
    assert len(bench.calls) == 5


async def test_a_probe_that_is_cut_short_frees_its_permit(service, bench):
    bench.actions["act"] = lambda *_: failing("server_error")
    agent = service.breaker(failures=1, recovery=0.0)
    await service.run(1, agent)
    begun = asyncio.Event()

    async def hang(*_: Any) -> None:
        bench.api_loop = asyncio.get_running_loop()
        begun_in_test.set()
        await asyncio.sleep(60)

    begun_in_test = SimpleNamespace(set=lambda: loop.call_soon_threadsafe(begun.set))
    loop = asyncio.get_running_loop()
    bench.actions["act"] = hang
    running = asyncio.ensure_future(service.run(1, agent))
    await begun.wait()
    refused = await service.run(1, agent)
    assert "a call tries the service at this moment" in refused.errors["t[0]"]
    running.cancel()
    await asyncio.wait({running})

    bench.actions["act"] = lambda *_: AgentResponse(success=True, result=1)
    assert (await service.run(2, agent)).tasks["t"].items.completed == 2


async def test_agents_of_one_service_share_it_each_by_its_own_thresholds(service, bench):
    bench.actions["act"] = lambda *_: failing("server_error")
    await service.run(2, service.breaker(failures=3))

    result = await service.run(2, {**service.breaker(failures=1), "name": "probe"})

    # Two failures are more than this one bears, but it takes one more to see that.
    assert result.errors["t[1]"].startswith("Circuit breaker is open")
    assert len(bench.calls) == 3


async def test_an_agent_that_cannot_be_made_fails_as_ever(service, bench):
    agent = {**service.breaker(), "custom_params": {"x": "{{ env.LEADAGENT_TESTS_NOWHERE }}"}}

    result = await service.run(1, agent)

    assert "LEADAGENT_TESTS_NOWHERE" in result.errors["t[0]"]


class Gauge:
    """How many calls there are at a time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.times: list[float] = []

    async def __call__(self, *_: Any) -> AgentResponse:
        self.now += 1
        self.most = max(self.most, self.now)
        self.times.append(time.monotonic())
        await asyncio.sleep(0.02)
        self.now -= 1
        return AgentResponse(success=True, result=None)


async def test_a_service_gets_at_most_so_many_calls_at_a_time_from_all_runs(service, bench):
    gauge = bench.actions["act"] = Gauge()
    wide = {"name": "t", "for_each": list(range(6)), "action": "act", "timeout": 30}
    agents = [service.agent(max_concurrency=2)]

    both = await asyncio.gather(*(bench.run(wide, agents=agents, parallel_execution=True) for _ in range(2)))

    assert [result.status for result in both] == ["completed"] * 2
    assert gauge.most == 2


async def test_a_rate_holds_and_the_lowest_of_one_file_is_it(service, bench):
    gauge = bench.actions["act"] = Gauge()
    agents = [service.agent(rate_limit="10/s"), service.agent("other", rate_limit="100/s")]
    tasks = [
        {"name": name, "agent_name": name, "for_each": list(range(4)), "action": "act"}
        for name in ("probe", "other")
    ]

    result = await bench.run(*tasks, agents=agents, parallel_execution=True)

    assert result.status == "completed"
    gaps = [after - before for before, after in zip(gauge.times, gauge.times[1:], strict=False)]
    assert sum(gaps) >= 7 * 0.1 - 0.05


async def test_waiting_for_a_limit_ends_with_the_run(service, bench):
    bench.actions["act"] = lambda *_: AgentResponse(success=True, result=1)
    agents = [service.agent(rate_limit="1/h")]
    tasks = [{"name": "a", "action": "act"}, {"name": "b", "action": "act", "timeout": 0.01}]

    result = await bench.run(*tasks, agents=agents, global_timeout=2)

    assert len(bench.calls) == 1
    assert result.tasks["b"].status == "cancelled"


async def test_a_call_is_undone_past_the_same_breaker(service, bench):
    bench.actions["break"] = lambda *_: failing("server_error")
    bench.actions["act"] = lambda *_: AgentResponse(success=True, result=1)

    result = await bench.run(
        {"name": "a", "action": "act", "compensate": {"action": "undo"}},
        {"name": "b", "action": "break", "depends_on": ["a"]},
        agents=[service.breaker(failures=1)],
    )

    [undone] = result.compensated
    assert undone.status == "failed"
    assert undone.error.startswith("Circuit breaker is open")
