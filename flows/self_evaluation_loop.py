# Compiled by leadagent from ../examples/from-others/crewai_self_evaluation.yaml: change that file, and compile it again.
# Checksum of the rest: 09e6675b63f0d914. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "self_evaluation_loop" as a Prefect flow."""

from typing import Any

from leadagent_prefect.engine.compiled import PLAIN_JSON, run
from leadagent_prefect.models import (
    AgentConfig,
    BearerAuth,
    InputConfig,
    RepeatConfig,
    TaskConfig,
    Workflow,
)
from prefect import State, flow

# Who is called.

shelf = AgentConfig(name="shelf", type="http_api", endpoint="{{ inputs.services }}")

poet = AgentConfig(
    name="poet",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
    custom_params={"defaults": {"model": "gpt-4o-mini"}},
)

# What is called: each task as soon as those have ended that it reads or depends on.

# crewai_self_evaluation.yaml:15
post = TaskConfig(
    name="post",
    repeat=RepeatConfig(until="{{ result.valid }}", max_times=4),
    tasks=[
        TaskConfig(
            name="write",
            agent_name=poet.name,
            action="write",
            parameters={
                "prompt": (
                    "Write a post in the manner of Shakespeare, without emojis. Heed the feedback.\n"
                    "{{ previous.text | default(inputs.topic) }}\n"
                    "Feedback: {{ previous.feedback | default('none') }}\n"
                ),
            },
        ),
        TaskConfig(
            name="judge",
            agent_name=poet.name,
            action="judge",
            parameters={
                "response_format": {"type": "json_object"},
                "prompt": (
                    'Is this post short and sound? Answer as JSON: {"valid": true, "feedback": "..."}\n'
                    "{{ tasks.write.result.content }}\n"
                ),
            },
        ),
    ],
    outputs={
        "text": "{{ tasks.write.result.content }}",
        "valid": "{{ tasks.judge.result.data.valid }}",
        "feedback": "{{ tasks.judge.result.data.feedback }}",
    },
)

# crewai_self_evaluation.yaml:39; after post
save = TaskConfig(
    name="save",
    agent_name=shelf.name,
    action="POST",
    parameters={
        "endpoint": "/digests",
        "json": {"text": "{{ tasks.post.result.text }}"},
    },
)

# What is called when a run has failed, after all else has ended.

# crewai_self_evaluation.yaml:41
give_up = TaskConfig(name="give_up", value="not fit after four rounds: {{ run.error }}")

workflow = Workflow(
    name="self_evaluation_loop",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "topic": InputConfig(
            type="string",
            default="Flying cars. They shall rise as larks at break of day. No road shall bind them, nor shall any toll be paid upon the wind. And yet what neighbour will not curse the noise of it?",
        ),
    },
    outputs={"text": "{{ tasks.post.result.text }}"},
    agents=[shelf, poet],
    tasks=[post, save],
    on_failure=[give_up],
)


@flow(
    name="self_evaluation_loop",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def self_evaluation_loop(
    *,
    services: str = "http://127.0.0.1:8750",
    topic: str = "Flying cars. They shall rise as larks at break of day. No road shall bind them, nor shall any toll be paid upon the wind. And yet what neighbour will not curse the noise of it?",
) -> State[Any]:
    return await run(workflow, {"services": services, "topic": topic})
