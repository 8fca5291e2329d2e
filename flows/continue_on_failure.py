# Compiled by leadagent from ../examples/failure_strategies/continue_on_failure.yaml: change that file, and compile it again.
# Checksum of the rest: 182ca5a55f28678e. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "continue_on_failure" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

news = AgentConfig(name="news", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# continue_on_failure.yaml:12
daily = TaskConfig(
    name="daily",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/sources/daily"},
)

# continue_on_failure.yaml:13
broken = TaskConfig(
    name="broken",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/broken"},
)

# continue_on_failure.yaml:14
wire = TaskConfig(
    name="wire",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/sources/wire"},
)

# continue_on_failure.yaml:16; after daily
publish_daily = TaskConfig(
    name="publish_daily",
    agent_name=news.name,
    action="POST",
    parameters={"endpoint": "/digests", "json": "{{ tasks.daily.result }}"},
)

# continue_on_failure.yaml:21; after broken
publish_broken = TaskConfig(
    name="publish_broken",
    agent_name=news.name,
    action="POST",
    parameters={"endpoint": "/digests", "json": "{{ tasks.broken.result }}"},
)

# continue_on_failure.yaml:26
weather = TaskConfig(
    name="weather",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/broken/weather"},
    continue_on_failure=True,
)

workflow = Workflow(
    name="continue_on_failure",
    inputs={"services": InputConfig(type="string", default="http://127.0.0.1:8750")},
    failure_strategy="continue_on_failure",
    agents=[news],
    tasks=[daily, broken, wire, publish_daily, publish_broken, weather],
)


@flow(
    name="continue_on_failure",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def continue_on_failure(*, services: str = "http://127.0.0.1:8750") -> State[Any]:
    return await run(workflow, {"services": services})
