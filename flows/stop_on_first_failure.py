# Compiled by leadagent from ../examples/failure_strategies/stop_on_first_failure.yaml: change that file, and compile it again.
# Checksum of the rest: f3d2d4730d27760d. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "stop_on_first_failure" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

shop = AgentConfig(name="shop", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# stop_on_first_failure.yaml:12
list_articles = TaskConfig(
    name="list_articles",
    agent_name=shop.name,
    action="GET",
    parameters={"endpoint": "/articles"},
)

# stop_on_first_failure.yaml:13
order = TaskConfig(
    name="order",
    agent_name=shop.name,
    action="POST",
    parameters={"endpoint": "/broken"},
)

# stop_on_first_failure.yaml:14
announce = TaskConfig(
    name="announce",
    agent_name=shop.name,
    action="POST",
    parameters={"endpoint": "/digests", "json": {"text": "ordered"}},
)

workflow = Workflow(
    name="stop_on_first_failure",
    inputs={"services": InputConfig(type="string", default="http://127.0.0.1:8750")},
    failure_strategy="stop_on_first_failure",
    agents=[shop],
    tasks=[list_articles, order, announce],
)


@flow(
    name="stop_on_first_failure",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def stop_on_first_failure(
    *,
    services: str = "http://127.0.0.1:8750",
) -> State[Any]:
    return await run(workflow, {"services": services})
