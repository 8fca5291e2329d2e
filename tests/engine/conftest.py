"""An agent that does what its action says, runs with it, and what Prefect has recorded of them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

import pytest
from conductor import ProbeAgent, conducting, run_step

from leadagent_prefect import AgentFactory, AgentResponse, BaseAgent, Event, LeadAgent, WorkflowResult
from leadagent_prefect.agents.base import Call
from leadagent_prefect.embedded import PrefectApi, use_api

#: Of tasks that call no agent themselves.
KINDS = {"value", "wait", "fail", "finish", "workflow", "tasks"}


@dataclass
class Made:
    """One call an agent got."""

    agent: str
    action: str
    parameters: dict[str, Any]
    call: Call


class ScriptAgent(BaseAgent):
    """Does what ``actions[action]`` says, with (agent, parameters); ``calls`` is the list of all calls."""

    actions: ClassVar[dict[str, Callable[[ScriptAgent, dict[str, Any]], Any]]] = {}
    calls: ClassVar[list[Made]] = []
    log: ClassVar[list[str]] = []

    async def open(self) -> None:
        self.log.append(f"open {self.config.name}")

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        self.calls.append(Made(self.config.name, action, parameters, self.call))
        done = self.actions[action](self, parameters) if action in self.actions else {"echo": parameters}
        if asyncio.iscoroutine(done):
            done = await done
        return done if isinstance(done, AgentResponse) else AgentResponse(success=True, result=done)

    async def close(self) -> None:
        self.log.append(f"close {self.config.name}")


@dataclass
class Bench:
    """Runs workflows whose agent is "probe" of type "script", and keeps their events."""

    api: PrefectApi
    events: list[Event] = field(default_factory=list)
    calls: list[Made] = field(default_factory=lambda: ScriptAgent.calls)
    actions: dict[str, Any] = field(default_factory=lambda: ScriptAgent.actions)
    log: list[str] = field(default_factory=lambda: ScriptAgent.log)

    def workflow(self, *tasks: dict[str, Any], **settings: Any) -> dict[str, Any]:
        """A workflow of ``tasks``; one that says nothing of its kind has the agent "probe" and "echo"."""
        agents = settings.pop("agents", [{"name": "probe", "type": "script", "endpoint": "script://probe"}])
        filled = [
            ({} if KINDS & task.keys() else {"agent_name": "probe", "action": "echo"}) | task
            for task in tasks
        ]
        return {"name": "bench", "agents": agents, "tasks": filled, **settings}

    async def run(self, *tasks: dict[str, Any], given: Any = None, **settings: Any) -> WorkflowResult:
        agent = LeadAgent(observers=[self.events.append])
        return await agent.execute_workflow_from_dict(self.workflow(*tasks, **settings), given)

    async def saw(self, event_type: str, name: str) -> None:
        """Waits until an observer was told."""
        while event_type not in self.event_types(name):  # noqa: ASYNC110  # told by a thread that knows no loop
            await asyncio.sleep(0.01)

    async def until_called(self, task: str) -> None:
        """Waits until an agent was called."""
        while task not in [made.call.task for made in self.calls]:  # noqa: ASYNC110  # told by another thread
            await asyncio.sleep(0.01)

    def event_types(self, name: str) -> list[str]:
        return [event.type for event in self.events if event.name == name]


@pytest.fixture
def bench(prefect_api: PrefectApi) -> Iterator[Bench]:
    AgentFactory.register_agent_type("script", ScriptAgent)
    for shared in (ScriptAgent.actions, ScriptAgent.calls, ScriptAgent.log):
        shared.clear()
    yield Bench(prefect_api)
    AgentFactory.unregister_agent_type("script")


class Recorded:
    """What the Prefect server knows of a run; task runs reach it a moment later."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def flow_run(self, result: WorkflowResult) -> Any:
        return await self.client.read_flow_run(UUID(result.flow_run_id))

    async def task_runs(self, result: WorkflowResult, count: int) -> dict[str, Any]:
        """By name, as soon as ``count`` of them have ended."""
        from prefect.client.schemas.filters import FlowRunFilter

        mine = FlowRunFilter.model_validate({"id": {"any_": [result.flow_run_id]}})
        while True:
            runs = await self.client.read_task_runs(flow_run_filter=mine, limit=200)
            if sum(run.state is not None and run.state.is_final() for run in runs) >= count:
                return {run.name: run for run in runs}
            await asyncio.sleep(0.05)

    async def flow_runs_within(self, result: WorkflowResult) -> list[Any]:
        """The flow runs of its sub-workflows, in the order in which they began."""
        from prefect.client.schemas.filters import FlowRunFilter

        mine = FlowRunFilter.model_validate({"parent_flow_run_id": {"any_": [result.flow_run_id]}})
        found = await self.client.read_flow_runs(flow_run_filter=mine)
        return sorted(found, key=lambda run: run.created)

    async def all_task_runs(self, result: WorkflowResult, within: list[Any]) -> list[Any]:
        """Those of the run and of its sub-workflows, as soon as all have ended."""
        from prefect.client.schemas.filters import FlowRunFilter

        ids = [result.flow_run_id, *(str(run.id) for run in within)]
        mine = FlowRunFilter.model_validate({"id": {"any_": ids}})
        while True:
            runs = await self.client.read_task_runs(flow_run_filter=mine, limit=200)
            if all(run.state is not None and run.state.is_final() for run in runs):
                return list(runs)
            await asyncio.sleep(0.05)

    async def until_state(self, task_run: Any, name: str) -> None:
        while task_run.state.name != name:
            task_run = await self.client.read_task_run(task_run.id)
            await asyncio.sleep(0.05)

    async def states(self, task_run: Any) -> list[str]:
        states = await self.client.read_task_run_states(task_run.id)
        return [state.name for state in states]


