# Compiled by leadagent from ../examples/scheduled/workflow.yaml: change that file, and compile it again.
# Checksum of the rest: 0e256634482dc8fe. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "stock_watch" as a Prefect flow."""

from pathlib import Path
from typing import Annotated, Any, Literal

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    InputConfig,
    ScheduleConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow
from pydantic import WithJsonSchema

# Who is called.

shelf = AgentConfig(
    name="shelf",
    type="custom",
    custom_params={"class": "shelf:ShelfAgent"},
)

# What is called: each task as soon as those have ended that it reads or depends on.

# workflow.yaml:22
count = TaskConfig(
    name="count",
    agent_name=shelf.name,
    action="count",
    parameters={"item": "{{ inputs.item }}"},
)

# workflow.yaml:27; after count
advise = TaskConfig(
    name="advise",
    agent_name=shelf.name,
    action="compare",
    parameters={"left": "{{ tasks.count.result }}", "enough": "{{ inputs.enough }}"},
)

# The folder of the classes of custom agents.
code = Path(__file__).parent / "../examples/scheduled"

workflow = Workflow(
    name="stock_watch",
    inputs={
        "item": InputConfig(
            type="string",
            default="apples",
            description="what to count",
            enum=["apples", "pears"],
        ),
        "enough": InputConfig(
            type="integer",
            default=10,
            description="fewer than this are to be ordered",
            minimum=1,
        ),
    },
    outputs={"left": "{{ tasks.count.result }}", "advice": "{{ tasks.advise.result }}"},
    agents=[shelf],
    tasks=[count, advise],
)

EnoughInput = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 1})]


@flow(
    name="stock_watch",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def stock_watch(
    *,
    item: Literal["apples", "pears"] = "apples",
    enough: EnoughInput = 10,
) -> State[Any]:
    """Counts what is left of an item, and says whether to order more.

    Args:
        item: what to count
        enough: fewer than this are to be ordered
    """
    return await run(workflow, {"item": item, "enough": enough}, code=code)
