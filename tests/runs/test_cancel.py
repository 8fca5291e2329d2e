"""Runs that are cancelled from outside of their process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import StateType
from prefect.states import Running, Scheduled

from leadagent_prefect.cli import main
from leadagent_prefect.engine.process.liveness import label_new_runs
from leadagent_prefect.runs import cancel, find_run, list_runs


async def run_of(client: Any, name: str, state: Any, labels: dict[str, Any] | None = None) -> Any:
    """A flow run that was made, and that nobody executes."""
    from prefect import flow

    @flow(name=name)
    async def nobody() -> None:
        """Nothing."""

    run = await client.create_flow_run(nobody, tags=["leadagent"], state=state)
    if labels:
        await client.update_flow_run_labels(run.id, labels)
    return await client.read_flow_run(run.id)


@pytest.fixture
def listening_at_once(monkeypatch):
    monkeypatch.setattr("leadagent_prefect.engine.process.watch._AFTER", 0.1)


@pytest.mark.usefixtures("listening_at_once")
async def test_a_run_ends_itself_as_cancelled(under_way, client):
    run = under_way("read", "hang")
    run_id = await run.started("hang")
    ended = await cancel(client, await find_run(client, str(run_id)), wait=30)
    assert ended.state.type == StateType.CANCELLED
    result = await run.ended()
    assert (result.status, result.results) == ("cancelled", {"read": {"did": "read"}})
    assert result.tasks["hang"].error == "the run was cancelled"
    again = await cancel(client, ended, wait=30)
    assert again.state.id == ended.state.id


async def test_without_events_a_run_asks_for_itself(under_way, client, monkeypatch):
    def none(*args: Any) -> Any:
        raise OSError("no websocket")

    monkeypatch.setattr("leadagent_prefect.engine.process.watch.get_events_subscriber", none)
    run = under_way("hang")
    run_id = await run.started("hang")
    await asyncio.sleep(0.3)  # it has asked for the first time
    await cancel(client, await find_run(client, str(run_id)), wait=30)
    assert (await run.ended()).status == "cancelled"


async def test_cancelling_once_more_ends_the_undoing(under_way, client, tasks):
    compensate = {"agent_name": "actor", "action": "hang"}
    workflow = tasks("read", "hang")
    workflow["tasks"][0]["compensate"] = compensate
    run = under_way("read", "hang", tasks=workflow["tasks"])
    run_id = await run.started("hang")
    asked = await cancel(client, await find_run(client, str(run_id)))
    assert asked.state.type == StateType.CANCELLING
    while not run.handle.is_undoing():  # noqa: ASYNC110  # told by another thread
        await asyncio.sleep(0.02)
    same = await cancel(client, await client.read_flow_run(run_id), once_more=False)
    assert same.state.id == asked.state.id
    ended = await cancel(client, same, wait=30)
    assert ended.state.type == StateType.CANCELLED
    assert [one.status for one in (await run.ended()).compensated] == ["unknown"]


async def test_a_run_that_is_cancelled_as_it_ends_is_cancelled(under_way, actor, client, prefect_api):
    async def cancels(agent: Any) -> None:
        from prefect import get_client
        from prefect.states import Cancelling

        async with get_client() as inside:
            await inside.set_flow_run_state(UUID(agent.call.run_id), Cancelling())

    actor["cancels"] = cancels
    run = under_way("cancels")
    result = await run.ended()
    assert result.status == "cancelled"
    state = (await client.read_flow_run(UUID(result.flow_run_id))).state
    assert (state.type, state.message) == (StateType.CANCELLED, "the run was cancelled as it was ending")


async def test_a_run_that_waits_to_be_started_is_cancelled_at_once(client):
    run = await run_of(client, "waits", Scheduled())
    assert (await cancel(client, run, wait=30)).state.type == StateType.CANCELLED


async def test_a_run_whose_process_is_gone_is_stale_and_cancelled_at_once(client, monkeypatch):
    run = await run_of(client, "gone", Running())
    label_new_runs(client)
    monkeypatch.setattr("leadagent_prefect.engine.process.liveness.DEAD_AFTER_SECONDS", -1.0)
    assert str(run.id) in {row.id for row in await list_runs(client, workflow="gone", stale=True)}
    ended = await cancel(client, run)
    assert ended.state.type == StateType.CANCELLED
    assert ended.state.message == "The process of the run was gone when it was cancelled."


async def test_a_run_whose_process_goes_while_it_is_waited_for_is_cancelled(client, monkeypatch):
    run = await run_of(client, "goes", Running())
    waiting = asyncio.ensure_future(cancel(client, run, wait=30))
    await asyncio.sleep(0.5)
    monkeypatch.setattr("leadagent_prefect.engine.process.liveness.DEAD_AFTER_SECONDS", -1.0)
    assert (await waiting).state.type == StateType.CANCELLED


async def test_a_run_that_starts_while_it_is_cancelled_is_asked_again(client):
    run = await run_of(client, "starts", Running())
    waiting = asyncio.ensure_future(cancel(client, run, wait=2))
    await asyncio.sleep(0.5)
    await client.set_flow_run_state(run.id, Running(), force=True)
    assert (await waiting).state.type == StateType.CANCELLING


def test_the_command_says_what_became_of_the_run(under_way, prefect_api, capsys):
    run = under_way("hang")
    run_id = str(asyncio.run(run.started("hang")))
    assert main(["cancel", run_id]) == 0
    out = capsys.readouterr().out
    assert out.endswith(": cancelled (the run was cancelled; 0/1 tasks completed)\n")
    assert main(["cancel", run_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "cancelled"


def test_the_command_need_not_wait_and_says_when_it_asks_once_more(under_way, tasks, prefect_api, capsys):
    rows = tasks("read", "hang")["tasks"]
    rows[0]["compensate"] = {"agent_name": "actor", "action": "hang"}
    run = under_way("read", "hang", tasks=rows)
    run_id = str(asyncio.run(run.started("hang")))
    assert main(["cancel", run_id, "--no-wait"]) == 0
    assert capsys.readouterr().out.endswith(": cancelling (Cancelled by leadagent.)\n")
    assert main(["cancel", run_id, "--timeout", "60"]) == 0
    out, err = capsys.readouterr()
    assert "The run is being cancelled: once more, so that it undoes nothing more\n" in err
    assert out.endswith(": cancelled (the run was cancelled; 1/2 tasks completed; undone: 0/1)\n")


def test_a_run_that_has_completed_was_not_cancelled(under_way, prefect_api, capsys):
    run = under_way("read")
    result = run.handle.result(60)
    assert main(["cancel", result.flow_run_id]) == 1
    assert capsys.readouterr().out.endswith(": completed (1/1 tasks completed)\n")


def test_sigterm_of_a_process_that_prefect_has_started_for_a_run_cancels_it(
    actor, tasks, prefect_api, monkeypatch
):
    from leadagent_prefect.embedded import use_api
    from leadagent_prefect.engine.flow import build_flow
    from leadagent_prefect.loader import load
    from leadagent_prefect.plan import plan_of

    async def ends(agent: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    actor["ends"] = ends
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "of a worker")
    before = signal.getsignal(signal.SIGTERM)

    async def run() -> Any:
        return await build_flow(plan_of(load(tasks("read", "ends"))))(return_state=True)

    with use_api(prefect_api):
        state = asyncio.run(run())
    assert (state.type, state.message) == (StateType.CANCELLED, "the run was cancelled; 1/2 tasks completed")
    assert signal.getsignal(signal.SIGTERM) is before
