"""An agent of one's own: a stock-keeper that knows its shelves from the workflow file."""

from __future__ import annotations

from typing import Any

from leadagent_prefect import AgentResponse, BaseAgent


class StockAgent(BaseAgent):
    """Actions: ``count`` (parameter ``item``), ``total``. ``custom_params.shelves``: counts by item."""

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        shelves: dict[str, int] = self.config.custom_params["shelves"]
        if action == "total":
            return AgentResponse(success=True, result=sum(shelves.values()))
        item = parameters["item"]
        if item not in shelves:
            # Raising an error and returning one are the same to the engine; the class decides on a retry.
            return AgentResponse(success=False, error=f"no shelf holds {item}", error_class="client_error")
        return AgentResponse(success=True, result={"item": item, "count": shelves[item]})
