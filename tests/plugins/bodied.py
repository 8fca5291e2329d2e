"""Workflows whose steps have bodies, as plans, and their runs on a `Bench`."""

from __future__ import annotations

import asyncio
from typing import Any

from leadagent_prefect import AgentResponse, WorkflowResult
from leadagent_prefect.models import Workflow
from leadagent_prefect.plan import Plan, build

UNDO = {"action": "undo", "parameters": {"was": "{{ result }}"}}
NO = AgentResponse(success=False, error="no", error_class="tool_error")
BUSY = AgentResponse(success=False, error="busy", error_class="server_error")
AT_ONCE = {"initial_delay": 0, "jitter": False}
PARALLEL = {"parallel_execution": True}


async def hang(agent: Any, given: Any) -> None:
    await asyncio.Event().wait()


def filled(task: dict[str, Any]) -> dict[str, Any]:
    """A task of which nothing is said but its name calls "probe" with "echo", inline ones too."""
    kinds = {"value", "wait", "fail", "finish", "workflow", "tasks", "agent_name"}
    inner: dict[str, Any] = {"tasks": [filled(one) for one in task["tasks"]]} if "tasks" in task else {}
    called = {} if kinds & task.keys() else {"agent_name": "probe", "action": "echo"}
    if "compensate" in task:
        inner["compensate"] = {"agent_name": "probe", **task["compensate"]}
    return called | task | inner


def planned(bench: Any, *tasks: dict[str, Any], parts: dict[str, Plan] | None = None, **more: Any) -> Plan:
    workflow = bench.workflow(**more)
    workflow["tasks"] = [filled(task) for task in tasks]
    return build(Workflow.model_validate(workflow, by_alias=True), parts=parts or {})


def start(bench: Any, plan: Plan, given: Any = None, **how: Any) -> Any:
    from leadagent_prefect.engine.control import RunControl
    from leadagent_prefect.engine.runner import run_in_thread
    from leadagent_prefect.lead_agent import RunHandle

    control = RunControl(notify=bench.events.append, **how)
    return RunHandle(run_in_thread(plan, given or {}, control, bench.api, lambda: None), control)


async def go(bench: Any, plan: Plan, given: Any = None, **how: Any) -> WorkflowResult:
    handle = await asyncio.to_thread(start, bench, plan, given, **how)
    result: WorkflowResult = await asyncio.wrap_future(handle.future)
    return result


def called(bench: Any) -> list[str]:
    return [made.call.task for made in bench.calls]


def undone(result: WorkflowResult) -> list[tuple[str, str | None, str]]:
    return [(one.task, one.key, one.status) for one in result.compensated]


def to(**parameters: Any) -> dict[str, Any]:
    return {"parameters": {"json": parameters}}


def states(runs: dict[str, Any]) -> dict[str, str]:
    return {name: run.state.name for name, run in runs.items()}


async def again(bench: Any, recorded: Any, plan: Plan, first: WorkflowResult) -> WorkflowResult:
    """Executes the flow run of ``first`` once more, as whoever takes it up does."""
    from prefect.flow_engine import run_flow

    from leadagent_prefect.engine.control import RunControl, current_control
    from leadagent_prefect.engine.flow import build_flow

    control = RunControl(notify=bench.events.append)
    token = current_control.set(control)
    flow_run = await recorded.flow_run(first)
    executing: Any = run_flow(build_flow(plan), flow_run=flow_run, parameters={}, return_type="state")
    await executing
    current_control.reset(token)
    assert control.result is not None
    return control.result
