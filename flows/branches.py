# Compiled by leadagent from ../examples/branches.yaml: change that file, and compile it again.
# Checksum of the rest: 586f5068a2f3a3db. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "branches" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

news = AgentConfig(name="news", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# branches.yaml:14
fetch = TaskConfig(
    name="fetch",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/articles", "params": {"topic": "{{ inputs.topic }}"}},
)

# branches.yaml:19; after fetch
nothing_to_read = TaskConfig(
    name="nothing_to_read",
    when="{{ tasks.fetch.result.count == 0 }}",
    finish="nobody writes about {{ inputs.topic }}",
)

# branches.yaml:23; after fetch
review = TaskConfig(
    name="review",
    when="{{ tasks.fetch.result.count > 1 }}",
    value="{{ tasks.fetch.result.count }} articles: {{ tasks.fetch.result.articles | map(attribute='title') | join('; ') }}",
)

# branches.yaml:27; after fetch
note = TaskConfig(
    name="note",
    when="{{ not tasks.fetch.result.count > 1 }}",
    value="{{ tasks.fetch.result.articles[0].title }}",
)

# branches.yaml:31; after review, note
publish = TaskConfig(
    name="publish",
    agent_name=news.name,
    action="POST",
    parameters={
        "endpoint": "{{ inputs.shelf }}",
        "json": {"text": "{{ tasks.review.result or tasks.note.result }}"},
    },
    trigger_rule="none_failed",
)

# branches.yaml:39; after publish
alarm = TaskConfig(
    name="alarm",
    agent_name=news.name,
    action="POST",
    parameters={
        "endpoint": "/digests",
        "json": {"text": "not published ({{ tasks.publish.error_class }})"},
    },
    depends_on=[publish.name],
    trigger_rule="one_failed",
)

workflow = Workflow(
    name="branches",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "topic": InputConfig(
            type="string",
            default="solar",
            description="solar has several articles, wind has one",
        ),
        "shelf": InputConfig(
            type="string",
            default="/digests",
            description="where to publish; /broken is out of order",
        ),
    },
    failure_strategy="continue_on_failure",
    outputs={"url": "{{ tasks.publish.result.url | default(none) }}"},
    agents=[news],
    tasks=[fetch, nothing_to_read, review, note, publish, alarm],
)


@flow(
    name="branches",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def branches(
    *,
    services: str = "http://127.0.0.1:8750",
    topic: str = "solar",
    shelf: str = "/digests",
) -> State[Any]:
    """Runs the workflow.

    Args:
        topic: solar has several articles, wind has one
        shelf: where to publish; /broken is out of order
    """
    return await run(workflow, {"services": services, "topic": topic, "shelf": shelf})
