# Compiled by leadagent from ../examples/undo.yaml: change that file, and compile it again.
# Checksum of the rest: aab4df7b26eac97a. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "undo" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    CompensateConfig,
    InputConfig,
    RetryConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

shop = AgentConfig(name="shop", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# undo.yaml:12
order = TaskConfig(
    name="order",
    agent_name=shop.name,
    action="POST",
    parameters={"endpoint": "/orders", "json": {"item": "lamp"}},
    compensate=CompensateConfig(
        action="DELETE",
        parameters={"endpoint": "{{ result.url }}"},
    ),
)

# undo.yaml:18; after order
pay = TaskConfig(
    name="pay",
    agent_name=shop.name,
    action="POST",
    parameters={
        "endpoint": "/payments",
        "json": {"order": "{{ tasks.order.result.id }}"},
    },
    compensate=CompensateConfig(
        action="DELETE",
        parameters={"endpoint": "{{ result.url }}"},
        retry_config=RetryConfig(max_attempts=5),
    ),
)

# undo.yaml:27; after order, pay
ship = TaskConfig(
    name="ship",
    agent_name=shop.name,
    action="POST",
    parameters={
        "endpoint": "{{ inputs.carrier }}",
        "json": {"order": "{{ tasks.order.result.id }}"},
    },
    depends_on=[pay.name],
)

workflow = Workflow(
    name="undo",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "carrier": InputConfig(
            type="string",
            default="/broken",
            description="/reservations works",
        ),
    },
    agents=[shop],
    tasks=[order, pay, ship],
)


@flow(
    name="undo",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def undo(
    *,
    services: str = "http://127.0.0.1:8750",
    carrier: str = "/broken",
) -> State[Any]:
    """Runs the workflow.

    Args:
        carrier: /reservations works
    """
    return await run(workflow, {"services": services, "carrier": carrier})
