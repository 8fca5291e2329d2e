# Compiled by leadagent from ../examples/from-others/zigflow_fan_out_fan_in.yaml: change that file, and compile it again.
# Checksum of the rest: a9dd653bebee06b6. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "fan_out_fan_in" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

api = AgentConfig(
    name="api",
    type="http_api",
    endpoint="{{ inputs.services }}",
    timeout=60.0,
)

# What is called: each task as soon as those have ended that it reads or depends on.

# zigflow_fan_out_fan_in.yaml:10
gather = TaskConfig(
    name="gather",
    agent_name=api.name,
    action="GET",
    parameters={"endpoint": "/sources/{{ item }}"},
    for_each=["daily", "weekly", "wire"],
)

workflow = Workflow(
    name="fan_out_fan_in",
    inputs={"services": InputConfig(type="string", default="http://127.0.0.1:8750")},
    parallel_execution=True,
    outputs={
        "total": "{{ tasks.gather.result | map(attribute='articles') | flatten | list | length }}",
        "datasets": "{{ tasks.gather.result | map(attribute='source') | list }}",
    },
    agents=[api],
    tasks=[gather],
)


@flow(
    name="fan_out_fan_in",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def fan_out_fan_in(*, services: str = "http://127.0.0.1:8750") -> State[Any]:
    """Call all sources at the same time, then aggregate their results."""
    return await run(workflow, {"services": services})
