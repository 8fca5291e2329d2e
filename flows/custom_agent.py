# Compiled by leadagent from ../examples/custom_agent/workflow.yaml: change that file, and compile it again.
# Checksum of the rest: c7e9dd45722b3e7e. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "custom_agent" as a Prefect flow."""

from pathlib import Path
from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

stock = AgentConfig(
    name="stock",
    type="custom",
    endpoint="custom://stock",
    custom_params={
        "class": "agents:StockAgent",
        "shelves": {"apples": 12, "pears": 30},
    },
)

# What is called: each task as soon as those have ended that it reads or depends on.

# workflow.yaml:13
count_pears = TaskConfig(
    name="count_pears",
    agent_name=stock.name,
    action="count",
    parameters={"item": "pears"},
)

# workflow.yaml:14; after count_pears
count_all = TaskConfig(
    name="count_all",
    agent_name=stock.name,
    action="total",
    depends_on=[count_pears.name],
)

# The folder of the classes of custom agents.
code = Path(__file__).parent / "../examples/custom_agent"

workflow = Workflow(
    name="custom_agent",
    outputs={"share": "{{ tasks.count_pears.result.count / tasks.count_all.result }}"},
    agents=[stock],
    tasks=[count_pears, count_all],
)


@flow(
    name="custom_agent",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def custom_agent() -> State[Any]:
    return await run(workflow, {}, code=code)
