"""What a run did that failed or was cancelled is undone: newest completion first, each undo once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from leadagent_prefect import AgentResponse, LeadAgent
from leadagent_prefect.loader import load
from leadagent_prefect.plan import plan_of

UNDO = {"action": "undo", "parameters": {"was": "{{ result }}"}}
NO = AgentResponse(success=False, error="no", error_class="tool_error")
BUSY = AgentResponse(success=False, error="busy", error_class="server_error")


def fail(agent: Any, given: Any) -> AgentResponse:
    return NO


async def hang(agent: Any, given: Any) -> None:
    await asyncio.Event().wait()


def after(bench: Any, name: str) -> Any:
    """An action that ends once the task ``name`` has completed."""

    async def act(agent: Any, given: Any) -> Any:
        await bench.saw("task_completed", name)
        return agent.call.task

    return act


def undone(result: Any) -> list[tuple[str, str | None, str]]:
    return [(one.task, one.key, one.status) for one in result.compensated]


def called(bench: Any, action: str = "undo") -> list[str]:
    return [made.call.task for made in bench.calls if made.action == action]


@pytest.fixture(autouse=True)
def actions(bench: Any) -> None:
    bench.actions.update(fail=fail, hang=hang, undo=lambda agent, given: "undone")


async def start(bench: Any, *tasks: Any, **settings: Any) -> Any:
    workflow = bench.workflow(*tasks, **settings)
    return await asyncio.to_thread(LeadAgent(observers=[bench.events.append]).start, workflow)


async def ended(handle: Any) -> Any:
    return await asyncio.to_thread(handle.result, 30)


async def test_a_failed_run_undoes_what_has_completed_newest_first(
    bench: Any, recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDO_KEY", "key-of-the-undoer")
    undoer = {"name": "undoer", "type": "script", "endpoint": "script://undoer", "timeout": 7}
    parameters = {"id": "{{ result.echo.id }}", "why": "{{ tasks.c.error }}", "key": "{{ secrets.UNDO_KEY }}"}
    other = {"agent_name": "undoer", "action": "revoke", "parameters": parameters}
    result = await bench.run(
        {"name": "a", "parameters": {"id": 7}, "compensate": other},
        {"name": "b", "compensate": UNDO},
        {"name": "c", "action": "fail", "depends_on": ["a", "b"], "compensate": UNDO},
        {"name": "d", "compensate": UNDO},
        agents=[{"name": "probe", "type": "script", "endpoint": "script://probe"}, undoer],
    )
    assert result.status == "failed"
    assert undone(result) == [("b", None, "completed"), ("a", None, "completed")]
    assert [made.call.task for made in bench.calls] == ["a", "b", "c", "undo:b", "undo:a"]
    last = bench.calls[-1]
    assert (last.agent, last.action, last.call.timeout) == ("undoer", "revoke", 7)
    assert last.parameters == {"id": 7, "why": "no", "key": "key-of-the-undoer"}
    assert len({made.call.idempotency_key for made in bench.calls}) == 5
    assert bench.log[-2:] == ["close undoer", "close probe"]
    task_runs = await recorded.task_runs(result, 6)
    assert {name: run.state.name for name, run in task_runs.items()} == {
        "a": "Completed",
        "b": "Completed",
        "c": "Failed",
        "d": "Skipped",
        "undo:a": "Completed",
        "undo:b": "Completed",
    }
    assert (await recorded.flow_run(result)).state.message == ("2/4 tasks completed; failed: c; undone: 2/2")
    told = ["task_started", "task_completed", "compensation_started", "compensation_finished"]
    assert bench.event_types("a") == told
    assert [e.name for e in bench.events if e.type == "compensation_finished"] == ["b", "a"]


async def test_the_order_is_that_of_completion_and_not_of_the_file(bench: Any) -> None:
    bench.actions["late"] = after(bench, "b")
    result = await bench.run(
        {"name": "a", "action": "late", "compensate": UNDO},
        {"name": "b", "compensate": UNDO},
        {"name": "c", "action": "fail", "depends_on": ["a", "b"]},
        parallel_execution=True,
    )
    assert called(bench) == ["undo:a", "undo:b"]
    assert undone(result) == [("a", None, "completed"), ("b", None, "completed")]


async def test_nothing_is_undone_of_a_run_that_completes(bench: Any) -> None:
    result = await bench.run(
        {"name": "a", "compensate": UNDO},
        {"name": "b", "action": "fail", "continue_on_failure": True, "compensate": UNDO},
        {"name": "c", "action": "fail"},
        failure_strategy="partial_completion_allowed",
    )
    assert (result.status, result.compensated, called(bench)) == ("completed", [], [])


async def test_what_has_completed_alone_is_undone_in_a_run_that_goes_on_after_failures(bench: Any) -> None:
    result = await bench.run(
        {"name": "tolerated", "action": "fail", "continue_on_failure": True, "compensate": UNDO},
        {"name": "skipped", "when": False, "compensate": UNDO},
        {"name": "failed", "action": "fail", "compensate": UNDO},
        {"name": "after", "compensate": UNDO},
        failure_strategy="continue_on_failure",
    )
    assert undone(result) == [("after", None, "completed")]


async def test_every_completed_item_of_a_map_that_failed_is_undone(bench: Any, recorded: Any) -> None:
    bench.actions["book"] = lambda agent, given: NO if given["n"] == 30 else given["n"]
    parameters = {"was": "{{ result }} {{ item.id }} {{ car.id }} {{ index }}"}
    result = await bench.run(
        {
            "name": "cars",
            "action": "book",
            "for_each": [{"id": n, "n": n * 10} for n in (1, 2, 3, 4)],
            "as": "car",
            "key": "{{ item.id }}",
            "parameters": {"n": "{{ car.n }}"},
            "compensate": {"action": "undo", "parameters": parameters},
        },
        {"name": "none", "for_each": [], "compensate": UNDO},
    )
    assert undone(result) == [("cars", "2", "completed"), ("cars", "1", "completed")]
    found = [(m.call.task, m.parameters["was"]) for m in bench.calls if m.action == "undo"]
    assert found == [("undo:cars[2]", "20 2 2 1"), ("undo:cars[1]", "10 1 1 0")]
    events = [(e.name, e.item) for e in bench.events if e.type == "compensation_started"]
    assert events == [("cars", "2"), ("cars", "1")]
    assert {"undo:cars[1]", "undo:cars[2]"} < set(await recorded.task_runs(result, 6))


async def test_a_step_that_found_nothing_to_do_or_calls_nobody(bench: Any) -> None:
    """An empty map did nothing; a value may be undone by an agent; a wait that was cut short did nothing."""
    workflow = bench.workflow(
        {"name": "none", "for_each": [], "compensate": UNDO},
        {"name": "fails", "action": "late", "depends_on": ["none"]},
        parallel_execution=True,
    )
    workflow["tasks"] += [
        {"name": "value", "value": 3, "compensate": {"agent_name": "probe", **UNDO}},
        {"name": "wait", "wait": "1h", "compensate": {"agent_name": "probe", **UNDO}},
    ]

    async def late(agent: Any, given: Any) -> AgentResponse:
        await bench.saw("task_completed", "value")
        await bench.saw("task_started", "wait")
        return NO

    bench.actions["late"] = late
    agent = LeadAgent(observers=[bench.events.append])
    result = await agent.execute_workflow_from_dict(workflow)
    assert result.tasks["wait"].status == "cancelled"
    assert undone(result) == [("value", None, "completed")]
    assert bench.calls[-1].parameters == {"was": 3}


async def test_a_compensation_that_fails_is_reported_and_the_others_still_run(bench: Any) -> None:
    result = await bench.run(
        {"name": "a", "compensate": UNDO},
        {"name": "b", "compensate": {"action": "fail"}},
        {"name": "c", "compensate": {"action": "undo", "parameters": {"x": "{{ result.missing }}"}}},
        {"name": "d", "compensate": {"action": "hang", "timeout": "50ms"}},
        outputs={"x": "{{ tasks.a.result.missing }}"},
    )
    assert result.status == "failed"
    assert undone(result) == [
        ("d", None, "failed"),
        ("c", None, "failed"),
        ("b", None, "failed"),
        ("a", None, "completed"),
    ]
    errors = {one.task: one.error for one in result.compensated}
    assert errors["d"] == 'task "d" had no answer within its timeout of 0.05 s'
    assert "missing" in errors["c"]
    assert (errors["b"], errors["a"]) == ("no", None)
    assert set(result.errors) == {"outputs.x"}
    finished = [(e.name, e.error) for e in bench.events if e.type == "compensation_finished"]
    assert finished[2:] == [("b", "no"), ("a", None)]


async def test_an_undo_is_tried_again_as_its_own_or_its_agents_retries_say(bench: Any, recorded: Any) -> None:
    bench.actions["busy"] = lambda agent, given: BUSY if agent.call.attempt < 3 else "undone"
    agent = {
        "name": "probe",
        "type": "script",
        "endpoint": "script://probe",
        "retry_config": {"max_attempts": 2, "initial_delay": 0, "jitter": False},
    }
    result = await bench.run(
        {"name": "a", "compensate": {"action": "busy", "retry_config": {"max_attempts": 3}}},
        {"name": "b", "compensate": {"action": "busy"}},
        {"name": "c", "action": "fail"},
        agents=[agent],
    )
    assert undone(result) == [("b", None, "failed"), ("a", None, "completed")]
    assert called(bench, "busy") == ["undo:b"] * 2 + ["undo:a"] * 3
    assert len({made.call.idempotency_key for made in bench.calls if made.action == "busy"}) == 2
    assert bench.event_types("undo:a") == ["task_retrying", "task_retrying"]
    states = await recorded.states((await recorded.task_runs(result, 5))["undo:a"])
    assert states.count("AwaitingRetry") == 2


async def test_a_cancelled_run_undoes_and_tells_what_was_cut_short(bench: Any, recorded: Any) -> None:
    handle = await start(
        bench,
        {"name": "a", "compensate": UNDO},
        {"name": "b", "action": "hang", "compensate": UNDO},
        {"name": "c", "compensate": UNDO},
    )
    await bench.saw("task_started", "b")
    handle.cancel("enough")
    result = await ended(handle)
    assert result.status == "cancelled"
    assert undone(result) == [("b", None, "unknown"), ("a", None, "completed")]
    assert result.compensated[0].error == "its call was cut short, and may be in effect: enough"
    assert [made.call.task for made in bench.calls] == ["a", "b", "undo:a"]
    state = (await recorded.flow_run(result)).state
    assert (state.type.value, state.message) == ("CANCELLED", "enough; 1/3 tasks completed; undone: 1/2")


@pytest.mark.parametrize("undo", ["hang", "busy"])
async def test_cancelling_once_more_ends_the_undoing(bench: Any, undo: str) -> None:
    bench.actions["busy"] = lambda agent, given: BUSY
    retries = {"max_attempts": 3, "initial_delay": 60, "max_delay": 60}
    handle = await start(
        bench,
        {"name": "a", "compensate": UNDO},
        {"name": "b", "compensate": {"action": undo, "retry_config": retries}},
        {"name": "c", "action": "hang"},
    )
    await bench.saw("task_started", "c")
    assert not handle.is_undoing()
    handle.cancel()
    if undo == "hang":
        await bench.saw("compensation_started", "b")
    else:
        await bench.saw("task_retrying", "undo:b")
    assert handle.is_undoing()
    handle.cancel()
    result = await ended(handle)
    assert not handle.is_undoing()
    assert result.status == "cancelled"
    assert [(one.task, one.status, one.error) for one in result.compensated] == [
        ("b", "unknown", "undoing it was cut short, and may be in effect: the run was cancelled once more"),
        ("a", "failed", "not undone: the run was cancelled once more"),
    ]
    assert called(bench) == []


async def test_a_run_that_is_cancelled_twice_at_once_undoes_nothing(bench: Any) -> None:
    handle = await start(bench, {"name": "a", "compensate": UNDO}, {"name": "b", "action": "hang"})
    await bench.saw("task_started", "b")
    handle.cancel()
    handle.cancel()
    result = await ended(handle)
    assert [(one.task, one.status, one.error) for one in result.compensated] == [
        ("a", "failed", "not undone: the run was cancelled once more")
    ]
    assert called(bench) == []


async def test_a_run_that_is_cancelled_while_it_undoes_has_a_limited_time_for_it(bench: Any) -> None:
    from leadagent_prefect.engine.control import RunControl
    from leadagent_prefect.engine.runner import run_in_thread

    control = RunControl(notify=bench.events.append, undo_seconds=0.05)
    tasks = {"name": "a", "compensate": {"action": "hang"}}, {"name": "b", "action": "fail"}
    future = run_in_thread(plan_of(load(bench.workflow(*tasks))), {}, control, bench.api, lambda: None)
    await bench.saw("compensation_started", "a")
    control.token.request("cancelled", "enough")
    result = await asyncio.wrap_future(future)
    assert result.status == "failed"  # as it was when the undoing began
    (one,) = result.compensated
    assert one.error is not None
    assert one.error.endswith("may be in effect: a cancelled run has at most 0.05 s to undo and clean up")


async def test_cancelling_the_await_once_more_ends_the_undoing(bench: Any) -> None:
    tasks = {"name": "a", "compensate": {"action": "hang"}}, {"name": "b", "action": "hang"}
    running = asyncio.ensure_future(bench.run(*tasks))
    await bench.saw("task_started", "b")
    running.cancel()
    await bench.saw("compensation_started", "a")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (finished,) = [event for event in bench.events if event.type == "compensation_finished"]
    assert finished.error == "the run was cancelled once more"


async def test_a_second_execution_of_a_run_undoes_what_was_left_and_calls_what_was_undone_again(
    bench: Any, recorded: Any
) -> None:
    from prefect.flow_engine import run_flow

    from leadagent_prefect.engine.control import RunControl, current_control
    from leadagent_prefect.engine.flow import build_flow

    bench.actions["late"] = after(bench, "b")
    bench.actions["sometimes"] = fail
    plan = plan_of(
        load(
            bench.workflow(
                {"name": "a", "action": "late", "compensate": UNDO | {"action": "sometimes"}},
                {"name": "b", "compensate": UNDO},
                {"name": "c", "action": "fail", "depends_on": ["a", "b"]},
                parallel_execution=True,
            )
        )
    )
    flow = build_flow(plan)

    async def execute(**how: Any) -> Any:
        control = RunControl(notify=bench.events.append)
        token = current_control.set(control)
        await run_flow(flow, parameters={}, return_type="state", **how)
        current_control.reset(token)
        return control.result

    first = await execute()
    assert undone(first) == [("a", None, "failed"), ("b", None, "completed")]
    bench.calls.clear()
    bench.actions["sometimes"] = lambda agent, given: "undone"
    second = await execute(flow_run=await recorded.flow_run(first))
    assert second.flow_run_id == first.flow_run_id
    assert undone(second) == [("b", None, "completed"), ("a", None, "completed")]
    assert [made.call.task for made in bench.calls] == ["b", "c", "undo:b", "undo:a"]
