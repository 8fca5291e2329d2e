"""A task with `for_each`: its items, their bounds, their failures, and what they come to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from leadagent_prefect import AgentResponse, LeadAgent
from leadagent_prefect.loader import load
from leadagent_prefect.plan import plan_of

PARALLEL = {"parallel_execution": True, "failure_strategy": "continue_on_failure"}


def echo(agent: Any, parameters: dict[str, Any]) -> Any:
    return parameters["json"]


class Gate:
    """An action that notes how many of its calls are under way; each ends a moment later."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, agent: Any, parameters: dict[str, Any]) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.02)
        finally:
            self.now -= 1
        return parameters


def fail_on(*items: Any):
    def act(agent: Any, parameters: dict[str, Any]) -> Any:
        if parameters["json"] in items:
            return AgentResponse(success=False, error=f"no {parameters['json']}", error_class="tool_error")
        return parameters["json"]

    return act


def each(over: Any, **more: Any) -> dict[str, Any]:
    return {"name": "each", "for_each": over, "parameters": {"json": "{{ item }}"}, **more}


async def test_a_map_calls_once_for_each_item_and_keeps_their_order(bench):
    bench.actions["echo"] = echo
    result = await bench.run(
        {"name": "list", "action": "echo", "parameters": {"json": [3, 1, 2]}},
        each("{{ tasks.list.result }}", parameters={"json": {"n": "{{ item * 10 }}", "at": "{{ index }}"}}),
        {"name": "after", "parameters": {"json": "{{ tasks.each.result | map(attribute='n') | sum }}"}},
        **PARALLEL,
    )
    assert result.results["each"] == [{"n": 30, "at": 0}, {"n": 10, "at": 1}, {"n": 20, "at": 2}]
    assert result.results["after"] == 60
    row = result.tasks["each"]
    assert (row.status, row.attempts, row.items.model_dump()) == (
        "completed",
        3,
        {"total": 3, "completed": 3, "failed": 0},
    )


async def test_a_mapping_gives_keys_and_values_and_as_names_the_item(bench):
    bench.actions["echo"] = echo
    over = {"a": 1, "b": 2}
    named = each(over, **{"as": "pair"}, key="{{ pair.key }}")
    named["parameters"] = {"json": "{{ pair.key }}={{ item.value }}"}
    result = await bench.run(named, **PARALLEL)
    assert result.results["each"] == ["a=1", "b=2"]
    assert sorted(made.call.task for made in bench.calls) == ["each[a]", "each[b]"]
    assert len({made.call.idempotency_key for made in bench.calls}) == 2


async def test_every_item_is_a_task_run_with_retries_of_its_own(bench, recorded):
    seen: dict[Any, int] = {}

    def flaky(agent, parameters):
        item = parameters["json"]
        seen[item] = seen.get(item, 0) + 1
        if item == 1 and seen[item] < 3:
            return AgentResponse(success=False, error="busy", error_class="server_error")
        return item

    bench.actions["echo"] = flaky
    retry = {"max_attempts": 3, "initial_delay": 0}
    last = {"name": "last", "depends_on": ["each"], "parameters": {"json": 0}}
    result = await bench.run(each([0, 1], retry_config=retry), last, **PARALLEL)
    assert result.results["each"] == [0, 1]
    runs = await recorded.task_runs(result, 3)
    assert sorted(runs) == ["each[0]", "each[1]", "last"]
    assert await recorded.states(runs["each[1]"]) == [
        *("Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed")
    ]
    upstreams = {str(source.id) for source in runs["last"].task_inputs["upstreams"]}
    assert upstreams == {str(runs["each[0]"].id), str(runs["each[1]"].id)}
    assert [event.item for event in bench.events if event.name == "each"].count("1") == 4


async def test_an_empty_list_is_done_at_once(bench, recorded):
    result = await bench.run(each([]), {"name": "after", "depends_on": ["each"]}, **PARALLEL)
    assert result.results["each"] == []
    assert result.tasks["each"].items.total == 0
    runs = await recorded.task_runs(result, 2)
    assert runs["each"].state.name == "Completed"
    assert [made.call.task for made in bench.calls] == ["after"]


@pytest.mark.parametrize(
    ("settings", "more", "most"),
    [
        ({"parallel_execution": True}, {"max_concurrency": 3}, 3),
        ({"parallel_execution": True, "max_parallel_tasks": 2}, {"max_concurrency": 5}, 2),
        ({"parallel_execution": True, "max_parallel_tasks": 4}, {}, 4),
        ({}, {}, 1),
        ({}, {"max_concurrency": 3}, 3),
    ],
)
async def test_at_most_so_many_items_run_at_a_time(bench, settings, more, most):
    bench.actions["echo"] = gate = Gate()
    result = await bench.run(each(list(range(9)), **more), **settings)
    assert result.status == "completed"
    assert gate.most == most


