from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from leadagent_prefect import errors


async def until(agent: Any, name: str) -> None:
    """Waits until the server works on the slow call of that name."""
    while name not in (await agent.execute("begun", {})).result["result"]:
        pass


@pytest.mark.parametrize("kind", ["stdio", "http"])
async def test_a_cancelled_call_disturbs_neither_the_session_nor_the_caller_beside(
    kind, stdio, workshop, make
):
    agent = make(stdio if kind == "stdio" else workshop)
    cancelled = asyncio.ensure_future(agent.execute("slow", {"seconds": 600, "name": f"c-{kind}"}))
    beside = asyncio.ensure_future(agent.execute("slow", {"seconds": 0.3, "name": f"b-{kind}"}))
    await until(agent, f"c-{kind}")
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert (await beside).result == {"result": f"b-{kind}"}
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}


async def test_a_caller_cancelled_while_the_session_opens_leaves_it_to_the_others(stdio, make):
    agent = make(stdio)
    first = asyncio.ensure_future(agent.execute("pid", {}))
    second = asyncio.ensure_future(agent.execute("pid", {}))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    pid = (await second).result
    assert (await agent.execute("pid", {})).result == pid


async def test_callers_that_come_at_once_open_one_session(gate, make):
    agent = make(gate.url)
    answers = await asyncio.gather(*(agent.execute("add", {"a": n, "b": 0}) for n in range(50)))
    assert [answer.result["result"] for answer in answers] == list(range(50))
    assert len(gate.messages("server/discover")) == 1
    assert len(gate.messages("tools/list")) == 1


async def test_callers_that_come_while_the_server_is_away_all_hear_of_it(make, closed_port):
    agent = make(f"http://127.0.0.1:{closed_port}/mcp")
    answers = await asyncio.gather(*(agent.execute("add", {}) for _ in range(5)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {errors.ConnectionFailed}
    assert len({id(answer) for answer in answers}) == 5
    task = asyncio.current_task()
    assert task is not None
    if sys.version_info >= (3, 11):
        assert task.cancelling() == 0


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kind", ["http", "sse"])
async def test_a_server_killed_and_restarted_is_found_again(kind, legacy, make, restartable, legacy_clients):
    if legacy:
        legacy_clients()
    server = restartable(kind)
    agent = make(server.endpoint)
    await agent.execute("list_tools", {})
    slow = [asyncio.ensure_future(agent.execute("slow", {"seconds": 600, "name": str(n)})) for n in range(3)]
    for n in range(3):
        await until(agent, str(n))
    server.kill()
    ended = await asyncio.gather(*slow, return_exceptions=True)
    assert {type(each) for each in ended} == {errors.ConnectionFailed}
    with pytest.raises(errors.ConnectionFailed):
        await agent.execute("add", {"a": 1, "b": 2})
    server.start()
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}


async def test_closing_while_a_session_opens_leaves_nothing(make, stdio):
    agent = make(stdio)
    call = asyncio.ensure_future(agent.execute("pid", {}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await agent.close()
    with pytest.raises(errors.CallCancelled):
        await call


async def test_closing_under_a_call_fails_the_call(workshop, make):
    agent = make(workshop)
    call = asyncio.ensure_future(agent.execute("slow", {"seconds": 600, "name": "closed"}))
    await until(make(workshop), "closed")
    await agent.close()
    with pytest.raises(errors.AgentError):
        await call


async def test_a_server_that_will_not_end_a_session_does_not_hold_up_the_run(gate, make, monkeypatch):
    monkeypatch.setattr("leadagent_prefect.agents.mcp.session._CLOSING", 0.1)
    gate.answer = lambda message, _: (404, {}, b"") if message.get("method") == "server/discover" else None
    agent = make(gate.url)
    await agent.execute("add", {"a": 1, "b": 2})
    whole, asked = gate.app, []

    async def hang(scope: Any, receive: Any, send: Any) -> None:
        if scope.get("method") != "DELETE":
            await whole(scope, receive, send)
            return
        asked.append(scope["path"])
        await asyncio.Event().wait()

    gate.app = hang
    await agent.close()
    assert asked == ["/mcp"]


async def test_a_listing_that_fails_before_a_call_fails_the_call_unsent(gate, make):
    agent = make(gate.url)
    gate.answer = lambda message, _: (503, {}, b"") if message.get("method") == "tools/list" else None
    with pytest.raises(errors.ServerError):
        await agent.execute("add", {"a": 1, "b": 2})
    assert gate.messages("tools/call") == []
    gate.answer = lambda message, _: None
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}
