"""Runs to look at, and an agent that does what its action says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar
from uuid import UUID

import pytest

from leadagent_prefect import AgentFactory, AgentResponse, BaseAgent, Event, LeadAgent
from leadagent_prefect.embedded import PrefectApi, use_api


class Actor(BaseAgent):
    actions: ClassVar[dict[str, Callable[[Actor], Any]]] = {}

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        if action == "fail":
            return AgentResponse(success=False, error="no luck", error_class="server_error")
        if action == "hang":
            await asyncio.Event().wait()
        if action in self.actions:
            await self.actions[action](self)
        return AgentResponse(success=True, result={"did": action})


def tasks(*actions: str, **settings: Any) -> dict[str, Any]:
    """A workflow with a task named after each action, one after the other."""
    agent = {"name": "actor", "type": "actor", "endpoint": "actor://"}
    rows = [{"name": action, "agent_name": "actor", "action": action} for action in actions]
    for before, row in itertools.pairwise(rows):
        row["depends_on"] = [before["name"]]
    return {"name": "acts", "agents": [agent], "tasks": rows, **settings}


@pytest.fixture(scope="session", name="tasks")
def _tasks() -> Callable[..., dict[str, Any]]:
    return tasks


@pytest.fixture(scope="module")
def actor() -> Iterator[dict[str, Any]]:
    AgentFactory.register_agent_type("actor", Actor)
    yield Actor.actions
    AgentFactory.unregister_agent_type("actor")


@pytest.fixture
async def client(prefect_api: PrefectApi) -> AsyncIterator[Any]:
    with use_api(prefect_api):
        from prefect import get_client

        async with get_client() as client:
            yield client


class Under:
    """A run that goes on in this process: `id` once it is there."""

    def __init__(self, workflow: dict[str, Any]) -> None:
        self.events: list[Event] = []
        self.handle = LeadAgent([self.events.append]).start(workflow)

    async def started(self, task: str) -> UUID:
        while not any(e.type == "task_started" and e.name == task for e in self.events):  # noqa: ASYNC110  # told by another thread
            await asyncio.sleep(0.02)
        return UUID(self.events[0].run_id)

    async def ended(self) -> Any:
        return await asyncio.wrap_future(self.handle.future)


@pytest.fixture
def under_way(actor: dict[str, Any], prefect_api: PrefectApi) -> Iterator[Callable[..., Under]]:
    """Starts runs; what is left of them is ended."""
    started: list[Under] = []

    def start(*actions: str, **settings: Any) -> Under:
        started.append(Under(tasks(*actions, **settings)))
        return started[-1]

    yield start
    for one in started:
        one.handle.cancel()
        one.handle.cancel()
        one.handle.result(30)
