# Compiled by leadagent from ../examples/simple_workflow.yaml: change that file, and compile it again.
# Checksum of the rest: c65403f214ff708e. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "simple_workflow" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    BearerAuth,
    InputConfig,
    RetryConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

data_api = AgentConfig(
    name="data_api",
    type="http_api",
    endpoint="{{ inputs.services }}",
    timeout=10.0,
    retry_config=RetryConfig(max_attempts=3, initial_delay=1.0),
)

openai_agent = AgentConfig(
    name="openai_agent",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1/chat/completions",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
)

mcp_agent = AgentConfig(
    name="mcp_agent",
    type="mcp_server",
    endpoint="{{ inputs.tools }}",
)

# What is called: each task as soon as those have ended that it reads or depends on.

# simple_workflow.yaml:31
fetch_raw_data = TaskConfig(
    name="fetch_raw_data",
    agent_name=data_api.name,
    action="fetch",
    parameters={"method": "GET", "endpoint": "/data"},
)

# simple_workflow.yaml:36; after fetch_raw_data
process_with_ai = TaskConfig(
    name="process_with_ai",
    agent_name=openai_agent.name,
    action="chat_completion",
    parameters={
        "model": "gpt-4",
        "messages": [
            {
                "role": "user",
                "content": (
                    "What stands out in these {{ tasks.fetch_raw_data.result.count }} days? Answer as JSON.\n"
                    "{{ tasks.fetch_raw_data.result.data[:3] }}\n"
                ),
            },
        ],
        "response_format": {"type": "json_object"},
    },
    timeout=60.0,
)

# simple_workflow.yaml:49; after fetch_raw_data
analyze_with_mcp = TaskConfig(
    name="analyze_with_mcp",
    agent_name=mcp_agent.name,
    action="call_tool",
    parameters={
        "name": "correlate",
        "arguments": {
            "x": "{{ tasks.fetch_raw_data.result.data | map(attribute='visits') | list }}",
            "y": "{{ tasks.fetch_raw_data.result.data | map(attribute='sales') | list }}",
        },
    },
)

# simple_workflow.yaml:58; after process_with_ai, analyze_with_mcp
generate_report = TaskConfig(
    name="generate_report",
    agent_name=data_api.name,
    action="post",
    parameters={
        "endpoint": "/digests",
        "json": {
            "insights": "{{ tasks.process_with_ai.result.data.insights }}",
            "correlation": "{{ tasks.analyze_with_mcp.result.correlation }}",
        },
    },
)

workflow = Workflow(
    name="simple_workflow",
    version="1.0.0",
    inputs={
        "services": InputConfig(
            type="string",
            default="http://127.0.0.1:8750",
            description="the HTTP and the chat-completions API",
        ),
        "tools": InputConfig(
            type="string",
            default="http://127.0.0.1:8751/mcp",
            description="the MCP server",
        ),
    },
    parallel_execution=False,
    failure_strategy="stop_on_first_failure",
    global_timeout=300.0,
    agents=[data_api, openai_agent, mcp_agent],
    tasks=[fetch_raw_data, process_with_ai, analyze_with_mcp, generate_report],
)


@flow(
    name="simple_workflow",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def simple_workflow(
    *,
    services: str = "http://127.0.0.1:8750",
    tools: str = "http://127.0.0.1:8751/mcp",
) -> State[Any]:
    """Fetch, process, analyze, report.

    Args:
        services: the HTTP and the chat-completions API
        tools: the MCP server
    """
    return await run(workflow, {"services": services, "tools": tools})
