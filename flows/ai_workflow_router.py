# Compiled by leadagent from ../examples/from-others/conductor_oss_routing.yaml: change that file, and compile it again.
# Checksum of the rest: 6f8e7ee991395fae. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "ai_workflow_router" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    BearerAuth,
    InputConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

router = AgentConfig(
    name="router",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
)

# What is called: each task as soon as those have ended that it reads or depends on.

# conductor_oss_routing.yaml:14
choose = TaskConfig(
    name="choose",
    agent_name=router.name,
    action="choose",
    parameters={
        "model": "gpt-4o-mini",
        "temperature": 0,
        "max_tokens": 120,
        "response_format": {"type": "json_object"},
        "prompt": (
            'Where does this go? Answer as JSON: {"route": "support|refund|sales", "reason": "..."}\n'
            "{{ inputs.request }}\n"
        ),
    },
    output_schema={
        "properties": {"route": {"enum": ["support", "refund", "sales"]}},
        "required": ["route", "reason"],
    },
)

# conductor_oss_routing.yaml:27; after choose
support = TaskConfig(
    name="support",
    when="{{ tasks.choose.result.data.route == 'support' }}",
    value={"ticket": "{{ inputs.request }}"},
)

# conductor_oss_routing.yaml:28; after choose
refund = TaskConfig(
    name="refund",
    when="{{ tasks.choose.result.data.route == 'refund' }}",
    value={"refund": "{{ inputs.request }}"},
)

# conductor_oss_routing.yaml:29; after choose
sales = TaskConfig(
    name="sales",
    when="{{ tasks.choose.result.data.route == 'sales' }}",
    value={"lead": "{{ inputs.request }}"},
)

workflow = Workflow(
    name="ai_workflow_router",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "request": InputConfig(
            type="string",
            default="I was charged twice and want a refund",
        ),
    },
    parallel_execution=True,
    outputs={
        "route": "{{ tasks.choose.result.data.route }}",
        "reason": "{{ tasks.choose.result.data.reason }}",
        "output": "{{ tasks.support.result or tasks.refund.result or tasks.sales.result }}",
    },
    agents=[router],
    tasks=[choose, support, refund, sales],
)


@flow(
    name="ai_workflow_router",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def ai_workflow_router(
    *,
    services: str = "http://127.0.0.1:8750",
    request: str = "I was charged twice and want a refund",
) -> State[Any]:
    return await run(workflow, {"services": services, "request": request})
