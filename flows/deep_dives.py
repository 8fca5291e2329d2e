# Compiled by leadagent from ../examples/from-others/conductor_deep_dives.yaml: change that file, and compile it again.
# Checksum of the rest: 71817796fa1ca2a7. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "deep_dives" as a Prefect flow."""

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
    custom_params={"defaults": {"model": "gpt-4o-mini"}},
)

# What is called: each task as soon as those have ended that it reads or depends on.

# conductor_deep_dives.yaml:15
find_topics = TaskConfig(
    name="find_topics",
    agent_name=writer.name,
    action="find",
    parameters={
        "response_format": {"type": "json_object"},
        "prompt": (
            'Break this into three sub-topics. Answer as JSON: {"subtopics": ["..."]}\n'
            "{{ inputs.topic }}\n"
        ),
    },
)

# conductor_deep_dives.yaml:24; after find_topics
deep_dive = TaskConfig(
    name="deep_dive",
    for_each="{{ tasks.find_topics.result.data.subtopics }}",
    max_concurrency=3,
    tolerated_failures="100%",
    workflow="conductor_simple_qa.yaml",
    inputs={"services": "{{ inputs.services }}", "question": "What is {{ item }}?"},
)

# conductor_deep_dives.yaml:31; after deep_dive
summarize = TaskConfig(
    name="summarize",
    agent_name=writer.name,
    action="summarize",
    parameters={
        "prompt": (
            "Combine these answers about {{ inputs.topic }}, one sentence each:\n"
            "{{ tasks.deep_dive.result | select | map(attribute='answer') | join('\\n') }}\n"
        ),
    },
)

workflow = Workflow(
    name="deep_dives",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "topic": InputConfig(
            type="string",
            default="compilers, type systems, garbage collection",
        ),
    },
    parallel_execution=True,
    outputs={
        "digest": "{{ tasks.summarize.result.content }}",
        "count": "{{ tasks.deep_dive.result | select | list | length }}",
    },
    agents=[writer],
    tasks=[find_topics, deep_dive, summarize],
)

# --- The sub-workflow conductor_simple_qa.yaml ---

# Who is called.

writer_agent = AgentConfig(
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
            "temperature": 0.7,
            "response_format": {"type": "json_object"},
        },
    },
)

# What is called: each task as soon as those have ended that it reads or depends on.

# conductor_simple_qa.yaml:13
answer = TaskConfig(
    name="answer",
    agent_name=writer_agent.name,
    action="answer",
    parameters={
        "prompt": (
            'Answer clearly and concisely. Answer as JSON: {"answer": "...", "confidence": "high|medium|low"}\n'
            "{{ inputs.question }}\n"
        ),
    },
)

simple_qa = Workflow(
    name="simple_qa",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "question": InputConfig(type="string", default="What is Python?"),
    },
    outputs={
        "answer": "{{ tasks.answer.result.data.answer }}",
        "confidence": "{{ tasks.answer.result.data.confidence }}",
    },
    agents=[writer_agent],
    tasks=[answer],
)


@flow(
    name="deep_dives",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def deep_dives(
    *,
    services: str = "http://127.0.0.1:8750",
    topic: str = "compilers, type systems, garbage collection",
) -> State[Any]:
    return await run(
        workflow,
        {"services": services, "topic": topic},
        parts={"conductor_simple_qa.yaml": simple_qa},
    )
