# Compiled by leadagent from ../examples/at_the_end.yaml: change that file, and compile it again.
# Checksum of the rest: b9b1fa8d725927f7. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "at_the_end" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

news = AgentConfig(name="news", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# at_the_end.yaml:13
publish = TaskConfig(
    name="publish",
    agent_name=news.name,
    action="POST",
    parameters={"endpoint": "{{ inputs.shelf }}", "json": {"text": "a digest"}},
)

# What is called when a run has failed, after all else has ended.

# at_the_end.yaml:16
alarm = TaskConfig(
    name="alarm",
    agent_name=news.name,
    action="POST",
    parameters={
        "endpoint": "/notices",
        "json": {"text": "{{ run.error }}", "failed": "{{ run.failed_tasks }}"},
    },
)

# What is called at the end of every run.

# at_the_end.yaml:22
record = TaskConfig(
    name="record",
    agent_name=news.name,
    action="POST",
    parameters={"endpoint": "/notices", "json": {"status": "{{ run.status }}"}},
)

workflow = Workflow(
    name="at_the_end",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "shelf": InputConfig(
            type="string",
            default="/broken",
            description="where to publish; /digests works",
        ),
    },
    agents=[news],
    tasks=[publish],
    on_failure=[alarm],
    finally_=[record],
)


@flow(
    name="at_the_end",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def at_the_end(
    *,
    services: str = "http://127.0.0.1:8750",
    shelf: str = "/broken",
) -> State[Any]:
    """Runs the workflow.

    Args:
        shelf: where to publish; /digests works
    """
    return await run(workflow, {"services": services, "shelf": shelf})
