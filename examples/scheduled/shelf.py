"""The agent of the scheduled workflow: a shelf that has no service behind it."""

from __future__ import annotations

from typing import Any

from leadagent_prefect import AgentResponse, BaseAgent

LEFT = {"apples": 12, "pears": 30}


class ShelfAgent(BaseAgent):
    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        if action == "count":
            return AgentResponse(success=True, result=LEFT[parameters["item"]])
        advice = "order more" if parameters["left"] < parameters["enough"] else "enough is there"
        return AgentResponse(success=True, result=advice)
