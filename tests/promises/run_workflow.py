import asyncio

from leadagent_prefect import LeadAgent


async def run_workflow():
    # Initialize the Lead Agent
    agent = LeadAgent()

    # Option A: Run from YAML file
    result = await agent.execute_workflow_from_file("examples/simple_workflow.yaml")

    # Option B: Run from dictionary configuration
    config = {
        "name": "my_workflow",
        "agents": [{"name": "http_agent", "type": "http_api", "endpoint": "http://127.0.0.1:8750"}],
        "tasks": [
            {
                "name": "fetch",
                "agent_name": "http_agent",
                "action": "fetch",
                "parameters": {"endpoint": "/data"},
            }
        ],
    }
    result = await agent.execute_workflow_from_dict(config)

    # Process results
    if result.status == "completed":
        print("✅ Workflow completed successfully!")
        print(f"📊 Results: {result.results}")
    else:
        print(f"❌ Workflow failed: {result.errors}")

    return result


# Run the workflow
if __name__ == "__main__":
    result = asyncio.run(run_workflow())
