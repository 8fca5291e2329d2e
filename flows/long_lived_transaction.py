# Compiled by leadagent from ../examples/from-others/aws_long_lived_transaction.yaml: change that file, and compile it again.
# Checksum of the rest: ca21b8b0dce8b138. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "long_lived_transaction" as a Prefect flow."""

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

shop = AgentConfig(
    name="shop",
    type="http_api",
    endpoint="{{ inputs.services }}",
    timeout=10.0,
    retry_config=RetryConfig(max_attempts=3, initial_delay=0.1),
)

# What is called: each task as soon as those have ended that it reads or depends on.

# aws_long_lived_transaction.yaml:11
order = TaskConfig(
    name="order",
    agent_name=shop.name,
    action="POST",
    parameters={"endpoint": "/orders", "json": {"item": "lamp", "status": "new"}},
    compensate=CompensateConfig(
        action="DELETE",
        parameters={"endpoint": "{{ result.url }}"},
    ),
)

# aws_long_lived_transaction.yaml:17; after order
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
    ),
)

# aws_long_lived_transaction.yaml:23; after order, pay
reserve = TaskConfig(
    name="reserve",
    agent_name=shop.name,
    action="POST",
    parameters={
        "endpoint": "{{ inputs.inventory }}",
        "json": {"order": "{{ tasks.order.result.id }}"},
    },
    depends_on=[pay.name],
    compensate=CompensateConfig(
        action="DELETE",
        parameters={"endpoint": "{{ result.url }}"},
    ),
)

# What is called at the end of every run.

# aws_long_lived_transaction.yaml:30
notify = TaskConfig(
    name="notify",
    agent_name=shop.name,
    action="POST",
    parameters={
        "endpoint": "/notices",
        "json": {
            "order": "{{ tasks.order.result.id | default(none) }}",
            "status": "{{ run.status }}",
        },
    },
)

workflow = Workflow(
    name="long_lived_transaction",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "inventory": InputConfig(
            type="string",
            default="/reservations",
            description="/broken is out of order",
        ),
    },
    global_timeout=600.0,
    agents=[shop],
    tasks=[order, pay, reserve],
    finally_=[notify],
)


@flow(
    name="long_lived_transaction",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def long_lived_transaction(
    *,
    services: str = "http://127.0.0.1:8750",
    inventory: str = "/reservations",
) -> State[Any]:
    """Runs the workflow.

    Args:
        inventory: /broken is out of order
    """
    return await run(workflow, {"services": services, "inventory": inventory})
