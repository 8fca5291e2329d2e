"""Agents whose code blocks: in a thread of its own, or where it holds up the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from leadagent_prefect import AgentFactory, AgentResponse, BaseAgent
from leadagent_prefect.engine.process.standstill import culprit
from leadagent_prefect.models import AgentConfig

CONFIG = AgentConfig(name="a", type="blocking", endpoint="x://")


class Blocking(BaseAgent):
    """What blocks is written as it is anywhere else."""

    released = threading.Event()

    def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:  # type: ignore[override]  # without async, on purpose
        if action == "wait":
            self.released.wait()
        if action == "fail":
            raise ValueError("no luck")
        return AgentResponse(success=True, result=[self.call.task, threading.current_thread() is self.main])

    main = threading.main_thread()


class Handed(Blocking):
    """Its `execute` gives what is to be awaited."""

    def execute(self, action: str, parameters: dict[str, Any]) -> Any:
        return asyncio.sleep(0, AgentResponse(success=True, result="awaited"))


@pytest.fixture
def blocking(prefect_api):
    AgentFactory.register_agent_type("blocking", Blocking)
    Blocking.released.clear()
    yield {"agents": [{"name": "probe", "type": "blocking", "endpoint": "x://"}]}
    Blocking.released.set()
    AgentFactory.unregister_agent_type("blocking")


async def test_an_execute_that_is_not_async_runs_in_a_thread(bench, blocking):
    result = await bench.run({"name": "a"}, **blocking)
    assert result.results == {"a": ["a", False]}


async def test_what_it_raises_is_the_failure_of_its_task(bench, blocking):
    result = await bench.run({"name": "a", "action": "fail"}, **blocking)
    assert result.errors == {"a": "ValueError: no luck"}


async def test_what_it_gives_to_be_awaited_is_awaited():
    assert (await Handed(CONFIG).execute("x", {})).result == "awaited"


async def test_its_timeout_holds_and_the_run_does_not_wait_for_the_thread(bench, blocking):
    result = await bench.run({"name": "a", "action": "wait", "timeout": 0.1}, **blocking)
    assert result.tasks["a"].error_class == "timeout"


async def test_a_run_does_not_wait_for_what_an_agent_has_handed_to_a_thread_and_given_up(bench, blocking):
    bench.actions["hand"] = lambda agent, given: asyncio.to_thread(Blocking.released.wait)
    result = await bench.run({"name": "a", "action": "hand", "timeout": 0.1})
    assert result.tasks["a"].error_class == "timeout"


async def test_what_fails_in_a_thread_fails_its_task(bench):
    bench.actions["hand"] = lambda agent, given: asyncio.to_thread(int, "no number")
    result = await bench.run({"name": "a", "action": "hand"})
    assert result.errors == {"a": "ValueError: invalid literal for int() with base 10: 'no number'"}


def test_a_thread_that_outlives_its_loop_harms_nothing():
    async def leave() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(Blocking(CONFIG).execute("wait", {}), 0.05)

    Blocking.released.clear()
    asyncio.run(leave())
    left = [thread for thread in threading.enumerate() if "Blocking.execute" in thread.name]
    Blocking.released.set()
    for thread in left:
        thread.join()
    assert left


async def test_a_call_that_is_left_and_ends_after_all_is_not_heard():
    Blocking.released.clear()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(Blocking(CONFIG).execute("wait", {}), 0.05)
    left = [thread for thread in threading.enumerate() if "Blocking.execute" in thread.name]
    Blocking.released.set()
    for thread in left:
        thread.join()
    await asyncio.sleep(0)


def test_a_thread_that_is_in_no_agent_is_no_culprit():
    assert culprit(threading.get_ident()) is None


async def test_code_that_holds_up_the_loop_past_its_timeout_is_named_and_is_a_timeout(
    bench, recorded, monkeypatch
):
    monkeypatch.setattr("leadagent_prefect.engine.process.watch._AFTER", 0.0)
    monkeypatch.setattr("leadagent_prefect.engine.process.watch._TICK", 0.02)

    async def hold_up(agent: Any, given: Any) -> str:
        await asyncio.sleep(0.5)  # the watch looks by now
        time.sleep(1.5)  # noqa: ASYNC251  # that is the mistake
        return "late"

    bench.actions["hold"] = hold_up
    result = await bench.run(
        {"name": "a", "action": "hold", "timeout": 0.6}, {"name": "b"}, parallel_execution=True
    )
    assert result.tasks["a"].error_class == "timeout"
    assert result.errors["a"] == (
        'task "a" had no answer within its timeout of 0.6 s: code that blocks in an `async def` held up the '
        "event loop"
    )
    from leadagent_prefect.runs import read_logs

    told: list[str] = []
    while not told:
        lines = await read_logs(recorded.client, (await recorded.flow_run(result)).id)
        told = [line.message for line in lines if "held up the event loop for" in line.message]
        await asyncio.sleep(0.1)
    assert len(told) == 1
    assert told[0].startswith('task "a" has held up the event loop for ')
    assert f"past its timeout of 0.6 s, at {__file__}:" in told[0]
