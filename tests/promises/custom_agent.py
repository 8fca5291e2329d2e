from leadagent_prefect.agents.base import AgentFactory, BaseAgent
from leadagent_prefect.models import AgentResponse, AgentType


class CustomAgent(BaseAgent):
    async def execute(self, action: str, parameters: dict) -> AgentResponse:
        # Your custom implementation
        try:
            result = await self.custom_logic(action, parameters)
            return AgentResponse(success=True, result=result)
        except Exception as e:  # noqa: BLE001 - as the original has it
            return AgentResponse(success=False, error=str(e))


# Register the new agent type
AgentFactory.register_agent_type(AgentType.CUSTOM, CustomAgent)
