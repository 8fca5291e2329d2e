"""Steps that run a body: inline tasks, and sub-workflows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bodied import BUSY, NO, PARALLEL, called, go, hang, planned, states, to


@pytest.fixture(autouse=True)
def actions(bench: Any) -> None:
    bench.actions.update(fail=lambda agent, given: NO, hang=hang, undo=lambda agent, given: "undone")
    bench.actions["echo"] = lambda agent, given: given.get("json")


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


def part_of(bench: Any, *tasks: Any, **more: Any) -> dict[str, Any]:
    return {"part": planned(bench, *tasks, name="part", inputs={"n": {"type": "integer"}}, **more)}


def maybe(bench: Any, *bad: int, answer: Any = NO) -> None:
    """The action "maybe" fails for those numbers, each time."""
    bench.actions["maybe"] = lambda agent, given: answer if given["n"] in bad else given["n"]


async def test_a_sub_workflow_that_fails_inside_a_map(bench: Any, recorded: Any) -> None:
    maybe(bench, 2)
    first = {"name": "a", "agent_name": "probe", "action": "maybe", "parameters": {"n": "{{ inputs.n }}"}}
    plan = planned(
        bench,
        {
            "name": "each",
            "for_each": [1, 2, 3],
            "key": "k{{ item }}",
            "tolerated_failures": 1,
            "workflow": "part",
            "inputs": {"n": "{{ item }}"},
        },
        parts=part_of(bench, first, {"name": "b", **to(n="{{ tasks.a.result }}")}),
        **PARALLEL,
    )
    result = await go(bench, plan)
    assert result.status == "completed"
    assert result.results["each"] == [{"a": 1, "b": {"n": 1}}, None, {"a": 3, "b": {"n": 3}}]
    assert result.errors == {"each[k2]": "no"}
    runs = await recorded.task_runs(result, 6)  # of each item the step's, and what its flow run is shown as
    assert states(runs) == {"each[k1]": "Completed", "each[k2]": "Failed", "each[k3]": "Completed"}
    assert [event.error_class for event in bench.events if event.type == "task_failed"] == ["tool_error"] * 2
    subs = await recorded.flow_runs_within(result)
    assert sorted((sub.name.rpartition(".")[2], sub.state.name) for sub in subs) == [
        ("each[k1]", "Completed"),
        ("each[k2]", "Failed"),
        ("each[k3]", "Completed"),
    ]


async def test_too_many_failures_cut_short_the_other_bodies(bench: Any, recorded: Any) -> None:
    async def late(agent: Any, given: Any) -> Any:
        await bench.saw("task_started", "each[1].b")
        return NO

    bench.actions["late"] = late
    which = {"agent_name": "probe", "action": "{{ item }}"}
    plan = planned(
        bench,
        {
            "name": "each",
            "for_each": ["late", "hang", "hang"],
            "max_concurrency": 2,
            "tasks": [
                {"name": "a", "value": 1},
                {"name": "late", **which, "action": "late", "when": "{{ item == 'late' }}"},
                {"name": "b", **which, "action": "hang", "when": "{{ item == 'hang' }}"},
            ],
        },
        {"name": "after", "depends_on": ["each"]},
        **PARALLEL,
    )
    result = await go(bench, plan)
    assert (result.status, result.tasks["each"].status) == ("failed", "failed")
    assert result.tasks["each"].items.model_dump() == {"total": 3, "completed": 0, "failed": 1}
    assert result.errors["each[0]"] == "no"
    found = states(await recorded.task_runs(result, 8))
    assert (found["each[0]"], found["each[1]"], found["each[1].b"]) == ("Failed", "Cancelled", "Cancelled")
    assert "each[2]" not in found


async def test_a_body_ends_as_its_own_tasks_say(bench: Any) -> None:
    no = {"agent_name": "probe", "action": "fail"}
    plan = planned(
        bench,
        {
            "name": "finished",
            "tasks": [{"name": "a", "value": 1}, {"name": "b", "finish": "enough"}, {"name": "c"}],
        },
        {"name": "said", "tasks": [{"name": "a", "fail": "it is over"}]},
        {"name": "first", "tasks": [{"name": "x", "value": 1}, {"name": "a", **no}]},
        {
            "name": "tolerated",
            "tasks": [{"name": "a", **no, "continue_on_failure": True}, {"name": "b", "value": 2}],
        },
        {
            "name": "unrendered",
            "tasks": [{"name": "a", "value": 1}],
            "outputs": {"b": "{{ tasks.a.result.x }}"},
        },
        {"name": "unfit", "tasks": [{"name": "a", "value": 1}], "output_schema": {"required": ["b"]}},
        {"name": "kept", "tasks": [{"name": "a", **no}], "continue_on_failure": True},
        failure_strategy="continue_on_failure",
    )
    result = await go(bench, plan)
    assert result.results == {"finished": {"a": 1, "b": "enough"}, "tolerated": {"b": 2}}
    rows = {
        name: (row.error_class, row.error) for name, row in result.tasks.items() if row.status == "failed"
    }
    assert rows["said"] == ("internal", "it is over")
    assert rows["first"] == rows["kept"] == ("tool_error", "no")
    assert rows["unrendered"][0] == "template"
    assert rows["unfit"] == (
        "invalid_output",
        "the answer does not fit output_schema at $: 'b' is a required property",
    )
    assert "said.a" not in result.tasks


async def test_a_retry_of_a_body_goes_on_where_it_stopped(bench: Any, recorded: Any) -> None:
    bench.actions["busy"] = lambda agent, given: BUSY if called(bench).count(agent.call.task) < 3 else "done"
    steps = [{"name": "a"}, {"name": "b", "agent_name": "probe", "action": "busy", "depends_on": ["a"]}]
    retry = {"retry_config": {"max_attempts": 3, "initial_delay": 0}}
    plan = planned(
        bench,
        {"name": "inline", "tasks": [{**step, "name": f"{step['name']}"} for step in steps], **retry},
        {"name": "sub", "workflow": "part", "inputs": {"n": 1}, **retry},
        parts=part_of(bench, *({**step, "name": f"s{step['name']}", "depends_on": []} for step in steps)),
    )
    result = await go(bench, plan)
    assert result.status == "completed", result.errors
    assert called(bench) == ["inline.a", *["inline.b"] * 3, "sa", *["sb"] * 3]
    # One that was answered with a failure is another call then, as in a run that is taken up.
    assert len({made.call.idempotency_key for made in bench.calls}) == 8
    assert {name: row.attempts for name, row in result.tasks.items()} == {"inline": 3, "sub": 3}
    (sub,) = await recorded.flow_runs_within(result)
    assert (sub.state.name, sub.run_count) == ("Completed", 3)
    assert bench.event_types("sub") == ["task_started", "task_retrying", "task_retrying", "task_completed"]


async def test_the_timeout_of_a_step_bounds_an_attempt_of_its_body(bench: Any, recorded: Any) -> None:
    stuck = {"agent_name": "probe", "action": "hang"}
    plan = planned(
        bench,
        {"name": "inline", "timeout": "50ms", "tasks": [{"name": "a", **stuck}, {"name": "b"}]},
        {"name": "sub", "timeout": "500ms", "workflow": "part", "inputs": {"n": 1}},
        {"name": "own", "workflow": "brief"},
        parts={
            **part_of(bench, {"name": "a", **stuck}),
            "brief": planned(bench, {"name": "a", **stuck}, name="brief", global_timeout=0.1),
        },
        failure_strategy="continue_on_failure",
    )
    result = await go(bench, plan)
    rows = {name: (row.error_class, row.error) for name, row in result.tasks.items()}
    assert rows == {
        "inline": ("timeout", 'task "inline" was not done within its timeout of 0.05 s'),
        "sub": ("timeout", 'task "sub" was not done within its timeout of 0.5 s'),
        "own": ("timeout", "the run took longer than its global_timeout of 0.1 s"),
    }
    found = states(await recorded.task_runs(result, 7))
    assert found["inline.a"] == "Cancelled"
    assert {found[name] for name in rows} == {"TimedOut"}
    assert {sub.state.name for sub in await recorded.flow_runs_within(result)} == {"TimedOut"}


async def test_one_whose_time_is_over_before_it_begins_makes_no_flow_run(bench: Any, recorded: Any) -> None:
    bench.actions["hang"] = hang
    sub = {"name": "sub", "for_each": [1, 2], "workflow": "part", "inputs": {"n": 1}, "timeout": "1ms"}
    plan = planned(
        bench,
        {**sub, "tolerated_failures": 2},
        parts=part_of(bench, {"name": "a", "agent_name": "probe", "action": "hang"}),
        **PARALLEL,
    )
    result = await go(bench, plan)
    assert set(result.errors.values()) == {'task "sub" was not done within its timeout of 0.001 s'}
    assert len(await recorded.flow_runs_within(result)) == 1  # they begin one after the other


async def test_equal_calls_of_a_sub_workflow_get_their_own_answers(bench: Any, recorded: Any) -> None:
    seen: list[str] = []
    bench.actions["count"] = lambda agent, given: (seen.append(agent.config.endpoint), len(seen))[1]
    same = {"workflow": "part", "inputs": {"n": 1}}
    step = {"agent_name": "probe", "action": "count", "parameters": {"json": "the same"}}
    plan = planned(
        bench,
        {"name": "a", **same},
        {"name": "b", **same, "depends_on": ["a"]},
        {"name": "c", "tasks": [{"name": "x", **step}]},
        {"name": "d", "tasks": [{"name": "x", **step}]},
        parts=part_of(bench, {"name": "x", **step}, outputs={"n": "{{ tasks.x.result }}"}),
    )
    result = await go(bench, plan)
    assert result.results == {"a": {"n": 1}, "b": {"n": 2}, "c": {"x": 3}, "d": {"x": 4}}
    assert len({made.call.idempotency_key for made in bench.calls}) == 4
    assert len(await recorded.flow_runs_within(result)) == 2


async def test_inputs_that_do_not_fit_fail_the_step_before_any_call(bench: Any) -> None:
    plan = planned(
        bench,
        {
            "name": "sub",
            "workflow": "part",
            "inputs": {"n": "{{ 'x' }}"},
            "retry_config": {"max_attempts": 3},
        },
        parts=part_of(bench, {"name": "a"}),
    )
    result = await go(bench, plan)
    row = result.tasks["sub"]
    assert (row.error_class, row.attempts, called(bench)) == ("configuration", 1, [])
    assert row.error.startswith('the inputs of workflow "part" do not fit it: ')


@pytest.mark.parametrize("width", [1, 3])
async def test_one_bound_holds_over_all_bodies_of_a_flow_run(bench: Any, width: int) -> None:
    busy = {"now": 0, "most": 0}
    reached = asyncio.Event()

    async def gate(agent: Any, given: Any) -> None:
        busy["now"] += 1
        busy["most"] = max(busy["most"], busy["now"])
        if busy["now"] == width:
            reached.set()
        await asyncio.wait_for(reached.wait(), 60)
        await asyncio.sleep(0.02)  # whoever comes beyond the bound would be seen
        busy["now"] -= 1

    bench.actions["gate"] = gate
    step = {"agent_name": "probe", "action": "gate"}
    inner = [{"name": name, **step} for name in "abc"]
    plan = planned(
        bench,
        {"name": "each", "for_each": [1, 2, 3], "tasks": [*inner, {"name": "deep", "tasks": inner}]},
        {"name": "x", **step},
        max_parallel_tasks=width,
        **PARALLEL,
    )
    result = await go(bench, plan)
    assert (result.status, len(bench.calls), busy["most"]) == ("completed", 19, width)
