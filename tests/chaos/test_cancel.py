"""X7: runs that are cancelled from outside, wherever they are, end as Cancelled and call nobody any more.

In short one run of each kind, several at once in one process; whole (``LEADAGENT_CHAOS=whole``), thirty.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from chaos import WHOLE, Service, chaos_service, seeded

from leadagent_prefect import AgentFactory, AgentResponse, BaseAgent, Event, LeadAgent
from leadagent_prefect.embedded import PrefectApi, use_api

WORKSHOP = Path(__file__).parents[1] / "agents_mcp" / "servers" / "workshop.py"
#: Seconds after the acknowledgement in which a request may still begin: SPEC's 10 where the machine is busy.
LATE = 1.0 if WHOLE else 10.0


class Blocking(BaseAgent):
    """Its calls block a thread until the experiment is over."""

    over = threading.Event()

    def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:  # type: ignore[override]  # without async, on purpose
        self.over.wait()
        return AgentResponse(success=True)


@dataclass
class Case:
    """A run of a kind, from its start to what Prefect makes of it."""

    kind: str
    name: str
    workflow: dict[str, Any]
    events: list[Event] = field(default_factory=list)
    acknowledged: float = 0.0
    states: list[Any] = field(default_factory=list)

    def start(self) -> None:
        self.handle = LeadAgent([self.events.append]).start(self.workflow)

    def saw(self, *types: str) -> bool:
        return bool({event.type for event in self.events} & set(types))

    @property
    def run_id(self) -> UUID:
        return UUID(self.events[0].run_id)


def _workflow(service: Service, name: str, kind: str) -> dict[str, Any]:
    def call(task: str, **more: Any) -> dict[str, Any]:
        return {
            "name": task,
            "agent_name": "http",
            "action": "POST",
            "parameters": {"endpoint": f"/{name}/{task}"},
        } | more

    blocked = {"agent_name": "blocking", "action": "x"}
    workshop = {"agent_name": "mcp", "action": "slow", "parameters": {"seconds": 600, "name": name}}
    patient = {"max_attempts": 5, "initial_delay": 600, "max_delay": 600, "jitter": False}
    kinds: dict[str, list[dict[str, Any]]] = {
        "http": [call("slow"), call("after", depends_on=["slow"])],
        "back-off": [call("fails", retry_config=patient), call("after", depends_on=["fails"])],
        "queued": [call("slow"), *(call(f"queued-{number}") for number in range(5))],
        "mcp": [{"name": "tool"} | workshop, call("after", depends_on=["tool"])],
        "sync": [{"name": "blocks"} | blocked, call("after", depends_on=["blocks"])],
        "wait": [{"name": "pause", "wait": "10m"}, call("after", depends_on=["pause"])],
        "undo": [
            call("paid", compensate={k: v for k, v in call("slow-undo").items() if k != "name"}),
            call("slow", depends_on=["paid"]),
        ],
        "busy": [call(f"step-{number}") for number in range(200)],
    }
    server = f"stdio:{sys.executable} {WORKSHOP} stdio"
    mcp = {"name": "mcp", "type": "mcp_server", "endpoint": server, "timeout": 600}
    return {
        "name": f"cancelled-{kind}",
        "parallel_execution": kind == "queued",
        "max_parallel_tasks": 1,
        "agents": [
            {"name": "http", "type": "http_api", "endpoint": service.url, "timeout": 600},
            {"name": "blocking", "type": "blocking", "endpoint": "x://"},
            mcp,
        ],
        "tasks": kinds[kind],
    }


KINDS = ("http", "back-off", "queued", "mcp", "sync", "wait", "undo", "busy")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    AgentFactory.register_agent_type("blocking", Blocking)
    Blocking.over.clear()
    with chaos_service(tmp_path / "history.jsonl") as service:
        yield service
    Blocking.over.set()
    AgentFactory.unregister_agent_type("blocking")


@pytest.fixture
async def client(prefect_api: PrefectApi) -> AsyncIterator[Any]:
    with use_api(prefect_api):
        from prefect.context import AsyncClientContext

        async with AsyncClientContext.get_or_create() as context:
            yield context.client


async def until(look: Callable[[], bool]) -> None:
    while not look():  # noqa: ASYNC110  # told by other threads
        await asyncio.sleep(0.05)


def children() -> set[int]:
    """The MCP servers that this process has started."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and WORKSHOP.name in status.with_name("cmdline").read_text():
                found.add(int(status.parent.name))
        except OSError:  # it has just ended
            continue
    return found


async def _cancel(case: Case, client: Any) -> None:
    """Once it is where its kind wants it; twice where it undoes."""
    from leadagent_prefect.runs import cancel, find_run

    run = await find_run(client, str(case.run_id))
    if case.kind == "undo":
        run = await cancel(client, run)
        await until(lambda: case.saw("compensation_started"))
        assert run.state.is_cancelling()
    run = await cancel(client, await client.read_flow_run(run.id))
    case.acknowledged = time.time()
    run = await cancel(client, run, wait=60, once_more=False)
    again = await cancel(client, run, wait=60)
    case.states = [run.state, again.state]


@pytest.mark.timeout(600 if WHOLE else 400)
async def test_cancelled_runs_end_wherever_they_are(service, client):
    rng = seeded("X7")
    kinds = list(itertools.islice(itertools.cycle(KINDS), 30 if WHOLE else len(KINDS)))
    rng.shuffle(kinds)
    cases = [Case(kind, f"{kind}-{number}", {}) for number, kind in enumerate(kinds)]
    for case in cases:
        case.workflow = _workflow(service, case.name, case.kind)
        service.rule(f"/{case.name}/slow", delay=600)
        service.rule(f"/{case.name}/fails", status=500)
        service.rule(f"/{case.name}/step", delay=0.2)
        case.start()
    placed = {"back-off": ("task_retrying",), "undo": ("task_completed",), "busy": ("task_completed",)}
    for case in cases:
        await until(lambda case=case: case.saw(*placed.get(case.kind, ("task_started",))))
    await until(lambda: len(children()) == kinds.count("mcp"))
    await asyncio.gather(*(_cancel(case, client) for case in cases))
    results = {case.name: case.handle.result(60) for case in cases}

    states = {case.name: [state.type.value for state in case.states] for case in cases}
    assert states == {case.name: ["CANCELLED", "CANCELLED"] for case in cases}
    assert {case.name for case in cases if case.states[0].id != case.states[1].id} == set()
    assert {name: result.status for name, result in results.items()} == dict.fromkeys(results, "cancelled")
    acknowledged = {case.name: case.acknowledged for case in cases}
    late = [r for r in service.history().requests if r.t_start > acknowledged[r.run] + LATE]
    assert late == []
    called = {request.task for request in service.history().requests}
    assert "after" not in called
    assert {task for task in called if task.startswith("queued")} <= set()
    await until(lambda: not children())
