# Compiled by leadagent from ../examples/failure_strategies/partial_completion_allowed.yaml: change that file, and compile it again.
# Checksum of the rest: b0731049d4faf905. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "partial_completion_allowed" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

news = AgentConfig(name="news", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# partial_completion_allowed.yaml:15
daily = TaskConfig(
    name="daily",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/sources/daily"},
)

# partial_completion_allowed.yaml:16
weekly = TaskConfig(
    name="weekly",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/sources/weekly"},
)

# partial_completion_allowed.yaml:17
wire = TaskConfig(
    name="wire",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/sources/wire"},
)

# partial_completion_allowed.yaml:18
closed = TaskConfig(
    name="closed",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/sources/closed"},
)

# partial_completion_allowed.yaml:19
broken = TaskConfig(
    name="broken",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/broken"},
)

workflow = Workflow(
    name="partial_completion_allowed",
    inputs={"services": InputConfig(type="string", default="http://127.0.0.1:8750")},
    parallel_execution=True,
    failure_strategy="partial_completion_allowed",
    min_success="60%",
    agents=[news],
    tasks=[daily, weekly, wire, closed, broken],
)


@flow(
    name="partial_completion_allowed",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def partial_completion_allowed(
    *,
    services: str = "http://127.0.0.1:8750",
) -> State[Any]:
    return await run(workflow, {"services": services})
