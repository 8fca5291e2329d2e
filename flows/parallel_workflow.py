# Compiled by leadagent from ../examples/parallel_workflow.yaml: change that file, and compile it again.
# Checksum of the rest: 82cedc153af09b01. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "parallel_workflow" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    BearerAuth,
    InputConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

http_agent = AgentConfig(
    name="http_agent",
    type="http_api",
    endpoint="{{ inputs.services }}",
)

ai_agent = AgentConfig(
    name="ai_agent",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
)

# What is called: each task as soon as those have ended that it reads or depends on.

# parallel_workflow.yaml:22
fetch_data_source_1 = TaskConfig(
    name="fetch_data_source_1",
    agent_name=http_agent.name,
    action="fetch",
    parameters={"endpoint": "/sources/daily"},
)

# parallel_workflow.yaml:27
fetch_data_source_2 = TaskConfig(
    name="fetch_data_source_2",
    agent_name=http_agent.name,
    action="fetch",
    parameters={"endpoint": "/sources/weekly"},
)

# parallel_workflow.yaml:32
fetch_data_source_3 = TaskConfig(
    name="fetch_data_source_3",
    agent_name=http_agent.name,
    action="fetch",
    parameters={"endpoint": "/sources/wire"},
)

# parallel_workflow.yaml:37; after fetch_data_source_1, fetch_data_source_2, fetch_data_source_3
combine_results = TaskConfig(
    name="combine_results",
    agent_name=ai_agent.name,
    action="combine",
    parameters={"model": "gpt-4"},
    depends_on=[
        fetch_data_source_1.name,
        fetch_data_source_2.name,
        fetch_data_source_3.name,
    ],
)

workflow = Workflow(
    name="parallel_workflow",
    version="1.0.0",
    inputs={"services": InputConfig(type="string", default="http://127.0.0.1:8750")},
    parallel_execution=True,
    failure_strategy="partial_completion_allowed",
    agents=[http_agent, ai_agent],
    tasks=[
        fetch_data_source_1,
        fetch_data_source_2,
        fetch_data_source_3,
        combine_results,
    ],
)


@flow(
    name="parallel_workflow",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def parallel_workflow(*, services: str = "http://127.0.0.1:8750") -> State[Any]:
    return await run(workflow, {"services": services})
