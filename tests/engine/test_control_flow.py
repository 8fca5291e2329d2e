"""Conditions, trigger rules, and tasks that call nobody, in real runs. The oracle has their combinations."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from leadagent_prefect import AgentResponse, LeadAgent
from leadagent_prefect.plan import plan_of

GOES_ON = {"failure_strategy": "continue_on_failure"}
BRANCHES = (
    {"name": "long", "when": " {{\n  inputs.deep\n}}\n"},
    {"name": "short", "when": "{{ not inputs.deep }}", "parameters": {"text": "in short"}},
    {
        "name": "join",
        "trigger_rule": "none_failed",
        "value": {"told": "{{ tasks.long.result or tasks.short.result }}"},
    },
)


def statuses(result: Any) -> dict[str, str]:
    return {name: row.status for name, row in result.tasks.items()}


async def hang(agent: Any, given: Any) -> None:
    await asyncio.Event().wait()


def refuse(agent: Any, given: Any) -> AgentResponse:
    return AgentResponse(success=False, error="no room", error_class="client_error")


async def test_of_two_branches_one_runs_and_the_join_takes_what_it_gave(bench: Any, recorded: Any) -> None:
    result = await bench.run(*BRANCHES, inputs={"deep": {"type": "boolean", "default": False}})
    assert result.status == "completed"
    assert statuses(result) == {"long": "skipped", "short": "completed", "join": "completed"}
    assert result.results["join"] == {"told": {"echo": {"text": "in short"}}}
    assert result.tasks["long"].error == "its condition does not hold: {{ inputs.deep }}"
    assert [made.call.task for made in bench.calls] == ["short"]
    assert (result.completed_tasks, result.skipped_tasks, result.failed_tasks) == (2, 1, 0)
    runs = await recorded.task_runs(result, 3)
    states = {name: (run.state.type.value, run.state.name) for name, run in runs.items()}
    completed = ("COMPLETED", "Completed")
    assert states == {"long": ("COMPLETED", "Skipped"), "short": completed, "join": completed}
    assert runs["long"].state.message == result.tasks["long"].error
    assert bench.event_types("long") == ["task_skipped"]
    assert bench.event_types("join") == ["task_started", "task_completed"]


async def test_an_alarm_runs_when_something_before_it_failed(bench: Any) -> None:
    bench.actions["refuse"] = refuse
    result = await bench.run(
        {"name": "book", "action": "refuse"},
        {"name": "pay", "depends_on": ["book"]},
        {
            "name": "alarm",
            "depends_on": ["pay"],  # a skip that a failure caused counts as one
            "trigger_rule": "one_failed",
            "parameters": {"why": "{{ tasks.book.error }}", "class": "{{ tasks.book.error_class }}"},
        },
        {"name": "calm", "depends_on": ["alarm"], "trigger_rule": "one_failed"},
        **GOES_ON,
    )
    assert result.status == "failed"
    assert statuses(result) == {
        "book": "failed",
        "pay": "skipped",
        "alarm": "completed",
        "calm": "skipped",
    }
    assert result.results == {"alarm": {"echo": {"why": "no room", "class": "client_error"}}}
    assert result.tasks["pay"].error == 'task "book", which it depends on, failed'
    assert result.tasks["calm"].error == "none of the tasks that it depends on failed"


async def test_a_condition_holds_by_the_truth_of_its_value(bench: Any) -> None:
    values = [0, 1, 0.0, "", "false", [], [0], {}, {"a": 0}, None, True, False]
    tasks: list[dict[str, Any]] = []
    for number, value in enumerate(values):
        when = f"{{{{ tasks.v{number}.result }}}}"
        tasks += [{"name": f"v{number}", "value": value}, {"name": f"t{number}", "value": 1, "when": when}]
    result = await bench.run(*tasks, {"name": "never", "value": 1, "when": False}, parallel_execution=True)
    assert [result.tasks[f"t{n}"].status for n in range(len(values))] == [
        "completed" if value else "skipped" for value in values
    ]
    assert [result.results[f"v{n}"] for n in range(len(values))] == values
    assert result.tasks["never"].error == "its condition does not hold: false"


async def test_a_condition_that_cannot_be_evaluated_fails_its_task(bench: Any) -> None:
    result = await bench.run(
        {"name": "first"},
        {
            "name": "second",
            "when": "{{ tasks.first.result.nothing > 1 }}",
            "retry_config": {"max_attempts": 3, "retry_on": ["any"]},
        },
        {"name": "third", "value": "{{ tasks.first.result.nothing }}"},
        {"name": "fourth", "fail": "{{ tasks.first.result.nothing }}", "when": "{{ 1 > 2 }}"},
        **GOES_ON,
    )
    assert statuses(result) == {
        "first": "completed",
        "second": "failed",
        "third": "failed",
        "fourth": "skipped",
    }
    assert {result.tasks[name].error_class for name in ("second", "third")} == {"template"}
    assert result.tasks["second"].attempts == 1
    assert [made.call.task for made in bench.calls] == ["first"]


async def test_a_value_is_data_and_shows_no_secret(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADAGENT_TEST_TOKEN", "s3cret-token")
    bearer = {"type": "bearer", "token": "{{ secrets.LEADAGENT_TEST_TOKEN }}"}
    agent = {"name": "probe", "type": "script", "endpoint": "script://probe", "authentication": bearer}
    bench.actions["answer"] = lambda agent, given: "{{ inputs.topic }}"
    result = await bench.run(
        {"name": "answer", "action": "answer"},
        {
            "name": "value",
            "value": {
                "list": ["{{ tasks.answer.result }}", 1, None],
                "text": "on {{ inputs.topic }}",
                "token": "{{ env.LEADAGENT_TEST_TOKEN }}",
            },
        },
        inputs={"topic": {"type": "string", "default": "solar"}},
        agents=[agent],
    )
    # What a service answers is never evaluated again.
    assert result.results["value"] == {
        "list": ["{{ inputs.topic }}", 1, None],
        "text": "on solar",
        "token": "***",
    }


async def test_fail_ends_the_run_whatever_its_strategy(bench: Any, recorded: Any) -> None:
    bench.actions["hang"] = hang
    result = await bench.run(
        {"name": "beside", "action": "hang"},
        {"name": "count", "value": 3},
        {
            "name": "stop",
            "fail": "only {{ tasks.count.result }} rows",
            "when": "{{ tasks.count.result < 5 }}",
        },
        {"name": "after", "depends_on": ["stop"], "trigger_rule": "all_done"},
        parallel_execution=True,
        failure_strategy="partial_completion_allowed",
        min_success=0,
        outputs={"count": "{{ tasks.count.result }}"},
    )
    assert (result.status, result.outputs) == ("failed", None)
    assert statuses(result) == {
        "beside": "cancelled",
        "count": "completed",
        "stop": "failed",
        "after": "skipped",
    }
    assert result.errors == {"stop": "only 3 rows"}
    assert result.tasks["stop"].error_class == "internal"
    assert {result.tasks[name].error for name in ("beside", "after")} == {'task "stop" says: only 3 rows'}
    state = (await recorded.flow_run(result)).state
    assert (state.type.value, state.name) == ("FAILED", "Failed")
    assert state.message == "only 3 rows; 1/4 tasks completed; failed: stop"
    assert (await recorded.task_runs(result, 4))["stop"].state.message == "only 3 rows"


async def test_what_a_skip_sets_free_starts_before_what_is_below_it(bench: Any) -> None:
    result = await bench.run(
        {"name": "first"},
        {"name": "skipped", "when": "{{ false }}", "depends_on": ["first"]},
        {"name": "freed", "depends_on": ["skipped"], "trigger_rule": "none_failed"},
        {"name": "below", "depends_on": ["first"]},
        parallel_execution=True,
        max_parallel_tasks=2,
    )
    assert result.status == "completed"
    assert [made.call.task for made in bench.calls] == ["first", "freed", "below"]


async def test_finish_lets_what_runs_go_on_and_starts_nothing_more(bench: Any, recorded: Any) -> None:
    enough, loop = asyncio.Event(), asyncio.get_running_loop()

    async def until_enough(agent: Any, given: Any) -> AgentResponse | str:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(enough.wait(), loop))
        return refuse(agent, given) if agent.call.task == "fails" else "done"

    bench.actions["slow"] = until_enough
    running = asyncio.ensure_future(
        bench.run(
            {"name": "slow", "action": "slow"},
            {"name": "fails", "action": "slow"},
            {"name": "enough", "finish": "found {{ inputs.topic }}"},
            {"name": "behind", "depends_on": ["slow"]},
            inputs={"topic": {"type": "string", "default": "solar"}},
            outputs={"slow": "{{ tasks.slow.result }}", "behind": "{{ tasks.behind.result }}"},
            parallel_execution=True,
        )
    )
    await bench.saw("task_completed", "enough")
    enough.set()
    result = await running
    assert (result.status, result.outputs) == ("completed", {"slow": "done", "behind": None})
    assert statuses(result) == {
        "slow": "completed",
        "fails": "failed",
        "enough": "completed",
        "behind": "skipped",
    }
    assert result.results["enough"] == "found solar"
    assert result.errors == {"fails": "no room"}
    assert result.tasks["behind"].error == "finished: found solar"
    state = (await recorded.flow_run(result)).state
    assert (state.name, state.message) == ("Completed", "finished: found solar; 2/4 tasks completed")
    assert (await recorded.task_runs(result, 4))["behind"].state.name == "Skipped"


async def test_a_run_that_is_to_finish_is_still_held_to_its_time(bench: Any) -> None:
    bench.actions["hang"] = hang
    result = await bench.run(
        {"name": "slow", "action": "hang"},
        {"name": "enough", "finish": "enough"},
        parallel_execution=True,
        global_timeout=2,
    )
    assert result.status == "failed"
    assert statuses(result) == {"slow": "cancelled", "enough": "completed"}


async def test_a_cancelled_run_does_not_wait_any_longer(bench: Any) -> None:
    handle = await asyncio.to_thread(
        LeadAgent(observers=[bench.events.append]).start,
        bench.workflow({"name": "pause", "wait": "2h"}, {"name": "after", "depends_on": ["pause"]}),
    )
    await bench.saw("task_started", "pause")
    handle.cancel("enough")
    result = await asyncio.to_thread(handle.result, 30)
    assert result.status == "cancelled"
    assert statuses(result) == {"pause": "cancelled", "after": "skipped"}


async def test_a_wait_gives_null_when_it_is_over(bench: Any) -> None:
    result = await bench.run({"name": "none", "wait": 0}, {"name": "short", "wait": "20ms"})
    assert result.results == {"none": None, "short": None}
    assert bench.event_types("short") == ["task_started", "task_completed"]


class Clock:
    """Stands in for the module `time` of the code that waits."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("leadagent_prefect.engine.steps.local.time", clock)
    return clock


