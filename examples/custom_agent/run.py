"""The same agent, registered in this process, not named in a file: python examples/custom_agent/run.py"""

from __future__ import annotations

import asyncio

from agents import StockAgent

from leadagent_prefect import AgentFactory, AgentType, LeadAgent

AgentFactory.register_agent_type(AgentType.CUSTOM, StockAgent)

WORKFLOW = {
    "name": "registered_agent",
    "agents": [{"name": "stock", "type": "custom", "custom_params": {"shelves": {"apples": 12}}}],
    "tasks": [{"name": "count", "agent_name": "stock", "action": "count", "parameters": {"item": "apples"}}],
}


async def main() -> None:
    result = await LeadAgent().execute_workflow_from_dict(WORKFLOW)
    print(result.status, result.results)


if __name__ == "__main__":
    asyncio.run(main())
