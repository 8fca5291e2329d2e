import asyncio

from leadagent_prefect import LeadAgent


async def main():
    agent = LeadAgent()
    result = await agent.execute_workflow_from_file("my_workflow.yaml")

    print(f"Status: {result.status}")
    print(f"Results: {result.results}")


asyncio.run(main())
