"""An agent of your own: one async method that takes an action and its parameters."""

from __future__ import annotations

from typing import Any

from leadagent_prefect import AgentResponse, BaseAgent


class TextAgent(BaseAgent):
    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        if action == "count":
            return AgentResponse(success=True, result=len(parameters["text"].split()))
        if action == "longest":
            return AgentResponse(success=True, result=max(parameters["text"].split(), key=len))
        if action == "join":
            return AgentResponse(success=True, result=", ".join(parameters["lines"]))
        return AgentResponse(success=False, error=f"no action {action!r}", error_class="configuration")
