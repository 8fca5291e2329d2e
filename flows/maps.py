# Compiled by leadagent from ../examples/maps.yaml: change that file, and compile it again.
# Checksum of the rest: 45d5cd8ad787b929. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "maps" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

news = AgentConfig(name="news", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# maps.yaml:14
find = TaskConfig(
    name="find",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/articles", "params": {"topic": "{{ inputs.topic }}"}},
)

# maps.yaml:16; after find
read = TaskConfig(
    name="read",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/texts/{{ article.id }}"},
    for_each="{{ tasks.find.result.articles }}",
    as_="article",
    key="{{ article.id }}",
    max_concurrency=2,
    tolerated_failures="34%",
)

workflow = Workflow(
    name="maps",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "topic": InputConfig(type="string", default="solar"),
    },
    parallel_execution=True,
    outputs={
        "texts": "{{ tasks.read.result | select | map(attribute='text') | list }}",
        "missing": "{{ tasks.read.errors }}",
    },
    agents=[news],
    tasks=[find, read],
)


@flow(
    name="maps",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def maps(
    *,
    services: str = "http://127.0.0.1:8750",
    topic: str = "solar",
) -> State[Any]:
    return await run(workflow, {"services": services, "topic": topic})
