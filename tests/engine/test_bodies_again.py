"""Bodies of a run that is executed again, of one that reuses what others did, and of a large one."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from bodied import NO, PARALLEL, UNDO, again, called, go, hang, planned, to, undone

from leadagent_prefect import ConfigurationError, WorkflowResult


@pytest.fixture(autouse=True)
def actions(bench: Any) -> None:
    bench.actions.update(fail=lambda agent, given: NO, hang=hang, undo=lambda agent, given: "undone")
    bench.actions["echo"] = lambda agent, given: given.get("json")


def mapped(bench: Any, **more: Any) -> Any:
    """A map of sub-workflows, the third of which sticks in its second task."""
    part = planned(
        bench,
        {"name": "a", **to(n="{{ inputs.n }}")},
        {
            "name": "b",
            "agent_name": "probe",
            "action": "slow",
            "parameters": {"json": "{{ tasks.a.result.n }}"},
        },
        name="part",
        inputs={"n": {"type": "integer"}},
        outputs={"n": "{{ tasks.b.result }}"},
    )
    each = {"name": "each", "for_each": [1, 2, 3], "workflow": "part", "inputs": {"n": "{{ item }}"}, **more}
    return planned(bench, each, {"name": "z"}, parts={"part": part})


async def torn_down(bench: Any, plan: Any) -> WorkflowResult:
    """What is known of a run whose flow was torn down in the middle, as soon as the agent hangs."""
    from prefect.flow_engine import run_flow

    from leadagent_prefect.engine.control import RunControl, current_control
    from leadagent_prefect.engine.flow import build_flow

    async def slow(agent: Any, given: Any) -> Any:
        return given["json"] if given["json"] < 3 else await hang(agent, given)

    bench.actions["slow"] = slow
    token = current_control.set(RunControl(notify=bench.events.append))
    executing: Any = run_flow(build_flow(plan), parameters={}, return_type="state")
    running = asyncio.ensure_future(executing)
    current_control.reset(token)
    while called(bench).count("b") < 3:  # noqa: ASYNC110  # an agent knows no event
        await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    bench.actions["slow"] = lambda agent, given: given["json"]
    run_id = next(event.run_id for event in bench.events if event.workflow == "bench")
    known: Any = SimpleNamespace(flow_run_id=run_id)
    return known


async def test_a_crash_in_a_map_of_sub_workflows_repeats_no_call_that_was_answered(
    bench: Any, recorded: Any
) -> None:
    from prefect.states import Running

    plan = mapped(bench)
    first = await torn_down(bench, plan)
    before = {made.call.idempotency_key: made.call.task for made in bench.calls}
    assert sorted(before.values()) == ["a", "a", "a", "b", "b", "b"]
    subs = await recorded.flow_runs_within(first)
    assert [sub.state.name for sub in subs] == ["Completed", "Completed", "Crashed"]
    # As a process leaves it that is killed.
    await recorded.client.set_flow_run_state(subs[2].id, Running(), force=True)
    bench.calls.clear()
    second = await again(bench, recorded, plan, first)
    assert second.results["each"] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert called(bench) == ["b", "z"]
    assert bench.calls[0].call.idempotency_key in before
    subs = await recorded.flow_runs_within(first)
    assert [(sub.state.name, sub.run_count) for sub in subs] == [
        ("Completed", 1),
        ("Completed", 1),
        ("Completed", 3),  # as Running it was counted too
    ]
    runs = await recorded.all_task_runs(first, subs)
    assert {run.state.name for run in runs} <= {"Completed", "Cached", "Crashed"}


async def test_a_sub_workflow_is_reused_over_runs(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PART_TOKEN", "token-of-the-part")
    monkeypatch.setenv("PART_PLACE", "here")
    part = planned(
        bench,
        {"name": "a", **to(n="{{ inputs.n }}", at="{{ env.PART_PLACE }}", by="{{ secrets.PART_TOKEN }}")},
        {"name": "b", **to(n=1), "compensate": UNDO},
        name="part",
        inputs={"n": {"type": "integer"}},
    )
    sub = {"name": "sub", "workflow": "part", "inputs": {"n": 1}, "cache": {"ttl": 60}}
    plan = planned(bench, sub, parts={"part": part})
    first, second = await go(bench, plan), await go(bench, plan)
    assert called(bench) == ["a", "b"]
    assert second.results == first.results
    assert (first.tasks["sub"].attempts, second.tasks["sub"].attempts) == (1, 0)
    monkeypatch.setenv("PART_PLACE", "there")
    await go(bench, plan)
    monkeypatch.setenv("PART_TOKEN", "another-token")
    await go(bench, plan)
    assert called(bench) == ["a", "b"] * 3


async def test_what_is_undone_is_reused_by_nobody(bench: Any, recorded: Any) -> None:
    part = planned(bench, {"name": "b", **to(n=1), "compensate": UNDO}, name="part")
    sub = {"name": "sub", "workflow": "part", "cache": {"ttl": 60}}
    plan = planned(bench, sub, {"name": "x", "agent_name": "probe", "action": "fail"}, parts={"part": part})
    bench.actions["undo"] = lambda agent, given: NO
    first = await go(bench, plan)
    # Taken up again it does not take its own for another run's, which it would not undo.
    bench.actions["undo"] = lambda agent, given: "undone"
    second = await again(bench, recorded, plan, first)
    assert undone(second) == [("sub.b", None, "completed")]
    await go(bench, plan)
    assert called(bench).count("b") == 2


async def test_secrets_of_all_parts_are_missed_before_the_first_call(bench: Any) -> None:
    deep = planned(bench, {"name": "b", **to(by="{{ secrets.DEEP_TOKEN }}")}, name="deep")
    part = planned(
        bench,
        {"name": "in", "tasks": [{"name": "deep", "workflow": "deep"}]},
        name="part",
        parts={"deep": deep},
    )
    plan = planned(bench, {"name": "a"}, {"name": "sub", "workflow": "part"}, parts={"part": part})
    with pytest.raises(ConfigurationError, match="DEEP_TOKEN"):
        await go(bench, plan)
    assert called(bench) == []


async def test_secrets_of_parts_are_masked_everywhere(
    bench: Any, recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PART_TOKEN", "token-of-the-part")
    agent = {"name": "mine", "type": "script", "endpoint": "script://mine", "timeout": 5}
    agent["authentication"] = {"type": "bearer", "token": "{{ inputs.token }}"}
    part = planned(
        bench,
        {"name": "a", "agent_name": "mine", "action": "leak"},
        name="part",
        inputs={"token": {"type": "string"}, "large": {"type": "string"}, "small": {"type": "integer"}},
        agents=[agent],
    )
    bench.actions["leak"] = lambda agent, given: {"said": "token-as-an-input"}
    inputs = {"token": "token-as-an-input", "large": "x" * 500_000, "small": 1}
    plan = planned(bench, {"name": "sub", "workflow": "part", "inputs": inputs}, parts={"part": part})
    result = await go(bench, plan)
    assert result.results == {"sub": {"a": {"said": "***"}}}
    (sub,) = await recorded.flow_runs_within(result)
    assert sub.parameters == {"token": "***", "large": "(500,002 bytes, not shown)", "small": 1}


async def test_many_items_with_a_body_hold_no_memory_of_those_that_have_ended(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.events.worker import EventsWorker

    from leadagent_prefect.engine.run import Run

    alive: weakref.WeakSet[Run] = weakref.WeakSet()
    inside, most = Run.inside, 0

    def watched(run: Run, *given: Any) -> Run:
        nonlocal most
        made = inside(run, *given)
        alive.add(made)
        if len(alive) > most:
            EventsWorker.instance().wait_until_empty()  # an event that is not sent yet holds its context
            gc.collect()
            most = max(most, len(alive))
        return made

    monkeypatch.setattr(Run, "__hash__", object.__hash__)
    monkeypatch.setattr(Run, "inside", watched)
    body = [{"name": "a", "value": "{{ item }}"}, {"name": "b", "value": "{{ tasks.a.result + 1 }}"}]
    bad = {"name": "c", "fail": "the last", "when": "{{ item == 39 }}"}
    plan = planned(
        bench,
        {"name": "each", "for_each": list(range(40)), "max_concurrency": 5, "tasks": [*body, bad]},
        **PARALLEL,
    )
    result = await go(bench, plan)
    items = result.tasks["each"].items
    assert items.failed == 1
    assert items.completed >= 35  # up to four run beside the one that fails
    assert most <= 10


async def test_what_prefect_refuses_to_begin_fails_the_step(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.states import Cancelled

    async def elsewhere(flow: Any, **how: Any) -> Any:
        return Cancelled(message="by somebody")

    async def broken(flow: Any, **how: Any) -> Any:
        raise ConnectionError("gone")

    part = planned(bench, {"name": "b"}, name="part")
    plan = planned(bench, {"name": "sub", "workflow": "part"}, parts={"part": part})
    monkeypatch.setattr("leadagent_prefect.engine.subflow.run_flow_async", elsewhere)
    row = (await go(bench, plan)).tasks["sub"]
    assert row.error == 'the flow run of "part" did not start: Cancelled: by somebody'
    monkeypatch.setattr("leadagent_prefect.engine.subflow.run_flow_async", broken)
    row = (await go(bench, plan)).tasks["sub"]
    assert (row.error_class, row.status) == ("connection", "failed")
