# Compiled by leadagent from ../examples/from-others/conductor_for_each.yaml: change that file, and compile it again.
# Checksum of the rest: d36090948cd45df9. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "for_each_simple" as a Prefect flow."""

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

writer = AgentConfig(
    name="writer",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
    custom_params={
        "defaults": {
            "model": "gpt-4o-mini",
            "response_format": {"type": "json_object"},
        },
    },
)

# What is called: each task as soon as those have ended that it reads or depends on.

# conductor_for_each.yaml:15
find_items = TaskConfig(
    name="find_items",
    agent_name=writer.name,
    action="find",
    parameters={
        "prompt": (
            'Name programming concepts such as these. Answer as JSON: {"topics": ["..."]}\n'
            "functional programming, type systems, concurrency\n"
        ),
    },
    when="{{ not inputs.items }}",
)

# conductor_for_each.yaml:24; after find_items
process = TaskConfig(
    name="process",
    agent_name=writer.name,
    action="process",
    parameters={
        "prompt": (
            'Process this item. Answer as JSON: {"processed": "...", "analysis": "..."}\n'
            "Item {{ index + 1 }}: {{ item }}\n"
        ),
    },
    trigger_rule="none_failed",
    for_each="{{ inputs.items or tasks.find_items.result.data.topics }}",
    max_concurrency=3,
    tolerated_failures="100%",
)

# conductor_for_each.yaml:36; after process
aggregate = TaskConfig(
    name="aggregate",
    agent_name=writer.name,
    action="aggregate",
    parameters={
        "prompt": (
            'Summarize these results. Answer as JSON: {"summary": "...", "insights": ["..."]}\n'
            "{{ tasks.process.result | select | map(attribute='data.analysis') | join(', ') }}\n"
            "Failed: {{ tasks.process.errors | length }}\n"
        ),
    },
)

workflow = Workflow(
    name="for_each_simple",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "items": InputConfig(
            type="array",
            default=[],
            description="what to process; otherwise thought of",
            items={"type": "string"},
        ),
    },
    parallel_execution=True,
    outputs={
        "summary": "{{ tasks.aggregate.result.data.summary }}",
        "insights": "{{ tasks.aggregate.result.data.insights }}",
        "processed": "{{ tasks.process.result | select | list | length }}",
        "failed": "{{ tasks.process.errors | length }}",
    },
    agents=[writer],
    tasks=[find_items, process, aggregate],
)


@flow(
    name="for_each_simple",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def for_each_simple(
    *,
    services: str = "http://127.0.0.1:8750",
    items: list[str] = [],
) -> State[Any]:
    """Runs the workflow.

    Args:
        items: what to process; otherwise thought of
    """
    return await run(workflow, {"services": services, "items": items})
