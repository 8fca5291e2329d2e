# Compiled by leadagent from ../examples/news_digest/refine.yaml: change that file, and compile it again.
# Checksum of the rest: f873edd6d942033c. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "refine" as a Prefect flow."""

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
rate = TaskConfig(
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

workflow = Workflow(
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
    tasks=[edit, rate],
)


@flow(
    name="refine",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def refine(
    *,
    services: str = "http://127.0.0.1:8750",
    text: str = "A village lives by its roofs. The buses run on what is left.",
    feedback: str = "none",
) -> State[Any]:
    return await run(
        workflow,
        {"services": services, "text": text, "feedback": feedback},
    )