async def test_in_a_sequential_run_nothing_starts_beside_a_map(bench):
    order: list[str] = []

    async def act(agent, parameters):
        order.append(agent.call.task)
        await asyncio.sleep(0)
        return

    bench.actions["echo"] = act
    await bench.run(each([0, 1], max_concurrency=2), {"name": "other"})
    assert order == ["each[0]", "each[1]", "other"]


@pytest.mark.parametrize("tolerated", [1, "34%"])
async def test_some_items_may_fail_and_leave_a_null(bench, tolerated):
    bench.actions["echo"] = fail_on(1)
    reads = {"json": "{{ tasks.each.errors }}"}
    result = await bench.run(
        each([0, 1, 2], tolerated_failures=tolerated), {"name": "read", "parameters": reads}, **PARALLEL
    )
    assert result.status == "completed"
    assert result.results["each"] == [0, None, 2]
    assert result.errors == {"each[1]": "no 1"}
    assert result.results["read"] == {"1": {"class": "tool_error", "message": "no 1"}}
    assert result.tasks["each"].items.model_dump() == {"total": 3, "completed": 2, "failed": 1}


async def test_one_failure_too_many_cancels_what_runs_and_starts_no_more(bench):
    async def act(agent, parameters):
        if parameters["json"] == 1:
            raise ConnectionError("gone")
        if parameters["json"] == 0:
            await asyncio.Event().wait()

    bench.actions["echo"] = act
    result = await bench.run(
        each([0, 1, 2, 3], max_concurrency=2, tolerated_failures=0),
        {"name": "free", "parameters": {"json": 9}},
        **PARALLEL,
    )
    row = result.tasks["each"]
    assert (result.status, row.status, row.error_class) == ("failed", "failed", "connection")
    assert "1 of 4 items failed, and 0 may; the last one: [1]" in row.error
    assert set(result.errors) == {"each", "each[1]"}
    assert {made.call.task for made in bench.calls} == {"each[0]", "each[1]", "free"}
    assert bench.event_types("each").count("task_cancelled") == 1


async def test_a_map_that_fails_may_be_tolerated_as_a_whole(bench):
    bench.actions["echo"] = fail_on(0)
    after = {"name": "after", "parameters": {"json": "{{ tasks.each.result }}"}}
    result = await bench.run(each([0], continue_on_failure=True), after, parallel_execution=True)
    assert (result.status, result.results) == ("completed", {"after": None})


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (each("{{ inputs.n }}"), "for_each is a number: it goes over a list or a mapping"),
        (each([1, 1], key="{{ item }}"), "items 0 and 1 both have the key '1'"),
        (each([[1]], key="{{ item }}"), "the key of item 0 is a list: it is to be a text or a number"),
        (each([None], key="{{ item }}"), "the key of item 0 is null: it is to be a text or a number"),
        (each([""], key="{{ item }}"), "the key of item 0 is empty: it is to be a text or a number"),
    ],
)
async def test_what_can_t_be_gone_over_fails_before_any_call(bench, task, message):
    result = await bench.run(task, inputs={"n": {"type": "integer", "default": 3}}, **PARALLEL)
    assert result.errors == {"each": message}
    assert result.tasks["each"].error_class == "template"
    assert bench.calls == []


async def test_keys_may_be_texts_numbers_and_booleans(bench):
    await bench.run(each([1, 1.5, True, "a"], key="{{ item }}"), **PARALLEL)
    assert {made.call.task for made in bench.calls} == {"each[1]", "each[1.5]", "each[true]", "each[a]"}


async def test_an_item_that_is_no_json_fails_alone(bench):
    bench.actions["echo"] = lambda agent, parameters: object() if parameters["json"] else "fine"
    result = await bench.run(each([0, 1], tolerated_failures=1), **PARALLEL)
    assert result.results["each"] == ["fine", None]
    assert "not JSON data" in result.errors["each[1]"]


async def test_a_condition_that_names_the_item_is_the_item_s(bench, recorded):
    bench.actions["echo"] = echo
    result = await bench.run(each([0, 1, 2], when="{{ item > 0 }}"), **PARALLEL)
    assert result.results["each"] == [None, 1, 2]
    assert result.tasks["each"].items.model_dump() == {"total": 3, "completed": 2, "failed": 0}
    assert (await recorded.task_runs(result, 3))["each[0]"].state.name == "Skipped"


