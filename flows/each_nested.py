# Compiled by leadagent from ../examples/from-others/kestra_loop.yaml: change that file, and compile it again.
# Checksum of the rest: 4ef210778270ad24. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "each_nested" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import TaskConfig, Workflow
from prefect import State, flow

# What is called: each task as soon as those have ended that it reads or depends on.

# kestra_loop.yaml:4
each = TaskConfig(
    name="each",
    for_each=["s1", "s2", "s3"],
    as_="outer",
    tasks=[
        TaskConfig(name="first", value="first > {{ outer }}"),
        TaskConfig(
            name="inner",
            for_each=["a a", "b b"],
            tasks=[
                TaskConfig(name="one", value="one > {{ item }}"),
                TaskConfig(
                    name="two",
                    value="two > {{ item }} >> get {{ tasks.one.result }}",
                ),
            ],
        ),
        TaskConfig(
            name="last",
            depends_on=["inner"],
            value="last > {{ tasks.first.result }}",
        ),
    ],
)

# kestra_loop.yaml:15; after each
end = TaskConfig(name="end", value="end > {{ tasks.each.result[0].inner[0].one }}")

workflow = Workflow(name="each_nested", agents=[], tasks=[each, end])


@flow(
    name="each_nested",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def each_nested() -> State[Any]:
    return await run(workflow, {})
