"""Flows that tests deploy: a workflow as an emitted file has it, and flows that are none of leadagent's."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import anyio
from prefect import State, flow

from leadagent_prefect import AgentFactory, AgentResponse, BaseAgent
from leadagent_prefect.engine.flow import execute
from leadagent_prefect.engine.steps.task import PLAIN_JSON
from leadagent_prefect.models import Workflow
from leadagent_prefect.plan import build


class Errand(BaseAgent):
    """Does what its action says; ``file`` is waited for, for a minute at most. Actions are written down in
    ``file.calls``, where there is a file.
    """

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        file = Path(parameters["file"])
        if parameters["file"]:
            with Path(f"{file}.calls").open("a") as calls:  # noqa: ASYNC230  # one line, on this machine
                calls.write(f"{action}\n")
        if action == "need" and not await anyio.Path(file).exists():
            return AgentResponse(success=False, error="it is not there")
        if action == "wait":
            print("waiting for", file.name)
            for _ in range(600):
                if await anyio.Path(file).exists():
                    break
                await asyncio.sleep(0.1)
        if action == "linger":
            await asyncio.sleep(3)
        if action == "block":
            block_until(file)
        if action in ("exit", "exit_well"):
            os._exit(7 if action == "exit" else 0)
        if action == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        result = {"pid": os.getpid(), "folder": str(Path.cwd()), "errand": os.environ.get("ERRAND")}
        return AgentResponse(success=True, result=result)


def block_until(file: Path) -> None:
    """Lets nothing else happen in this process."""
    for _ in range(600):
        if file.exists():
            break
        time.sleep(0.1)


AgentFactory.register_agent_type("errand", Errand)
WORKFLOW = {
    "name": "errand",
    "inputs": {"action": {"type": "string", "default": "go"}, "file": {"type": "string", "default": ""}},
    "agents": [{"name": "errand", "type": "errand"}],
    "tasks": [],
}


@flow(
    name="errand",
    version="1.0.0",
    persist_result=True,
    result_serializer=PLAIN_JSON,
    validate_parameters=False,
)
async def errand(*, action: str = "go", file: str = "") -> State[Any]:
    parameters = {"file": "{{ inputs.file }}"}
    tasks = [
        {"name": "before", "agent_name": "errand", "action": "go", "parameters": parameters},
        {"name": "errand", "agent_name": "errand", "action": action, "parameters": parameters},
    ]
    tasks[1]["depends_on"] = ["before"]
    plan = build(Workflow.model_validate({**WORKFLOW, "tasks": tasks}))
    return await execute(plan, {"action": action, "file": file})


@flow(name="undoing", persist_result=True, result_serializer=PLAIN_JSON, validate_parameters=False)
async def undoing(*, action: str = "go", file: str = "") -> State[Any]:
    """A workflow that waits for its file, and undoes its first step by ``action``."""
    parameters = {"file": "{{ inputs.file }}"}
    undo = {"agent_name": "errand", "action": action, "parameters": {"file": f"{file}.undone"}}
    tasks = [
        {"name": "before", "agent_name": "errand", "action": "go", "parameters": parameters},
        {"name": "errand", "agent_name": "errand", "action": "wait", "parameters": parameters},
    ]
    tasks[0]["compensate"] = undo
    tasks[1]["depends_on"] = ["before"]
    plan = build(Workflow.model_validate({**WORKFLOW, "tasks": tasks}))
    return await execute(plan, {"action": action, "file": file})


@flow(name="tooling", persist_result=True, result_serializer=PLAIN_JSON, validate_parameters=False)
async def tooling(*, action: str = "slow", file: str = "") -> State[Any]:
    """A workflow that is busy with a tool of a program, which it starts, and names after its file."""
    program = Path(__file__).parents[1] / "agents_mcp" / "servers" / "workshop.py"
    config = {
        "name": "tooling",
        "inputs": WORKFLOW["inputs"],
        "agents": [
            {
                "name": "tool",
                "type": "mcp_server",
                "endpoint": "stdio:",
                "custom_params": {
                    "transport": "stdio",
                    "command": sys.executable,
                    "args": [str(program), "stdio", file],
                },
            }
        ],
        "tasks": [
            {"name": "tool", "agent_name": "tool", "action": action, "parameters": {"seconds": 600}},
            {"name": "after", "value": "never", "depends_on": ["tool"]},
        ],
    }
    plan = build(Workflow.model_validate(config))
    return await execute(plan, {"action": action, "file": file})


def tell(flow: Any, run: Any, state: Any) -> None:
    """A cancellation hook."""
    Path(f"{run.parameters['file']}.cancelled").touch()


@flow(name="plain", on_cancellation=[tell])
def plain(file: str = "", action: str = "go") -> str:
    if action == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if action != "go":
        Path(f"{file}.started").touch()
        block_until(Path(file))
    return os.environ.get("ERRAND", "none")


@flow(name="counting")
async def counting(file: str = "") -> Any:
    yield 1
    await asyncio.to_thread(Path(file).touch)


@flow(name="nesting")
async def nesting() -> Any:
    return await errand()


@flow(name="odd")
def odd() -> None:
    raise ValueError("an odd flow")
