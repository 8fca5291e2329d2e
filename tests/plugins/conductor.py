"""An agent whose calls end exactly when a test says so, in the order of the reference's virtual time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.errors import error_for
from leadagent_prefect.results import AgentResponse

#: Of the loop, in which a scheduler takes in what has ended and starts what follows.
TURNS = 8
Moment = tuple[set[tuple[str, int]], tuple[str, int]]


class Conductor:
    """Holds the calls under way; `follow` ends them one at a time and checks who is under way each time."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self.pending: dict[tuple[str, int], asyncio.Future[None]] = {}
        self.calls: list[tuple[str, int]] = []
        self.passing = 0
        self.changed = asyncio.Event()

    async def hold(self, task: str, attempt: int) -> None:
        async with self.under_way(task, attempt) as end:
            await end

    @asynccontextmanager
    async def under_way(self, task: str, attempt: int) -> AsyncIterator[asyncio.Future[None]]:
        """For the time of an attempt; what it gives is done when the attempt is to end."""
        key = (task, attempt)
        self.calls.append(key)
        self.pending[key] = asyncio.get_running_loop().create_future()
        self.changed.set()
        try:
            yield self.pending[key]
        finally:
            del self.pending[key]
            self.changed.set()

    @contextmanager
    def passes(self) -> Iterator[None]:
        """For the time of a task run in which nothing is done: of a skip, or a map without items."""
        self.passing += 1
        yield
        self.passing -= 1
        self.changed.set()

    async def follow(self, moments: list[Moment]) -> None:
        for under_way, ends_next in moments:
            while set(self.pending) != under_way or self.passing:
                self.changed.clear()
                await self.changed.wait()
                for _ in range(TURNS if self.passing == 0 else 0):
                    await asyncio.sleep(0)
            self.pending[ends_next].set_result(None)
            while ends_next in self.pending:
                self.changed.clear()
                await self.changed.wait()


class Recorder(Conductor):
    """Holds nothing up."""

    @asynccontextmanager
    async def under_way(self, task: str, attempt: int) -> AsyncIterator[asyncio.Future[None]]:
        self.calls.append((task, attempt))
        end = asyncio.get_running_loop().create_future()
        end.set_result(None)
        yield end


#: Of the run that goes on, for its steps that call no agent.
conducting: ContextVar[Conductor | None] = ContextVar("conducting", default=None)


async def run_step(call: Any, upstreams: Any) -> Any:
    """The engine's, for random workflows: a step that calls no agent takes its time as a call does.

    It begins when the conductor lets it end; a stop of the run ends it as it ends a call.
    """
    from leadagent_prefect.engine.steps import task

    conductor, calls = conducting.get(), call.step.kind == "call" and call.problem is None
    if conductor is not None and call.outcome is not None:
        with conductor.passes():
            return await task.run_step(call, upstreams)
    if conductor is None or calls:
        return await task.run_step(call, upstreams)
    async with conductor.under_way(call.name, 1) as end:
        await asyncio.wait({end, call.token.future}, return_when=asyncio.FIRST_COMPLETED)
        return await task.run_step(call, upstreams)


class ProbeAgent(BaseAgent):
    """Parameters: ``script`` (what each attempt ends in) and anything else, which is its result."""

    conductors: ClassVar[dict[str, Conductor]] = {}

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        script = parameters.pop("script", ["ok"])
        conductor = self.conductors.get(self.config.endpoint or "")
        if conductor is not None:
            await conductor.hold(self.call.task, self.call.attempt)
        end = script[min(self.call.attempt, len(script)) - 1]
        if end == "ok":
            return AgentResponse(success=True, result=parameters.get("result"))
        if end == "returned":
            return AgentResponse(success=False, error="said no", error_class="server_error")
        raise error_for(end)(f"{self.call.task} ended in {end}")
