# Compiled by leadagent from ../examples/sub_workflow/titles.yaml: change that file, and compile it again.
# Checksum of the rest: cccf49574eb39d3f. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "titles" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

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

workflow = Workflow(
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
    name="titles",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def titles(
    *,
    services: str = "http://127.0.0.1:8750",
    topic: str = "solar",
) -> State[Any]:
    return await run(workflow, {"services": services, "topic": topic})
