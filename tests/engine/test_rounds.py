"""A task with `repeat`: its rounds, its pauses, and what they come to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bodied import BUSY, NO, PARALLEL, UNDO, again, called, go, hang, planned, start, states, undone


@pytest.fixture(autouse=True)
def actions(bench: Any) -> None:
    bench.actions.update(fail=lambda agent, given: NO, hang=hang, undo=lambda agent, given: "undone")
    bench.actions["count"] = lambda agent, given: len(bench.calls)


def polled(
    until: str = "{{ result >= 3 }}", *, repeat: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    called = (
        {"agent_name": "probe", "action": "count"} if "tasks" not in more and "workflow" not in more else {}
    )
    return {"name": "poll", **called, "repeat": {"until": until, **(repeat or {})}, **more}


async def test_a_task_is_repeated_until_its_expression_is_true(bench: Any, recorded: Any) -> None:
    given = {"parameters": {"before": "{{ previous }}"}}
    plan = planned(
        bench,
        polled(when="{{ inputs.go }}", **given),
        {"name": "after", "value": "{{ tasks.poll.result }}"},
        inputs={"go": {"type": "boolean", "default": True}},
    )
    result = await go(bench, plan)
    assert result.results == {"poll": 3, "after": 3}
    assert [made.parameters["before"] for made in bench.calls] == [None, 1, 2]
    assert called(bench) == ["poll", "poll#2", "poll#3"]
    assert len({made.call.idempotency_key for made in bench.calls}) == 3
    assert result.tasks["poll"].attempts == 3
    found = await recorded.task_runs(result, 4)
    assert states(found) == dict.fromkeys(["poll", "poll#2", "poll#3", "after"], "Completed")
    assert bench.event_types("poll") == ["task_started", "task_completed"]
    skipped = await go(bench, plan, {"go": False})
    assert skipped.tasks["poll"].status == "skipped"


async def test_one_that_is_never_true_fails_at_max_times(bench: Any) -> None:
    plan = planned(
        bench,
        polled("{{ result > 9 }}", repeat={"max_times": 2}, compensate=UNDO),
        polled("{{ result.x }}", name="broken"),
        polled(name="failing", action="fail"),
        polled("{{ previous == 1 }}", name="kept", continue_on_failure=True, repeat={"max_times": 1}),
        failure_strategy="continue_on_failure",
    )
    result = await go(bench, plan)
    rows = {name: (row.status, row.attempts, row.error_class) for name, row in result.tasks.items()}
    assert rows == {
        "poll": ("failed", 2, "invalid_output"),
        "broken": ("failed", 1, "template"),
        "failing": ("failed", 1, "tool_error"),
        "kept": ("failed", 1, "invalid_output"),
    }
    assert result.errors["poll"] == "not done after 2 rounds: {{ result > 9 }} is not true"
    assert undone(result) == []


async def test_retries_are_of_each_round_and_attempts_of_all(bench: Any) -> None:
    def busy_at_first(agent: Any, given: Any) -> Any:
        return BUSY if agent.call.attempt == 1 else len(bench.calls)

    bench.actions["count"] = busy_at_first
    plan = planned(bench, polled("{{ result >= 4 }}", retry_config={"initial_delay": 0}))
    result = await go(bench, plan)
    assert (result.results["poll"], result.tasks["poll"].attempts) == (4, 4)
    assert called(bench) == ["poll", "poll", "poll#2", "poll#2"]
    assert bench.event_types("poll") == ["task_started", "task_retrying", "task_retrying", "task_completed"]


async def test_items_and_bodies_are_repeated_each_for_itself(bench: Any, recorded: Any) -> None:
    part = planned(
        bench,
        {"name": "x", "value": "{{ inputs.n + 1 }}"},
        name="part",
        inputs={"n": {"type": "integer"}},
        outputs={"n": "{{ tasks.x.result }}"},
    )
    plan = planned(
        bench,
        polled(
            "{{ result.x >= item }}",
            for_each=[1, 2],
            tasks=[{"name": "x", "value": "{{ (previous or {'x': 0}).x + 1 }}"}],
        ),
        polled(
            "{{ result.n >= 2 }}",
            name="sub",
            workflow="part",
            inputs={"n": "{{ previous.n if previous else 0 }}"},
        ),
        parts={"part": part},
        **PARALLEL,
    )
    result = await go(bench, plan)
    assert result.results == {"poll": [{"x": 1}, {"x": 2}], "sub": {"n": 2}}
    found = await recorded.task_runs(result, 10)
    inline = {"poll[0]", "poll[0].x", "poll[1]", "poll[1].x", "poll[1]#2", "poll[1]#2.x"}
    assert set(found) == inline | {"sub", "sub#2"}
    assert len(await recorded.flow_runs_within(result)) == 2


async def test_the_last_round_is_undone_once(bench: Any) -> None:
    inner = {"name": "b", "agent_name": "probe", "action": "count", "compensate": UNDO}
    plan = planned(
        bench,
        polled(compensate=UNDO),
        polled("{{ result.b >= 5 }}", name="body", tasks=[inner]),
        {"name": "x", "agent_name": "probe", "action": "fail"},
    )
    result = await go(bench, plan)
    assert undone(result) == [
        ("body#2.b", None, "completed"),
        ("body.b", None, "completed"),
        ("poll", None, "completed"),
    ]
    assert called(bench)[6:] == ["undo:body#2.b", "undo:body.b", "undo:poll"]
    assert bench.calls[-1].parameters == {"was": 3}


@pytest.mark.parametrize("during", ["pause", "call", "back-off"])
async def test_a_stop_ends_a_round_and_a_pause(bench: Any, during: str) -> None:
    actions = {"pause": "count", "call": "hang", "back-off": "busy"}
    bench.actions["busy"] = lambda agent, given: BUSY if len(bench.calls) > 1 else 1
    slow = {"max_attempts": 2, "initial_delay": 60}
    more = {"repeat": {"every": 3600 if during == "pause" else 0}, "retry_config": slow, "compensate": UNDO}
    handle = await asyncio.to_thread(start, bench, planned(bench, polled(action=actions[during], **more)))
    if during == "pause":
        await bench.until_called("poll")
        await asyncio.sleep(0.05)
    elif during == "call":
        await bench.saw("task_started", "poll")
    else:
        await bench.saw("task_retrying", "poll")
    handle.cancel("enough")
    result = await asyncio.wrap_future(handle.future)
    row = result.tasks["poll"]
    assert (row.status, row.error) == ("cancelled", "enough")
    assert undone(result) == ([] if during == "pause" else [("poll", None, "unknown")])


async def test_rounds_before_an_interruption_are_neither_called_nor_waited_for(
    bench: Any, recorded: Any
) -> None:
    bench.actions["count"] = lambda agent, given: NO if len(bench.calls) == 3 else len(bench.calls)
    plan = planned(bench, polled("{{ result > 3 }}", repeat={"every": 0.3}))
    first = await go(bench, plan)
    assert (first.status, called(bench)) == ("failed", ["poll", "poll#2", "poll#3"])
    second = await again(bench, recorded, plan, first)
    assert second.results == {"poll": 4}
    assert called(bench)[3:] == ["poll#3"]
