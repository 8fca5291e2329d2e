"""A workflow in, a result out: data flow, what Prefect is told, what observers see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from leadagent_prefect import AgentResponse, ConfigurationError, LeadAgent, Observer


async def test_data_flows_from_task_to_task_with_its_own_type(bench: Any) -> None:
    bench.actions["count"] = lambda agent, given: {"items": [1, 2, 3], "none": None}
    workflow = bench.workflow(
        {"name": "fetch", "action": "count"},
        {
            "name": "use",
            "parameters": {
                "list": "{{ tasks.fetch.result.items }}",
                "text": "{{ tasks.fetch.result.items | length }} of {{ inputs.topic }}{{ tasks.fetch.result.none }}",  # noqa: E501  # one text
                "run": "{{ run.id }}",
                "workflow": "{{ workflow.name }} {{ workflow.version }}",
                "how": "{{ tasks.fetch.status }}",
            },
        },
        inputs={"topic": {"type": "string"}},
        outputs={"all": "{{ tasks.use.result.echo.list }}"},
    )
    result = await LeadAgent().execute_workflow_from_dict(workflow, {"topic": "sun"})
    assert result.errors == {}
    assert result.results["use"] == {
        "echo": {
            "list": [1, 2, 3],
            "text": "3 of sun",
            "run": result.flow_run_id,
            "workflow": "bench 1.0.0",
            "how": "completed",
        }
    }
    assert result.outputs == {"all": [1, 2, 3]}
    assert (result.total_tasks, result.completed_tasks, result.failed_tasks, result.skipped_tasks) == (
        2,
        2,
        0,
        0,
    )


async def test_prefect_knows_the_tasks_by_name_with_their_arrows(bench: Any, recorded: Any) -> None:
    result = await bench.run(
        {"name": "first/of all {x.y}"},
        {"name": "second", "depends_on": ["first/of all {x.y}"]},
        tags=["news"],
        description="What it is for",
    )
    flow_run = await recorded.flow_run(result)
    assert flow_run.state.name == "Completed"
    assert flow_run.state.message == "2/2 tasks completed"
    assert sorted(flow_run.tags) == ["leadagent", "news"]
    task_runs = await recorded.task_runs(result, 2)
    first, second = task_runs["first-of all {x.y}"], task_runs["second"]
    assert [source.id for source in second.task_inputs["upstreams"]] == [first.id]
    assert await recorded.states(first) == ["Pending", "Running", "Completed"]
    assert first.tags == []


async def test_retries_are_those_of_prefect_and_shown_as_such(bench: Any, recorded: Any) -> None:
    outcomes = iter(["server_error", "timeout", None])
    bench.actions["flaky"] = lambda agent, given: (
        AgentResponse(success=False, error="no", error_class=error) if (error := next(outcomes)) else "fine"
    )
    result = await bench.run(
        {"name": "flaky", "action": "flaky", "retry_config": {"initial_delay": 0.01, "jitter": False}}
    )
    assert result.results == {"flaky": "fine"}
    assert result.tasks["flaky"].attempts == 3
    task_run = (await recorded.task_runs(result, 1))["flaky"]
    assert await recorded.states(task_run) == [
        "Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed",
    ]  # fmt: skip
    assert task_run.run_count == 3
    keys = {made.call.idempotency_key for made in bench.calls}
    assert len(keys) == 1
    assert [made.call.attempt for made in bench.calls] == [1, 2, 3]
    retrying = [event for event in bench.events if event.type == "task_retrying"]
    assert [(event.attempt, event.execution_time, event.error_class) for event in retrying] == [
        (1, 0.01, "server_error"),
        (2, 0.02, "timeout"),
    ]


async def test_a_retry_after_replaces_the_computed_delay(bench: Any) -> None:
    outcomes = iter([0.03, None])
    bench.actions["busy"] = lambda agent, given: (
        AgentResponse(success=False, error="busy", error_class="rate_limit", retry_after=wait)
        if (wait := next(outcomes))
        else "fine"
    )
    result = await bench.run({"name": "busy", "action": "busy", "retry_config": {"initial_delay": 30}})
    assert result.results == {"busy": "fine"}
    assert [event.execution_time for event in bench.events if event.type == "task_retrying"] == [0.03]


async def test_a_retry_after_beyond_max_delay_ends_the_task_and_says_so(bench: Any) -> None:
    bench.actions["busy"] = lambda agent, given: AgentResponse(
        success=False, error="busy", error_class="rate_limit", retry_after=90.0
    )
    result = await bench.run({"name": "busy", "action": "busy", "retry_config": {"max_delay": 60}})
    assert result.errors == {
        "busy": "busy (not tried again: the service asked to wait 90 s, more than max_delay (60 s))"
    }
    assert len(bench.calls) == 1


async def test_a_skipped_task_is_completed_by_type_and_kept_nowhere(bench: Any, recorded: Any) -> None:
    bench.actions["fail"] = lambda agent, given: AgentResponse(success=False, error="no")
    result = await bench.run(
        {"name": "bad", "action": "fail"},
        {"name": "after", "depends_on": ["bad"]},
        {"name": "beside"},
        failure_strategy="continue_on_failure",
    )
    assert result.status == "failed"
    assert result.errors == {"bad": "no"}
    assert result.tasks["bad"].error_class == "internal"
    assert result.tasks["after"].error == 'task "bad", which it depends on, failed'
    assert (await recorded.flow_run(result)).state.message == "1/3 tasks completed; failed: bad"
    after = (await recorded.task_runs(result, 3))["after"]
    assert (after.state.type.value, after.state.name) == ("COMPLETED", "Skipped")
    assert await recorded.states(after) == ["Pending", "Running", "Skipped"]
    with pytest.raises(Exception, match=r"No such file|does not exist"):
        await after.state.aresult(retry_result_failure=False)


async def test_partial_completion_has_a_state_of_its_own(bench: Any, recorded: Any) -> None:
    bench.actions["fail"] = lambda agent, given: AgentResponse(success=False, error="no")
    result = await bench.run(
        {"name": "bad", "action": "fail"},
        {"name": "good"},
        failure_strategy="partial_completion_allowed",
        min_success="50%",
    )
    assert result.status == "completed"
    state = (await recorded.flow_run(result)).state
    assert (state.type.value, state.name) == ("COMPLETED", "PartiallyCompleted")


async def test_a_tolerated_failure_lets_its_dependents_run_with_null(bench: Any) -> None:
    bench.actions["fail"] = lambda agent, given: AgentResponse(
        success=False, error="no", error_class="client_error", metadata={"status": 404}
    )
    result = await bench.run(
        {"name": "bad", "action": "fail", "continue_on_failure": True},
        {
            "name": "after",
            "parameters": {
                "x": "{{ tasks.bad.result }}",
                "why": "{{ tasks.bad.error_class }} {{ tasks.bad.error }} {{ tasks.bad.metadata.status }}",
            },
        },
    )
    assert result.status == "completed"
    assert result.errors == {"bad": "no"}
    assert result.results == {"after": {"echo": {"x": None, "why": "client_error no 404"}}}


async def test_two_tasks_with_the_same_parameters_make_two_calls(bench: Any) -> None:
    """Prefect's default cache policy hands one agent's answer to another: it must be off."""
    bench.actions["who"] = lambda agent, given: agent.config.name
    agents = [{"name": name, "type": "script", "endpoint": "script://same"} for name in ("billing", "email")]
    result = await bench.run(
        {"name": "a", "agent_name": "billing", "action": "who", "parameters": {"q": 1}},
        {"name": "b", "agent_name": "email", "action": "who", "parameters": {"q": 1}},
        {"name": "c", "agent_name": "email", "action": "who", "parameters": {"q": 1}},
        agents=agents,
    )
    assert result.results == {"a": "billing", "b": "email", "c": "email"}
    assert len(bench.calls) == 3


async def test_results_that_prefect_would_act_on_stay_data(bench: Any, recorded: Any, tmp_path: Any) -> None:
    trap = tmp_path / "touched"
    hostile = {
        "__class__": "os.system",
        "data": f"touch {trap}",
        "$ref": {"block_document_slug": "secret/x"},
        "__prefect_kind": "jinja",
        "value": "{{ 1 }}",
        "nested": [{"__class__": "subprocess.getoutput", "data": f"touch {trap}"}],
    }
    bench.actions["hostile"] = lambda agent, given: hostile
    result = await bench.run(
        {"name": "a", "action": "hostile"}, {"name": "b", "parameters": {"x": "{{ tasks.a.result }}"}}
    )
    assert result.results["b"] == {"echo": {"x": hostile}}
    stored = (await recorded.task_runs(result, 2))["a"].state
    assert (await stored.aresult())["result"] == hostile
    assert (await (await recorded.flow_run(result)).state.aresult())["results"]["a"] == hostile
    assert not trap.exists()


@pytest.mark.no_cover
async def test_a_thousand_independent_tasks_run_in_parallel(bench: Any) -> None:
    under_way = 0
    most = 0

    async def busy(agent: Any, given: dict[str, Any]) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return given["n"]

    bench.actions["busy"] = busy
    tasks = [{"name": f"t{n}", "action": "busy", "parameters": {"n": n}} for n in range(1000)]
    result = await bench.run(*tasks, parallel_execution=True, max_parallel_tasks=40)
    assert result.status == "completed"
    assert result.results == {f"t{n}": n for n in range(1000)}
    assert 1 < most <= 40


async def test_agents_are_opened_once_and_closed_at_the_end(bench: Any) -> None:
    agents = [{"name": name, "type": "script", "endpoint": "script://x"} for name in ("one", "two", "unused")]
    tasks = [
        {"name": name, "agent_name": agent} for name, agent in (("a", "one"), ("b", "two"), ("c", "one"))
    ]
    await bench.run(*tasks, agents=agents)
    assert bench.log == ["open one", "open two", "close two", "close one"]


async def test_observers_of_every_form_see_every_event_in_order(bench: Any) -> None:
    seen: list[tuple[str, str]] = []
    loops: list[Any] = []

    async def awaited(event: Any) -> None:
        loops.append(asyncio.get_running_loop())

    class Monitor(Observer):
        async def update(self, subject: Any, event_type: str, data: Any) -> None:
            assert subject is agent
            seen.append((event_type, data.name))

    def broken(event: Any) -> None:
        raise RuntimeError("an observer that raises")

    agent = LeadAgent(observers=[broken, awaited])
    agent.attach(Monitor())
    result = await agent.execute_workflow_from_dict(bench.workflow({"name": "a"}))
    assert result.status == "completed"
    assert seen == [
        ("workflow_started", "bench"),
        ("task_started", "a"),
        ("task_completed", "a"),
        ("workflow_finished", "bench"),
    ]
    assert set(loops) == {asyncio.get_running_loop()}


async def test_events_are_prefect_events_too(bench: Any, recorded: Any) -> None:
    result = await bench.run({"name": "a"})
    types = ("workflow_started", "task_started", "task_completed", "workflow_finished")
    wanted = {f"leadagent.{type_}" for type_ in types}
    mine = {
        "event": {"prefix": ["leadagent."]},
        "resource": {"id": [f"prefect.flow-run.{result.flow_run_id}"]},
    }
    found: set[str] = set()
    while found != wanted:
        answer = await recorded.client._client.post("/events/filter", json={"filter": mine})
        found = {event["event"] for event in answer.json()["events"]}
        await asyncio.sleep(0.05)


async def test_bad_inputs_run_nothing(bench: Any) -> None:
    workflow = bench.workflow(
        {"name": "a"}, inputs={"topic": {"type": "string"}, "n": {"type": "integer", "minimum": 3}}
    )
    with pytest.raises(ConfigurationError) as caught:
        await LeadAgent().execute_workflow_from_dict(workflow, {"tpic": 1, "n": 2})
    assert str(caught.value).splitlines() == [
        'input "tpic" is not known: did you mean "topic"? inputs: "n"',
        'input "topic" (string) is required: give it with -i topic=VALUE',
        'input "n": 2 is less than the minimum of 3',
    ]
    assert bench.calls == []


async def test_outputs_that_cannot_be_rendered_fail_the_run(bench: Any) -> None:
    result = await bench.run({"name": "a"}, outputs={"good": 1, "bad": "{{ tasks.a.result.nothing }}"})
    assert result.status == "failed"
    assert result.outputs is None
    assert list(result.errors) == ["outputs.bad"]