async def test_a_condition_that_does_not_is_that_of_the_whole(bench):
    inputs = {"x": {"type": "boolean", "default": False}}
    result = await bench.run(each([0, 1], when="{{ inputs.x }}"), inputs=inputs)
    assert result.tasks["each"].status == "skipped"
    assert bench.calls == []


async def test_a_condition_that_can_t_be_evaluated_fails_the_whole_before_any_call(bench):
    inputs = {"x": {"type": "object", "default": {}}}
    result = await bench.run(each([0, 1], when="{{ inputs.x.y }}"), inputs=inputs)
    assert (result.tasks["each"].status, result.tasks["each"].error_class) == ("failed", "template")
    assert bench.calls == []


@pytest.mark.parametrize(("over", "finishes"), [([0, 1, 2], True), ([0], False), ([], False)])
async def test_a_map_of_ends_ends_the_run_with_its_first_item_that_does(bench, over, finishes):
    enough = {"name": "enough", "for_each": over, "when": "{{ item > 0 }}", "finish": "at {{ item }}"}
    result = await bench.run(enough, {"name": "next", "depends_on": ["enough"]})
    assert result.status == "completed"
    assert result.tasks["next"].error == ("finished: at 1" if finishes else None)


async def test_a_run_that_is_cancelled_cancels_its_map(bench):
    bench.actions["echo"] = lambda agent, parameters: asyncio.Event().wait()
    running = asyncio.ensure_future(bench.run(each(list(range(5)), max_concurrency=2), **PARALLEL))
    await bench.saw("task_started", "each")
    while len(bench.calls) < 2:  # noqa: ASYNC110  # made by a thread that knows no loop
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(bench.calls) == 2
    assert [event.type for event in bench.events if event.name == "each" and event.item is None] == [
        "task_started",
        "task_cancelled",
    ]


async def test_another_task_s_failure_ends_a_map(bench):
    async def act(agent, parameters):
        if agent.call.task == "bad":
            return AgentResponse(success=False, error="bad", error_class="tool_error")
        return await asyncio.Event().wait()

    bench.actions["echo"] = act
    result = await bench.run(each([1, 2]), {"name": "bad"}, parallel_execution=True)
    assert {name: row.status for name, row in result.tasks.items()} == {"each": "cancelled", "bad": "failed"}


async def test_items_see_secrets_and_show_none(bench, monkeypatch):
    monkeypatch.setenv("MAP_SECRET", "canary-of-maps")
    bench.actions["echo"] = echo
    task = each([1], parameters={"json": "{{ secrets.MAP_SECRET }}-{{ item }}"})
    result = await bench.run(task, **PARALLEL)
    assert bench.calls[0].parameters == {"json": "canary-of-maps-1"}
    assert result.results["each"] == ["***-1"]


async def test_of_many_items_not_all_are_drawn(bench, monkeypatch):
    monkeypatch.setattr("leadagent_prefect.engine.steps.maps._DRAWN", 1)
    result = await bench.run({"name": "each", "for_each": [1, 2, 3], "value": "{{ item }}"})
    assert result.results["each"] == [1, 2, 3]


@pytest.mark.long
@pytest.mark.no_cover
@pytest.mark.timeout(650)
def test_ten_thousand_items_take_no_more_room_than_those_that_run(in_host):
    from leadagent_prefect.engine.flow import build_flow

    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(asyncio.all_tasks()))
            await asyncio.sleep(0.05)

    async def run() -> Any:
        workflow = {
            "name": "many",
            "inputs": {"items": {"type": "array"}},
            "parallel_execution": True,
            "max_parallel_tasks": 20,
            "tasks": [{"name": "each", "for_each": "{{ inputs.items }}", "value": "{{ item + 1 }}"}],
        }
        watching = asyncio.ensure_future(watch())
        state = await build_flow(plan_of(load(workflow))).fn(items=list(range(10_000)))
        watching.cancel()
        return state

    def test() -> None:
        state = in_host.run(run())
        assert state.data["results"]["each"] == list(range(1, 10_001))
        assert most < 60

    in_host(test)


async def test_a_map_is_emitted_with_the_name_of_its_item(bench):
    bench.actions["echo"] = echo
    task = each([1], **{"as": "n"}, parameters={"json": "{{ n }}"})
    flow: Any = LeadAgent().build_flow(bench.workflow(task))
    from leadagent_prefect.embedded import use_api

    with use_api(bench.api):
        state = await flow(return_state=True)
        assert (await state.aresult())["results"]["each"] == [1]
