# Compiled by leadagent from ../examples/quickstart/workflow.yaml: change that file, and compile it again.
# Checksum of the rest: 6b2102a3894a56ca. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "research_digest" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    BearerAuth,
    InputConfig,
    RetryConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

news = AgentConfig(
    name="news",
    type="http_api",
    endpoint="{{ inputs.news_url }}",
    retry_config=RetryConfig(max_attempts=3, initial_delay=0.2),
)

writer = AgentConfig(
    name="writer",
    type="ai_agent",
    endpoint="{{ inputs.ai_url }}",
    authentication=BearerAuth(type="bearer", token="{{ secrets.OPENAI_API_KEY }}"),
    retry_config=RetryConfig(max_attempts=3),
)

text_tools = AgentConfig(
    name="text_tools",
    type="mcp_server",
    endpoint="{{ inputs.tools }}",
)

# What is called: each task as soon as those have ended that it reads or depends on.

# workflow.yaml:32
fetch_articles = TaskConfig(
    name="fetch_articles",
    agent_name=news.name,
    action="GET",
    parameters={"endpoint": "/articles", "params": {"topic": "{{ inputs.topic }}"}},
)

# workflow.yaml:37; after fetch_articles
summarize = TaskConfig(
    name="summarize",
    agent_name=writer.name,
    action="chat_completion",
    parameters={
        "model": "{{ inputs.model }}",
        "system": "You write a news digest, one sentence for each article.",
        "prompt": (
            "Sum up these articles:\n"
            "{{ tasks.fetch_articles.result.articles | map(attribute='text') | join('\\n') }}\n"
        ),
    },
    timeout=60.0,
)

# workflow.yaml:48; after fetch_articles
measure = TaskConfig(
    name="measure",
    agent_name=text_tools.name,
    action="word_statistics",
    parameters={
        "texts": "{{ tasks.fetch_articles.result.articles | map(attribute='text') | list }}",
    },
)

# workflow.yaml:53; after fetch_articles, summarize, measure
publish = TaskConfig(
    name="publish",
    agent_name=news.name,
    action="POST",
    parameters={
        "endpoint": "/digests",
        "json": {
            "topic": "{{ inputs.topic }}",
            "text": "{{ tasks.summarize.result.content }}",
            "made_of": "{{ tasks.fetch_articles.result.count }} articles, {{ tasks.measure.result.words }} words",
        },
    },
)

workflow = Workflow(
    name="research_digest",
    version="1.0.0",
    inputs={
        "topic": InputConfig(
            type="string",
            default="solar",
            description="what to read about",
        ),
        "news_url": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "ai_url": InputConfig(type="string", default="https://api.openai.com/v1"),
        "model": InputConfig(type="string", default="gpt-4o-mini"),
        "tools": InputConfig(
            type="string",
            default="stdio:python examples/text_tools.py",
        ),
    },
    parallel_execution=True,
    global_timeout=120.0,
    outputs={
        "digest": "{{ tasks.summarize.result.content }}",
        "url": "{{ inputs.news_url }}{{ tasks.publish.result.url }}",
    },
    agents=[news, writer, text_tools],
    tasks=[fetch_articles, summarize, measure, publish],
)


@flow(
    name="research_digest",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def research_digest(
    *,
    topic: str = "solar",
    news_url: str = "http://127.0.0.1:8750",
    ai_url: str = "https://api.openai.com/v1",
    model: str = "gpt-4o-mini",
    tools: str = "stdio:python examples/text_tools.py",
) -> State[Any]:
    """Reads the news on a topic, has it summed up and measured, posts the digest.

    Args:
        topic: what to read about
    """
    return await run(
        workflow,
        {
            "topic": topic,
            "news_url": news_url,
            "ai_url": ai_url,
            "model": model,
            "tools": tools,
        },
    )