async def nothing_is_kept(*what: Any) -> None:
    """In place of the record of a run, and of what becomes of its steps."""


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The agent type of random workflows, and their steps without an agent, for the time of a test."""
    from leadagent_prefect.engine.run import Run

    monkeypatch.setattr("leadagent_prefect.engine.schedule.run_step", run_step)
    # Many workflows in one flow run are no executions of the same one.
    monkeypatch.setattr("leadagent_prefect.engine.flow.take_up", nothing_is_kept)
    # And the end of a step is to be seen within the turn of the loop in which it comes.
    monkeypatch.setattr("leadagent_prefect.engine.store.generations.Generations._write", nothing_is_kept)
    root_id = Run.root_id.fget

    def of_this_execution(run: Run) -> str:
        """One flow run hosts many executions: none may take another one's result."""
        conductor = conducting.get()
        assert root_id is not None  # it is a property
        return f"{root_id(run)}{conductor.id if conductor else ''}"

    monkeypatch.setattr(Run, "root_id", property(of_this_execution))
    AgentFactory.register_agent_type("probe", ProbeAgent)
    yield
    AgentFactory.unregister_agent_type("probe")


class Host:
    """One flow run that hosts many executions, on Prefect's own task engine: a run of its own for each would
    take a server a quarter of a second.
    """

    loop: asyncio.AbstractEventLoop

    def __call__(self, test: Callable[[], None]) -> None:
        """Runs ``test`` in a thread beside the host's loop."""
        from prefect import flow
        from prefect.events.clients import NullEventsClient
        from prefect.events.worker import EventsWorker

        @flow(name="host-of-many")
        async def host() -> None:
            self.loop = asyncio.get_running_loop()
            await self._beside(test)

        # What the server records of ten thousand task runs is not what this is about.
        EventsWorker.set_client_override(NullEventsClient)
        logging.disable(logging.CRITICAL)
        try:
            asyncio.run(host())
        finally:
            logging.disable(logging.NOTSET)

    async def _beside(self, test: Callable[[], None]) -> None:
        # Not `asyncio.to_thread`: a test that has run out of time leaves its thread behind, and a loop that
        # is closed waits for those of its executor, for good.
        done: concurrent.futures.Future[None] = concurrent.futures.Future()

        def work() -> None:
            try:
                test()
            except BaseException as error:  # noqa: BLE001  # raised again by whoever waits
                done.set_exception(error)
            else:
                done.set_result(None)

        threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
        await asyncio.wrap_future(done)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of ``work``, which runs in the host."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


@pytest.fixture
def in_host(prefect_api: PrefectApi) -> Iterator[Host]:
    with use_api(prefect_api):
        yield Host()


@pytest.fixture
async def recorded(prefect_api: PrefectApi) -> AsyncIterator[Recorded]:
    with use_api(prefect_api):
        from prefect import get_client

        async with get_client() as client:
            yield Recorded(client)
