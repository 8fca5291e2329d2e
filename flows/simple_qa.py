# Compiled by leadagent from ../examples/from-others/conductor_simple_qa.yaml: change that file, and compile it again.
# Checksum of the rest: 922ddd509b42eb00. Where they no longer fit, the file was changed by
# hand: it is yours, and leadagent leaves it alone.
"""The workflow "simple_qa" as a Prefect flow."""

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
    agent_name=writer.name,
    action="answer",
    parameters={
        "prompt": (
            'Answer clearly and concisely. Answer as JSON: {"answer": "...", "confidence": "high|medium|low"}\n'
            "{{ inputs.question }}\n"
        ),
    },
)

workflow = Workflow(
    name="simple_qa",
    inputs={
        "services": InputConfig(type="string", default="http://127.0.0.1:8750"),
        "question": InputConfig(type="string", default="What is Python?"),
    },
    outputs={
        "answer": "{{ tasks.answer.result.data.answer }}",
        "confidence": "{{ tasks.answer.result.data.confidence }}",
    },
    agents=[writer],
    tasks=[answer],
)


@flow(
    name="simple_qa",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,  # the workflow checks them, and nothing acts on them
)
async def simple_qa(
    *,
    services: str = "http://127.0.0.1:8750",
    question: str = "What is Python?",
) -> State[Any]:
    return await run(workflow, {"services": services, "question": question})