def test_a_wait_that_was_cut_short_waits_the_rest_when_its_run_goes_on(in_host: Any, clock: Clock) -> None:
    from leadagent_prefect.engine.control import RunControl, current_control
    from leadagent_prefect.engine.flow import execute
    from leadagent_prefect.loader import load

    plan = plan_of(load({"name": "w", "tasks": [{"name": "pause", "wait": "2h"}]}))

    async def cut_short() -> str:
        """An execution of the host's flow run, as is the other one."""
        control = RunControl()
        control.notify = lambda event: event.name == "pause" and control.token.request("cancelled", "down")
        current_control.set(control)
        return (await asyncio.wait_for(execute(plan, {}), 60)).name

    async def to_the_end() -> str:
        current_control.set(RunControl(notify=lambda event: None))
        return (await asyncio.wait_for(execute(plan, {}), 60)).name

    def twice() -> None:
        assert in_host.run(cut_short()) == "Cancelled"
        clock.now += 2 * 3600 - 0.05
        assert in_host.run(to_the_end()) == "Completed"

    in_host(twice)


def test_a_clock_that_was_set_back_makes_no_wait_longer(in_host: Any, clock: Clock) -> None:
    from prefect import task

    from leadagent_prefect.engine.steps.local import _end_of_wait

    @task(persist_result=True)
    async def end_of_wait() -> float:
        return await _end_of_wait("a-wait-until", 600)

    def ends() -> None:
        start = clock.now
        assert in_host.run(end_of_wait()) == start + 600
        clock.now += 100
        assert in_host.run(end_of_wait()) == start + 600
        clock.now -= 1000
        assert in_host.run(end_of_wait()) == clock.now + 600

    in_host(ends)
