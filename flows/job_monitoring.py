# Compiled by leadagent from ../examples/from-others/cncf_monitor_job.yaml: change that file, and compile it again.
# Checksum of the rest: 0aa67e620374738e. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "job_monitoring" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    InputConfig,
    RepeatConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

jobs = AgentConfig(name="jobs", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# cncf_monitor_job.yaml:10
submit = TaskConfig(
    name="submit",
    agent_name=jobs.name,
    action="POST",
    parameters={"endpoint": "/jobs", "json": {"name": "{{ inputs.job }}"}},
)

# cncf_monitor_job.yaml:11; after submit
wait_for_completion = TaskConfig(
    name="wait_for_completion",
    agent_name=jobs.name,
    action="GET",
    parameters={"endpoint": "{{ tasks.submit.result.url }}"},
    repeat=RepeatConfig(
        until="{{ result.state in ['SUCCEEDED', 'FAILED'] }}",
        every=0.05,
        max_times=60,
    ),
)

# cncf_monitor_job.yaml:16; after wait_for_completion
report = TaskConfig(
    name="report",
    agent_name=jobs.name,
    action="POST",
    parameters={
        "endpoint": "/notices",
        "json": {
            "job": "{{ inputs.job }}",
            "state": "{{ tasks.wait_for_completion.result.state }}",
        },
    },
)

workflow = Workflow(
    name="job_monitoring",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "job": InputConfig(type="string", default="nightly"),
    },
    outputs={"state": "{{ tasks.wait_for_completion.result.state }}"},
    agents=[jobs],
    tasks=[submit, wait_for_completion, report],
)


@flow(
    name="job_monitoring",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def job_monitoring(
    *,
    services: str = "http://127.0.0.1:8750",
    job: str = "nightly",
) -> State[Any]:
    return await run(workflow, {"services": services, "job": job})
