"""The thread that looks after the runs of a process."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from prefect.client.schemas.objects import FlowRun
from prefect.context import SettingsContext

from leadagent_prefect.engine.flow import build_flow
from leadagent_prefect.engine.process import watch
from leadagent_prefect.engine.process.stop import ONCE_MORE, StopToken
from leadagent_prefect.loader import load
from leadagent_prefect.naming import TAG
from leadagent_prefect.plan import plan_of


async def test_a_run_that_was_made_otherwise_says_where_it_is_and_that_it_lives(
    actor, tasks, client, monkeypatch
):
    monkeypatch.setattr(watch, "_AFTER", 0.05)
    monkeypatch.setattr(watch, "_TICK", 0.05)
    monkeypatch.setattr(watch, "BEAT_SECONDS", 0.2)
    seen: list[Any] = []

    async def look(agent: Any) -> None:
        while len({run.labels.get("leadagent.beat") for run in seen if run.tags}) < 2:
            seen.append(await client.read_flow_run(UUID(agent.call.run_id)))
            await asyncio.sleep(0.2)

    actor["look"] = look
    state = await build_flow(plan_of(load(tasks("look"))))(return_state=True)
    assert state.is_completed()
    labels = seen[-1].labels
    assert (labels["leadagent.pid"], labels["leadagent.execution"]) == (os.getpid(), 1)
    assert seen[-1].tags == ["leadagent"]


async def test_one_thread_looks_after_all_runs_and_ends_with_the_last(under_way, client, monkeypatch):
    def watching() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "leadagent-watch"]

    while watching():  # noqa: ASYNC110  # that of a test before, which ends when it ends
        await asyncio.sleep(0.05)
    monkeypatch.setattr(watch, "_AFTER", 0.05)
    first, second = under_way("hang"), under_way("hang")
    await first.started("hang")
    await second.started("hang")
    assert len(watching()) == 1
    first.handle.cancel()
    await first.ended()
    assert len(watching()) == 1
    second.handle.cancel()
    await second.ended()
    while watching():  # noqa: ASYNC110  # a thread ends when it ends
        await asyncio.sleep(0.05)


async def test_without_an_api_of_ones_own_nobody_is_told(under_way, monkeypatch):
    monkeypatch.setattr(watch, "PREFECT_API_URL", SimpleNamespace(value=lambda: None))
    run = under_way("hang")
    await run.started("hang")
    assert "leadagent-watch" not in {thread.name for thread in threading.enumerate()}


async def test_an_api_that_is_away_is_no_error():
    async def refused() -> None:
        raise OSError("refused")

    await watch._patiently(refused())


async def test_a_sign_of_life_that_nobody_heard_is_given_again_at_once(monkeypatch):
    monkeypatch.setattr(watch, "_TICK", 0.0)
    stopped, beats = asyncio.get_running_loop().create_future(), []

    class Client:
        async def read_flow_runs(self, **_: Any) -> list[FlowRun]:
            return []

        async def update_flow_run_labels(self, run: UUID, labels: Any) -> None:
            beats.append(run)
            if len(beats) == 1:
                raise OSError("away")
            stopped.set_result(None)

    run = FlowRun(id=uuid4(), flow_id=uuid4(), tags=[TAG])
    one = watch.Watch(SettingsContext.get())
    one.add(watched := watch.Watched(run, StopToken(), named=True, beat_at=0.0))
    await one._ask(Client(), stopped)  # type: ignore[arg-type]  # as much of one as it needs
    assert beats == [run.id] * 2
    assert watched.beat_at > time.monotonic() + watch.BEAT_SECONDS / 2


async def test_a_watch_whose_last_run_ended_before_it_began_does_nothing():
    one = watch.Watch(SettingsContext.get())
    one._over.set()
    await one._attend()
    assert one._loop is asyncio.get_running_loop()


async def test_a_watch_that_has_ended_by_itself_is_left_alone():
    run: Any = SimpleNamespace(run=SimpleNamespace(id=1))
    one = watch.Watch(SettingsContext.get())
    one.add(run)
    one._loop = asyncio.new_event_loop()
    one._loop.close()
    assert one.remove(run)


def event(run: UUID, state: UUID, message: str = "Cancelled.") -> Any:
    resource = SimpleNamespace(id=f"prefect.flow-run.{run}")
    return SimpleNamespace(resource=resource, id=state, payload={"validated_state": {"message": message}})


async def heard(run_id: UUID, *events: Any) -> StopToken:
    """The token of a run whose watch has heard of these."""
    token = StopToken()
    token.bind()
    one = watch.Watch(SettingsContext.get())
    one.add(watch.Watched(FlowRun(id=run_id, flow_id=uuid4()), token, named=True, beat_at=0.0))

    async def told() -> Any:
        for each in events:
            yield each

    await one._heed(told())
    await asyncio.sleep(0)
    return token


async def test_an_event_asks_the_run_it_is_of_and_each_event_once():
    run, same = uuid4(), uuid4()
    token = await heard(run, event(uuid4(), uuid4()), event(run, same), event(run, same))
    assert token.asked.is_set()
    assert not token.insisted.is_set()


async def test_who_hears_of_the_second_cancellation_alone_knows_that_there_was_a_first():
    run = uuid4()
    token = await heard(run, event(run, uuid4(), ONCE_MORE))
    assert token.insisted.is_set()


async def test_a_run_that_has_ended_while_it_was_asked_for_is_let_be():
    class Client:
        async def read_flow_runs(self, **_: Any) -> list[FlowRun]:
            return [FlowRun(id=uuid4(), flow_id=uuid4())]

    one = watch.Watch(SettingsContext.get())
    await one._look_for_cancelled(Client())
    assert one._runs == {}
