# Compiled by leadagent from ../examples/news_digest/workflow.yaml: change that file, and compile it again.
# Checksum of the rest: 337184fdc637b135. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "news_digest" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    BearerAuth,
    CacheConfig,
    CompensateConfig,
    InputConfig,
    RepeatConfig,
    RetryConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

news = AgentConfig(
    name="news",
    type="http_api",
    endpoint="{{ inputs.services }}",
    retry_config=RetryConfig(max_attempts=3, initial_delay=0.2),
)

writer = AgentConfig(
    name="writer",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
    custom_params={"defaults": {"model": "gpt-4o-mini"}},
)

judge = AgentConfig(
    name="judge",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
    custom_params={
        "defaults": {
            "model": "gpt-4o",
            "temperature": 0,
            "response_format": {"type": "json_object"},
        },
    },
)

# What is called: each task as soon as those have ended that it reads or depends on.

# workflow.yaml:30
find = TaskConfig(
    name="find",
    agent_name=news.name,
    action="GET",
    parameters={
        "endpoint": "/articles",
        "params": {"topic": "{{ inputs.topic }}", "edition": "{{ inputs.edition }}"},
    },
    cache=CacheConfig(ttl=3600.0),
)

# workflow.yaml:36; after find
nothing_new = TaskConfig(
    name="nothing_new",
    when="{{ tasks.find.result.count == 0 }}",
    finish="nobody writes about {{ inputs.topic }}",
)

# workflow.yaml:40; after find, nothing_new
summarize = TaskConfig(
    name="summarize",
    depends_on=[nothing_new.name],
    trigger_rule="none_failed",
    for_each="{{ tasks.find.result.articles }}",
    as_="article",
    key="{{ article.id }}",
    max_concurrency=3,
    tolerated_failures="40%",
    tasks=[
        TaskConfig(
            name="fetch",
            agent_name=news.name,
            action="GET",
            parameters={"endpoint": "/texts/{{ article.id }}"},
        ),
        TaskConfig(
            name="shorten",
            agent_name=writer.name,
            action="shorten",
            parameters={
                "prompt": (
                    "Sum this up in one sentence.\n{{ tasks.fetch.result.text }}\n"
                ),
            },
            timeout=30.0,
        ),
    ],
    outputs={"text": "{{ article.title }}. {{ tasks.shorten.result.content }}"},
)

# workflow.yaml:60; after summarize
draft = TaskConfig(
    name="draft",
    value="{{ tasks.summarize.result | select | map(attribute='text') | join(' ') }}",
)

# workflow.yaml:63; after draft
rate = TaskConfig(
    name="rate",
    agent_name=judge.name,
    action="rate",
    parameters={
        "prompt": (
            'Is this digest short and sound? Answer as JSON: {"score": 9, "feedback": "..."}\n'
            "{{ tasks.draft.result }}\n"
        ),
    },
    output_schema={"type": "object", "required": ["score", "feedback"]},
)

# workflow.yaml:72; after draft, rate
refine = TaskConfig(
    name="refine",
    when="{{ tasks.rate.result.data.score < 8 }}",
    repeat=RepeatConfig(until="{{ result.score >= 8 }}", max_times=4),
    workflow="refine.yaml",
    inputs={
        "services": "{{ inputs.services }}",
        "text": "{{ previous.text | default(tasks.draft.result) }}",
        "feedback": "{{ previous.feedback | default(tasks.rate.result.data.feedback) }}",
    },
)

# workflow.yaml:81; after draft, rate
as_it_is = TaskConfig(
    name="as_it_is",
    when="{{ tasks.rate.result.data.score >= 8 }}",
    value="{{ tasks.draft.result }}",
)

# workflow.yaml:85; after refine, as_it_is
publish = TaskConfig(
    name="publish",
    agent_name=news.name,
    action="POST",
    parameters={
        "endpoint": "/digests",
        "json": {
            "topic": "{{ inputs.topic }}",
            "text": "{{ tasks.refine.result.text | default(tasks.as_it_is.result) }}",
        },
    },
    compensate=CompensateConfig(
        action="DELETE",
        parameters={"endpoint": "{{ result.url }}"},
    ),
    trigger_rule="none_failed",
)

