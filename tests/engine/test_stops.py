"""How runs stop: timeouts, cancellation, a first failure; in a call, between attempts, before a start."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from leadagent_prefect import AgentResponse, LeadAgent


async def hang(agent: Any, given: Any) -> None:
    await asyncio.Event().wait()


async def test_a_timeout_ends_one_attempt_and_is_tried_again(bench: Any, recorded: Any) -> None:
    async def slow_once(agent: Any, given: Any) -> str:
        if agent.call.attempt == 1:
            await asyncio.Event().wait()
        return "in time"

    bench.actions["slow"] = slow_once
    result = await bench.run(
        {
            "name": "a",
            "action": "slow",
            "timeout": 0.1,
            "retry_config": {"initial_delay": 0, "max_attempts": 2},
        }
    )
    assert result.results == {"a": "in time"}
    assert result.tasks["a"].attempts == 2


async def test_the_last_timeout_is_the_state_timed_out(bench: Any, recorded: Any) -> None:
    bench.actions["hang"] = hang
    result = await bench.run({"name": "a", "action": "hang", "timeout": "50ms"})
    assert result.tasks["a"].error_class == "timeout"
    assert result.errors == {"a": 'task "a" had no answer within its timeout of 0.05 s'}
    state = (await recorded.task_runs(result, 1))["a"].state
    assert (state.type.value, state.name) == ("FAILED", "TimedOut")


async def test_a_call_that_swallows_its_cancellation_does_not_hold_the_run(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadagent_prefect.engine.steps.attempt._GRACE_SECONDS", 0.05)
    released = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def stubborn(agent: Any, given: Any) -> str:
        over = asyncio.Event()
        inner = asyncio.get_running_loop()
        waiting = asyncio.run_coroutine_threadsafe(released.wait(), loop)
        watcher = asyncio.ensure_future(asyncio.wrap_future(waiting))
        watcher.add_done_callback(lambda _: inner.call_soon(over.set))
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    bench.actions["stubborn"] = stubborn
    running = asyncio.ensure_future(
        bench.run(
            {"name": "a", "action": "stubborn", "timeout": 0.05},
            {"name": "b"},
            failure_strategy="continue_on_failure",
        )
    )
    await bench.saw("task_failed", "a")
    released.set()
    result = await running
    assert result.tasks["a"].error_class == "timeout"
    assert result.tasks["b"].status == "completed"


async def test_a_call_that_ends_while_it_is_cut_short_is_still_a_timeout(bench: Any) -> None:
    async def cleans_up(agent: Any, given: Any) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("broke while cleaning up") from None
        return "never"

    bench.actions["cleans"] = cleans_up
    result = await bench.run({"name": "a", "action": "cleans", "timeout": 0.05})
    assert result.tasks["a"].error_class == "timeout"


async def test_a_call_that_cancels_itself_is_a_failure_of_its_agent(bench: Any) -> None:
    async def cancels(agent: Any, given: Any) -> None:
        raise asyncio.CancelledError

    bench.actions["cancels"] = cancels
    result = await bench.run({"name": "a", "action": "cancels"})
    assert result.errors == {"a": 'the call of task "a" was cancelled by its own agent'}
    assert result.tasks["a"].error_class == "internal"


async def test_a_global_timeout_cancels_what_runs_and_skips_the_rest(bench: Any, recorded: Any) -> None:
    bench.actions["hang"] = hang
    result = await bench.run(
        {"name": "a"},
        {"name": "b", "action": "hang"},
        {"name": "c", "depends_on": ["b"]},
        global_timeout=2,
    )
    assert result.status == "failed"
    assert {name: row.status for name, row in result.tasks.items()} == {
        "a": "completed",
        "b": "cancelled",
        "c": "skipped",
    }
    assert result.tasks["b"].error == "the run took longer than its global_timeout of 2 s"
    state = (await recorded.flow_run(result)).state
    assert (state.type.value, state.name) == ("FAILED", "TimedOut")
    task_runs = await recorded.task_runs(result, 3)
    assert {name: run.state.name for name, run in task_runs.items()} == {
        "a": "Completed",
        "b": "Cancelled",
        "c": "Skipped",
    }


async def test_a_global_timeout_ends_a_run_in_which_steps_end_all_the_time(bench: Any) -> None:
    tasks = [{"name": f"t{n}"} for n in range(300)]
    result = await bench.run(*tasks, global_timeout="100ms", parallel_execution=True)
    assert result.status == "failed"
    assert result.skipped_tasks > 0
    assert {row.error for row in result.tasks.values() if row.status == "skipped"} == {
        "the run took longer than its global_timeout of 0.1 s"
    }


async def test_a_first_failure_cancels_what_runs_beside_it(bench: Any, recorded: Any) -> None:
    beside = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def hangs(agent: Any, given: Any) -> None:
        loop.call_soon_threadsafe(beside.set)
        await asyncio.Event().wait()

    async def fails(agent: Any, given: Any) -> AgentResponse:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(beside.wait(), loop))
        return AgentResponse(success=False, error="no")

    bench.actions.update(hangs=hangs, fails=fails)
    result = await bench.run(
        {"name": "a", "action": "hangs"},
        {"name": "b", "action": "fails"},
        {"name": "c", "depends_on": ["a"]},
        parallel_execution=True,
    )
    assert result.status == "failed"
    assert {name: row.status for name, row in result.tasks.items()} == {
        "a": "cancelled",
        "b": "failed",
        "c": "skipped",
    }
    assert result.tasks["a"].error == 'the run stopped because task "b" failed'
    assert result.errors == {"b": "no"}
    assert (await recorded.task_runs(result, 3))["c"].state.name == "Skipped"


async def test_cancelling_the_await_cancels_the_run_and_its_call(bench: Any, recorded: Any) -> None:
    ended: list[str] = []

    async def call(agent: Any, given: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(agent.call.run_id)

    bench.actions["call"] = call
    running = asyncio.ensure_future(
        bench.run({"name": "a", "action": "call"}, {"name": "b", "depends_on": ["a"]})
    )
    await bench.saw("task_started", "a")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    flow_run = await recorded.client.read_flow_run(ended[0])
    assert flow_run.state.type.value == "CANCELLED"
    assert flow_run.state.message == "the run was cancelled; 0/2 tasks completed"
    assert bench.event_types("a") == ["task_started", "task_cancelled"]
    assert bench.event_types("b") == ["task_skipped"]


async def test_cancelling_between_two_attempts_makes_no_further_call(bench: Any, recorded: Any) -> None:
    bench.actions["fail"] = lambda agent, given: AgentResponse(
        success=False, error="no", error_class="server_error"
    )
    handle = await asyncio.to_thread(
        LeadAgent(observers=[bench.events.append]).start,
        bench.workflow(
            {"name": "a", "action": "fail", "retry_config": {"initial_delay": 60, "max_delay": 60}}
        ),
    )
    await bench.saw("task_retrying", "a")
    handle.cancel("enough")
    result = await asyncio.to_thread(handle.result, 30)
    assert handle.done()
    assert result.status == "cancelled"
    assert result.tasks["a"].model_dump(exclude={"duration"}) == {
        "status": "cancelled",
        "attempts": 1,
        "error": "enough",
        "error_class": "cancelled",
    }
    assert len(bench.calls) == 1
    task_run = (await recorded.task_runs(result, 1))["a"]
    await recorded.until_state(task_run, "Cancelled")


async def test_a_run_cancelled_before_it_starts_makes_no_call(bench: Any) -> None:
    from leadagent_prefect.engine.control import RunControl
    from leadagent_prefect.engine.runner import run_in_thread
    from leadagent_prefect.models import Workflow
    from leadagent_prefect.plan import build

    control = RunControl()
    control.token.request("cancelled", "never mind")
    control.token.request("cancelled", "a second request changes nothing")
    plan = build(Workflow.model_validate(bench.workflow({"name": "a"})))
    future = run_in_thread(plan, {}, control, bench.api, lambda: None)
    result = await asyncio.wrap_future(future)
    assert result.status == "cancelled"
    assert result.tasks["a"].error == "never mind"
    assert bench.calls == []


async def test_a_stop_that_meets_a_failed_attempt_ends_it_as_cancelled(bench: Any) -> None:
    """The stop comes after an attempt has failed and before its wait has begun."""
    from leadagent_prefect.engine.control import RunControl
    from leadagent_prefect.engine.process.stop import Stop
    from leadagent_prefect.engine.runner import run_in_thread
    from leadagent_prefect.models import Workflow
    from leadagent_prefect.plan import build

    stop = Stop("cancelled", "just now")
    control = RunControl()

    def stops(agent: Any, given: Any) -> AgentResponse:
        control.token.set(stop)
        return AgentResponse(success=False, error="no", error_class="server_error")

    bench.actions["stops"] = stops
    task = {"name": "a", "action": "stops", "retry_config": {"initial_delay": 60}}
    plan = build(Workflow.model_validate(bench.workflow(task)))
    result = await asyncio.wrap_future(run_in_thread(plan, {}, control, bench.api, lambda: None))
    assert result.status == "cancelled"
    assert result.tasks["a"].status == "cancelled"
    assert len(bench.calls) == 1


async def test_a_call_that_ignores_every_cancellation_is_broken_off(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("leadagent_prefect.engine.steps.attempt._GRACE_SECONDS", 0.05)
    left: list[str] = []

    async def immortal(agent: Any, given: Any) -> None:
        try:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    left.append("swallowed")
        finally:
            left.append("out")

    bench.actions["immortal"] = immortal
    result = await bench.run({"name": "a", "action": "immortal", "timeout": 0.05})
    assert result.tasks["a"].error_class == "timeout"
    assert left == ["swallowed", "out"]
    assert 'the call of task "a" ignores that it was cancelled, and is broken off' in caplog.text
    assert "unhandled exception" not in caplog.text


async def test_a_call_that_cleans_up_is_waited_for_before_its_agent_is_closed(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadagent_prefect.engine.steps.attempt._PATIENCE_SECONDS", 0)

    async def cleans_up(agent: Any, given: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(100):
                await asyncio.sleep(0)
            bench.log.append("cleaned up")

    bench.actions["cleans"] = cleans_up
    result = await bench.run({"name": "a", "action": "cleans", "timeout": 0.05})
    assert result.tasks["a"].error_class == "timeout"
    assert bench.log == ["open probe", "cleaned up", "close probe"]
