# Compiled by leadagent from ../examples/inline_tasks.yaml: change that file, and compile it again.
# Checksum of the rest: b9c4c20b87878a15. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "inline_tasks" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow
from prefect import State, flow

# Who is called.

news = AgentConfig(name="news", type="http_api", endpoint="{{ inputs.services }}")

# What is called: each task as soon as those have ended that it reads or depends on.

# inline_tasks.yaml:12
find = TaskConfig(
    name="find",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/articles", "params": {"topic": "{{ inputs.topic }}"}},
)

# inline_tasks.yaml:14; after find
each = TaskConfig(
    name="each",
    for_each="{{ tasks.find.result.articles }}",
    as_="article",
    tasks=[
        TaskConfig(
            name="read",
            agent_name=news.name,
            action="GET",
            parameters={"endpoint": "/texts/{{ article.id }}"},
        ),
        TaskConfig(name="words", value="{{ tasks.read.result.text | split | length }}"),
    ],
    outputs={"title": "{{ article.title }}", "words": "{{ tasks.words.result }}"},
)

workflow = Workflow(
    name="inline_tasks",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "topic": InputConfig(type="string", default="wind"),
    },
    outputs={"lengths": "{{ tasks.each.result }}"},
    agents=[news],
    tasks=[find, each],
)


@flow(
    name="inline_tasks",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def inline_tasks(
    *,
    services: str = "http://127.0.0.1:8750",
    topic: str = "wind",
) -> State[Any]:
    return await run(workflow, {"services": services, "topic": topic})
