# Compiled by leadagent from ../examples/cached.yaml: change that file, and compile it again.
# Checksum of the rest: ad60b1d076669729. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "cached" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    CacheConfig,
    InputConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

news = AgentConfig(name="news", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# cached.yaml:12
fetch = TaskConfig(
    name="fetch",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/articles", "params": {"edition": "{{ inputs.edition }}"}},
    cache=CacheConfig(ttl=3600.0),
)

workflow = Workflow(
    name="cached",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "edition": InputConfig(
            type="string",
            default="today",
            description="another one is another call",
        ),
    },
    outputs={"count": "{{ tasks.fetch.result.count }}"},
    agents=[news],
    tasks=[fetch],
)


@flow(
    name="cached",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def cached(
    *,
    services: str = "http://127.0.0.1:8750",
    edition: str = "today",
) -> State[Any]:
    """Runs the workflow.

    Args:
        edition: another one is another call
    """
    return await run(workflow, {"services": services, "edition": edition})
