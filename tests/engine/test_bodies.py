"""Steps that run a body: inline tasks, and sub-workflows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

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


@pytest.fixture(autouse=True)
def actions(bench: Any) -> None:
    bench.actions.update(fail=lambda agent, given: NO, hang=hang, undo=lambda agent, given: "undone")
    bench.actions["echo"] = lambda agent, given: given.get("json")


def filled(task: dict[str, Any]) -> dict[str, Any]:
    """A task of which nothing is said but its name calls "probe" with "echo", inline ones too."""
    kinds = {"value", "wait", "fail", "finish", "workflow", "tasks", "agent_name"}
    inner = {"tasks": [filled(one) for one in task["tasks"]]} if "tasks" in task else {}
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


async def test_inline_tasks_are_task_runs_of_the_same_flow_run(bench: Any, recorded: Any) -> None:
    plan = planned(
        bench,
        {"name": "list", "value": [3, 1]},
        {
            "name": "each",
            "for_each": "{{ tasks.list.result }}",
            "as": "n",
            "tasks": [
                {"name": "a", **to(n="{{ n }}", to="{{ inputs.topic }}", first="{{ tasks.list.result[0] }}")},
                {"name": "b", **to(twice="{{ tasks.a.result.n * 2 }}", at="{{ index }}")},
            ],
            "outputs": {"sum": "{{ tasks.a.result.n + tasks.b.result.twice }}", "run": "{{ run.id }}"},
        },
        {
            "name": "one",
            "tasks": [
                {"name": "a", "value": "{{ tasks.each.result[0].sum }}"},
                {"name": "z", "value": 1, "when": False},
            ],
        },
        inputs={"topic": {"type": "string", "default": "solar"}},
        **PARALLEL,
    )
    result = await go(bench, plan)
    assert result.status == "completed", result.errors
    run = result.flow_run_id
    assert result.results["each"] == [{"sum": 9, "run": run}, {"sum": 3, "run": run}]
    assert result.results["one"] == {"a": 9}
    assert sorted(called(bench)) == ["each[0].a", "each[0].b", "each[1].a", "each[1].b"]
    assert bench.calls[0].parameters["json"] == {"n": 3, "to": "solar", "first": 3}
    names = {"list", "each[0]", "each[1]", *called(bench), "one", "one.a", "one.z"}
    runs = await recorded.task_runs(result, len(names))
    assert set(runs) == names
    others = {name: run.state.name for name, run in runs.items() if run.state.name != "Completed"}
    assert others == {"one.z": "Skipped"}
    assert bench.event_types("each[0].a") == ["task_started", "task_completed"]
    assert (result.total_tasks, result.tasks["each"].attempts) == (3, 2)


async def test_a_sub_workflow_is_a_flow_run_of_its_own(bench: Any, recorded: Any) -> None:
    from prefect.client.schemas.filters import FlowRunFilter

    part = planned(
        bench,
        {"name": "a", **to(n="{{ inputs.n }}", by="{{ workflow.name }}")},
        {"name": "b", **to(n="{{ tasks.a.result.n + inputs.more }}")},
        name="part",
        tags=["of-part"],
        inputs={"n": {"type": "integer"}, "more": {"type": "integer", "default": 10}},
        outputs={"n": "{{ tasks.b.result.n }}", "run": "{{ run.id }}", "name": "{{ run.name }}"},
    )
    plan = planned(
        bench,
        {"name": "each", "for_each": [1, 2], "workflow": "part.yaml", "inputs": {"n": "{{ item }}"}},
        {"name": "after", **to(got="{{ tasks.each.result | map(attribute='n') }}")},
        parts={"part.yaml": part},
        **PARALLEL,
    )
    result = await go(bench, plan)
    assert result.status == "completed", result.errors
    assert [one["n"] for one in result.results["each"]] == [11, 12]
    assert result.results["after"] == {"got": [11, 12]}
    assert sorted(called(bench)) == ["a", "a", "after", "b", "b"]
    assert bench.calls[0].parameters["json"]["by"] == "part"
    runs = await recorded.task_runs(result, 5)
    assert sorted(run.name for run in runs.values()) == ["after", "each[0]", "each[1]"]
    root = await recorded.flow_run(result)
    for place, one in enumerate(result.results["each"]):
        wanted = FlowRunFilter.model_validate({"id": {"any_": [one["run"]]}})
        (sub,) = await recorded.client.read_flow_runs(flow_run_filter=wanted)
        assert sub.name == one["name"] == f"{root.name}.each[{place}]"
        assert (sub.state.name, sub.tags) == ("Completed", ["of-part"])
        assert sub.parameters == {"n": place + 1, "more": 10}
        parent = await recorded.client.read_task_run(sub.parent_task_run_id)
        assert (parent.flow_run_id, parent.state.name) == (root.id, "Completed")
    assert {(event.workflow, event.run_id) for event in bench.events if event.name == "a"} == {
        ("part", one["run"]) for one in result.results["each"]
    }
    assert len(bench.log) == 6  # each run opens and closes its own agents
