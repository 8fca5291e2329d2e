# Compiled by leadagent from ../examples/retries.yaml: change that file, and compile it again.
# Checksum of the rest: 88fc1d695a60ce23. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "retries" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    InputConfig,
    RetryConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

flaky = AgentConfig(
    name="flaky",
    type="http_api",
    endpoint="{{ inputs.services }}",
    retry_config=RetryConfig(
        max_attempts=5,
        initial_delay=0.1,
        max_delay=30.0,
        exponential_base=2.0,
        jitter=True,
    ),
)

# What is called: each task as soon as those have ended that it reads or depends on.

# retries.yaml:20
fails_twice = TaskConfig(
    name="fails_twice",
    agent_name=flaky.name,
    action="fetch",
    parameters={"endpoint": "/data", "params": {"failures": 2}},
)

# retries.yaml:25
fails_once = TaskConfig(
    name="fails_once",
    agent_name=flaky.name,
    action="fetch",
    parameters={"endpoint": "/data", "params": {"failures": 1}},
    retry_config=RetryConfig(max_attempts=2),
)

# retries.yaml:31
is_not_there = TaskConfig(
    name="is_not_there",
    agent_name=flaky.name,
    action="fetch",
    parameters={"endpoint": "/sources/unknown"},
    accept_status=[404],
)

workflow = Workflow(
    name="retries",
    inputs={"services": InputConfig(type="string", default="http://127.0.0.1:8750")},
    parallel_execution=True,
    outputs={"rows": "{{ tasks.fails_twice.result.count }}"},
    agents=[flaky],
    tasks=[fails_twice, fails_once, is_not_there],
)


@flow(
    name="retries",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def retries(*, services: str = "http://127.0.0.1:8750") -> State[Any]:
    return await run(workflow, {"services": services})
