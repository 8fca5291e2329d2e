# Compiled by leadagent from ../examples/sub_workflow/workflow.yaml: change that file, and compile it again.
# Checksum of the rest: 85a7a6d8e92dd397. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "sub_workflow" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# What is called: each task as soon as those have ended that it reads or depends on.

# workflow.yaml:9
solar = TaskConfig(
    name="solar",
    workflow="titles.yaml",
    inputs={"services": "{{ inputs.services }}", "topic": "solar"},
)

# workflow.yaml:13
wind = TaskConfig(
    name="wind",
    workflow="titles.yaml",
    inputs={"services": "{{ inputs.services }}", "topic": "wind"},
)

workflow = Workflow(
    name="sub_workflow",
    inputs={"services": InputConfig(type="string", default="http://127.0.0.1:8750")},
    parallel_execution=True,
    outputs={
        "titles": "{{ [tasks.solar.result.titles, tasks.wind.result.titles] | flatten }}",
    },
    agents=[],
    tasks=[solar, wind],
)

# --- The sub-workflow titles.yaml ---

# Who is called.

news = AgentConfig(name="news", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# titles.yaml:12
find = TaskConfig(
    name="find",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/articles", "params": {"topic": "{{ inputs.topic }}"}},
)

titles = Workflow(
    name="titles",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "topic": InputConfig(type="string", default="solar"),
    },
    outputs={
        "titles": "{{ tasks.find.result.articles | map(attribute='title') | list }}",
    },
    agents=[news],
    tasks=[find],
)


@flow(
    name="sub_workflow",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def sub_workflow(*, services: str = "http://127.0.0.1:8750") -> State[Any]:
    return await run(workflow, {"services": services}, parts={"titles.yaml": titles})
