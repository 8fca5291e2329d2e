"""What bodies did is undone: their own failures at once, what they completed with the run around them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bodied import NO, PARALLEL, UNDO, again, called, go, hang, planned, start, states, to, undone

FAIL = {"agent_name": "probe", "action": "fail"}
HANG = {"agent_name": "probe", "action": "hang"}


@pytest.fixture(autouse=True)
def actions(bench: Any) -> None:
    bench.actions.update(fail=lambda agent, given: NO, hang=hang, undo=lambda agent, given: "undone")
    bench.actions["echo"] = lambda agent, given: given.get("json")


def booked(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **to(n=name), "compensate": UNDO, **more}


def undoes(bench: Any) -> list[str]:
    return [task for task in called(bench) if task.startswith("undo:")]


async def test_a_body_that_fails_undoes_its_own_tasks_at_once(bench: Any, recorded: Any) -> None:
    part = planned(
        bench, booked("c"), {"name": "d", "tasks": [booked("e"), {"name": "f", **FAIL}]}, name="part"
    )
    plan = planned(
        bench,
        booked("a"),
        {"name": "inline", "tasks": [booked("b"), {"name": "x", **FAIL}], "continue_on_failure": True},
        {"name": "sub", "workflow": "part", "continue_on_failure": True},
        {"name": "last"},
        parts={"part": part},
    )
    result = await go(bench, plan)
    assert result.status == "completed"
    assert called(bench) == [
        *("a", "inline.b", "inline.x", "undo:inline.b"),
        *("c", "d.e", "d.f", "undo:d.e", "undo:c", "last"),
    ]
    assert undone(result) == [
        ("inline.b", None, "completed"),
        ("sub.d.e", None, "completed"),
        ("sub.c", None, "completed"),
    ]
    (sub,) = await recorded.flow_runs_within(result)
    assert sub.state.message == "0/2 tasks completed; failed: d; undone: 2/2" or sub.state.message == (
        "1/2 tasks completed; failed: d; undone: 2/2"
    )
    told = [
        (event.type, event.workflow, event.name) for event in bench.events if "compensation" in event.type
    ]
    assert told[2] == ("compensation_started", "part", "d.e")


async def test_what_bodies_completed_is_undone_with_the_run_around_them(bench: Any, recorded: Any) -> None:
    part = planned(bench, booked("p"), booked("q", for_each=[7, 8], key="{{ item }}"), name="part")
    plan = planned(
        bench,
        booked("a"),
        {
            "name": "each",
            "for_each": [1, 2],
            "tasks": [booked("b", **to(n="{{ item }}")), {"name": "sub", "workflow": "part"}],
        },
        {"name": "whole", "tasks": [booked("c")], "compensate": UNDO},
        booked("z"),
        {"name": "x", **FAIL},
        parts={"part": part},
    )
    result = await go(bench, plan)
    expected = ["z", "whole"]
    for item in ("each[1]", "each[0]"):
        expected += [f"{item}.sub.q[8]", f"{item}.sub.q[7]", f"{item}.sub.p", f"{item}.b"]
    assert undoes(bench) == [f"undo:{name}" for name in [*expected, "a"]]
    assert undone(result)[2:5] == [
        ("each[1].sub.q", "8", "completed"),
        ("each[1].sub.q", "7", "completed"),
        ("each[1].sub.p", None, "completed"),
    ]
    was = {made.call.task: made.parameters["was"] for made in bench.calls if "was" in made.parameters}
    assert was["undo:whole"] == {"c": {"n": "c"}}
    assert was["undo:each[1].b"] == {"n": 2}
    found = states(await recorded.task_runs(result, 24))
    assert found["undo:each[0].sub.q[7]"] == "Completed"
    opened, closed = (sum(line.startswith(word) for line in bench.log) for word in ("open", "close"))
    assert (opened, closed) == (5, 5)  # the run's, each sub-workflow's, and that once more to undo it


async def test_a_cancelled_run_undoes_what_its_bodies_have_done(bench: Any, recorded: Any) -> None:
    part = planned(
        bench, booked("p"), {"name": "deep", "tasks": [booked("d"), {"name": "h", **HANG}]}, name="part"
    )
    plan = planned(
        bench,
        booked("a"),
        {"name": "done", "tasks": [booked("b")]},
        {"name": "each", "for_each": [1], "workflow": "part"},
        {"name": "never"},
        parts={"part": part},
        **PARALLEL,
    )
    handle = await asyncio.to_thread(start, bench, plan)
    await bench.saw("task_started", "deep.h")
    handle.cancel("enough")
    result = await asyncio.wrap_future(handle.future)
    assert result.status == "cancelled"
    assert undone(result) == [
        ("each[0].deep.d", None, "completed"),
        ("each[0].p", None, "completed"),
        ("done.b", None, "completed"),
        ("a", None, "completed"),
    ]
    assert {name: row.status for name, row in result.tasks.items()} == {
        "a": "completed",
        "done": "completed",
        "each": "cancelled",
        "never": "completed",
    }
    (sub,) = await recorded.flow_runs_within(result)
    assert (sub.state.name, sub.state.message.partition(";")[0]) == ("Cancelled", "enough")
    assert states(await recorded.task_runs(result, 6))["each[0]"] == "Cancelled"


async def test_cancelling_once_more_ends_the_undoing_in_bodies_too(bench: Any) -> None:
    bench.actions["undo"] = hang
    plan = planned(
        bench,
        booked("a"),
        {"name": "outer", "tasks": [booked("b"), {"name": "h", **HANG}]},
    )
    handle = await asyncio.to_thread(start, bench, plan)
    await bench.saw("task_started", "outer.h")
    handle.cancel()
    await bench.saw("compensation_started", "outer.b")
    assert handle.is_undoing()
    handle.cancel()
    result = await asyncio.wrap_future(handle.future)
    assert undone(result) == [("outer.b", None, "unknown"), ("a", None, "failed")]


async def test_all_bodies_of_a_cancelled_run_share_the_time_for_undoing(bench: Any) -> None:
    bench.actions["undo"] = hang
    plan = planned(bench, booked("a"), {"name": "outer", "tasks": [booked("b"), {"name": "h", **HANG}]})
    handle = await asyncio.to_thread(start, bench, plan, undo_seconds=0.2)
    await bench.saw("task_started", "outer.h")
    handle.cancel()
    result = await asyncio.wrap_future(handle.future)
    assert undone(result) == [("outer.b", None, "unknown"), ("a", None, "failed")]
    assert result.compensated[1].error == "not undone: a cancelled run has at most 0.2 s to undo and clean up"


async def test_an_answer_that_does_not_fit_undoes_the_body(bench: Any) -> None:
    unfit = {"output_schema": {"required": ["never"]}, "continue_on_failure": True}
    plan = planned(
        bench,
        {"name": "inline", "tasks": [booked("a")], **unfit},
        {"name": "sub", "workflow": "part", **unfit},
        parts={"part": planned(bench, booked("b"), name="part")},
    )
    result = await go(bench, plan)
    assert undone(result) == [("inline.a", None, "completed"), ("sub.b", None, "completed")]
    assert undoes(bench) == ["undo:inline.a", "undo:sub.b"]


async def test_a_run_that_is_taken_up_undoes_what_its_bodies_did_before(bench: Any, recorded: Any) -> None:
    """The bodies are entered again, and their tasks answer from the store."""
    part = planned(bench, booked("p"), name="part")
    plan = planned(
        bench,
        {"name": "inline", "tasks": [booked("a")]},
        {"name": "sub", "workflow": "part"},
        {"name": "x", **FAIL},
        parts={"part": part},
    )
    bench.actions["undo"] = lambda agent, given: NO
    first = await go(bench, plan)
    assert undone(first) == [("sub.p", None, "failed"), ("inline.a", None, "failed")]
    bench.calls.clear()
    bench.actions["undo"] = lambda agent, given: "undone"
    second = await again(bench, recorded, plan, first)
    assert undone(second) == [("sub.p", None, "completed"), ("inline.a", None, "completed")]
    assert called(bench) == ["x", "undo:sub.p", "undo:inline.a"]
    (sub,) = await recorded.flow_runs_within(first)
    assert (sub.state.name, sub.run_count) == ("Completed", 2)
