"""An agent whose calls end exactly when a test says so, in the order of the reference's virtual time."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.errors import error_for
from leadagent_prefect.results import AgentResponse

Moment = tuple[set[tuple[str, int]], tuple[str, int]]


class Conductor:
    """Holds the calls under way; `follow` ends them one at a time and checks who is under way each time."""

    def __init__(self) -> None:
        self.pending: dict[tuple[str, int], asyncio.Future[None]] = {}
        self.calls: list[tuple[str, int]] = []
        self.changed = asyncio.Event()

    async def hold(self, task: str, attempt: int) -> None:
        key = (task, attempt)
        self.calls.append(key)
        self.pending[key] = asyncio.get_running_loop().create_future()
        self.changed.set()
        try:
            await self.pending[key]
        finally:
            del self.pending[key]
            self.changed.set()

    async def follow(self, moments: list[Moment]) -> None:
        for under_way, ends_next in moments:
            while set(self.pending) != under_way:
                self.changed.clear()
                await self.changed.wait()
            self.pending[ends_next].set_result(None)
            while ends_next in self.pending:
                self.changed.clear()
                await self.changed.wait()


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