# workflow.yaml:94; after publish
announce = TaskConfig(
    name="announce",
    agent_name=news.name,
    action="POST",
    parameters={
        "endpoint": "{{ inputs.board }}",
        "json": {"text": "New: {{ tasks.publish.result.url }}"},
    },
)

# What is called when a run has failed, after all else has ended.

# workflow.yaml:100
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

# workflow.yaml:106
record = TaskConfig(
    name="record",
    agent_name=news.name,
    action="POST",
    parameters={
        "endpoint": "/notices",
        "json": {"topic": "{{ inputs.topic }}", "status": "{{ run.status }}"},
    },
)

workflow = Workflow(
    name="news_digest",
    inputs={
        "services": InputConfig(
            type="string",
            default="http://127.0.0.1:8750",
            description="the HTTP and the chat-completions API",
        ),
        "topic": InputConfig(
            type="string",
            default="solar",
            description="solar, wind, energy; nobody writes about coal",
        ),
        "edition": InputConfig(
            type="string",
            default="today",
            description="articles are looked up once an hour for each edition",
        ),
        "board": InputConfig(
            type="string",
            default="/notices",
            description="where it is announced; /broken is out of order",
        ),
    },
    parallel_execution=True,
    global_timeout=300.0,
    outputs={
        "url": "{{ tasks.publish.result.url | default(none) }}",
        "text": "{{ tasks.refine.result.text | default(tasks.as_it_is.result) }}",
        "left_out": "{{ tasks.summarize.errors }}",
    },
    agents=[news, writer, judge],
    tasks=[
        find,
        nothing_new,
        summarize,
        draft,
        rate,
        refine,
        as_it_is,
        publish,
        announce,
    ],
    on_failure=[alarm],
    finally_=[record],
)

# --- The sub-workflow refine.yaml ---

# Who is called.

editor = AgentConfig(
    name="editor",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
    custom_params={"defaults": {"model": "gpt-4o-mini"}},
)

# What is called: each task as soon as those have ended that it reads or depends on.

# refine.yaml:14
edit = TaskConfig(
    name="edit",
    agent_name=editor.name,
    action="edit",
    parameters={
        "prompt": (
            "Write this once more, and heed the feedback.\n"
            "{{ inputs.text }}\n"
            "Feedback: {{ inputs.feedback }}\n"
        ),
    },
)

# refine.yaml:22; after edit
rate_task = TaskConfig(
    name="rate",
    agent_name=editor.name,
    action="rate",
    parameters={
        "response_format": {"type": "json_object"},
        "prompt": (
            'Is this digest short and sound? Answer as JSON: {"score": 9, "feedback": "..."}\n'
            "{{ tasks.edit.result.content }}\n"
        ),
    },
)

refine_workflow = Workflow(
    name="refine",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "text": InputConfig(
            type="string",
            default="A village lives by its roofs. The buses run on what is left.",
        ),
        "feedback": InputConfig(type="string", default="none"),
    },
    outputs={
        "text": "{{ tasks.edit.result.content }}",
        "score": "{{ tasks.rate.result.data.score }}",
        "feedback": "{{ tasks.rate.result.data.feedback }}",
    },
    agents=[editor],
    tasks=[edit, rate_task],
)


@flow(
    name="news_digest",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def news_digest(
    *,
    services: str = "http://127.0.0.1:8750",
    topic: str = "solar",
    edition: str = "today",
    board: str = "/notices",
) -> State[Any]:
    """Finds, sums up, judges, refines and publishes the news on a topic.

    Args:
        services: the HTTP and the chat-completions API
        topic: solar, wind, energy; nobody writes about coal
        edition: articles are looked up once an hour for each edition
        board: where it is announced; /broken is out of order
    """
    return await run(
        workflow,
        {"services": services, "topic": topic, "edition": edition, "board": board},
        parts={"refine.yaml": refine_workflow},
    )
