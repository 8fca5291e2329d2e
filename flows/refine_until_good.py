# Compiled by leadagent from ../examples/refine.yaml: change that file, and compile it again.
# Checksum of the rest: 597730a49e39758e. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "refine_until_good" as a Prefect flow."""

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

editor = AgentConfig(
    name="editor",
    type="ai_agent",
    endpoint="{{ inputs.services }}/v1",
    authentication=BearerAuth(
        type="bearer",
        token="{{ secrets.OPENAI_API_KEY | default('not-a-real-key') }}",
    ),
)

# What is called: each task as soon as those have ended that it reads or depends on.

# refine.yaml:20
refine = TaskConfig(
    name="refine",
    repeat=RepeatConfig(until="{{ result.score >= 8 }}", every=0.01, max_times=5),
    tasks=[
        TaskConfig(
            name="write",
            agent_name=editor.name,
            action="write",
            parameters={
                "prompt": (
                    "Write this once more, and heed the feedback.\n"
                    "{{ previous.text | default(inputs.text) }}\n"
                    "Feedback: {{ previous.feedback | default('none') }}\n"
                ),
            },
        ),
        TaskConfig(
            name="judge",
            agent_name=editor.name,
            action="judge",
            parameters={
                "response_format": {"type": "json_object"},
                "prompt": (
                    'Is this text short and sound? Answer as JSON: {"score": 9, "feedback": "..."}\n'
                    "{{ tasks.write.result.content }}\n"
                ),
            },
        ),
    ],
    outputs={
        "text": "{{ tasks.write.result.content }}",
        "score": "{{ tasks.judge.result.data.score }}",
        "feedback": "{{ tasks.judge.result.data.feedback }}",
    },
)

workflow = Workflow(
    name="refine_until_good",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "text": InputConfig(
            type="string",
            default="A village of 900 people now makes more electricity on its roofs than it uses. The surplus charges the buses of the next town. The mayor says that the roofs were there anyway.",
        ),
    },
    outputs={"text": "{{ tasks.refine.result.text }}"},
    agents=[editor],
    tasks=[refine],
)


@flow(
    name="refine_until_good",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def refine_until_good(
    *,
    services: str = "http://127.0.0.1:8750",
    text: str = "A village of 900 people now makes more electricity on its roofs than it uses. The surplus charges the buses of the next town. The mayor says that the roofs were there anyway.",
) -> State[Any]:
    return await run(workflow, {"services": services, "text": text})
