"""A Prefect API that is away for a while, or for good, changes nothing of what a run comes to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from prefect.events.worker import EventsWorker
from wire import Wire, wire

from leadagent_prefect import LeadAgent
from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.embedded.lasting import LastingEvents
from leadagent_prefect.engine.control import RunControl
from leadagent_prefect.engine.process import away
from leadagent_prefect.engine.runner import run_in_thread
from leadagent_prefect.loader import load
from leadagent_prefect.plan import plan_of

TASKS = ({"name": "a"}, {"name": "b", "action": "cut", "depends_on": ["a"]})


@pytest.fixture
def line(prefect_api: PrefectApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The way to the server of the tests. Once it is cut, Prefect's client tries nothing again by itself."""
    monkeypatch.setattr(away, "_PAUSE", 0.05)
    with wire(urlsplit(prefect_api.url).port or 0) as found:
        tries = SimpleNamespace(value=lambda: 0 if found.refuses else 5)
        monkeypatch.setattr("prefect.client.base.PREFECT_CLIENT_MAX_RETRIES", tries)
        # Of its own: a process has one worker for events of a kind, which keeps to the server it saw first.
        EventsWorker.set_client_override(LastingEvents, api_url=f"http://{found.address}/api")
        yield found
        EventsWorker.set_client_override(None)


def cut(line: Wire) -> None:
    line.refuses.update({"http", "websocket"})
    line.cut("http", "websocket")


async def run(bench: Any, line: Wire) -> Any:
    api = PrefectApi(f"http://{line.address}/api", bench.api.auth_string, embedded=False, ui_url="")
    control = RunControl(notify=bench.events.append)
    future = run_in_thread(plan_of(load(bench.workflow(*TASKS))), {}, control, api, lambda: None)
    return await asyncio.wrap_future(future)


async def test_a_run_waits_for_its_api_to_say_what_it_came_to(
    bench: Any, recorded: Any, line: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    bench.actions["cut"] = lambda agent, given: cut(line)
    with caplog.at_level(logging.WARNING, away.__name__):
        running = asyncio.ensure_future(run(bench, line))
        while "the Prefect API does not answer (" not in caplog.text:  # noqa: ASYNC110  # told by a thread
            await asyncio.sleep(0.01)
        line.refuses.clear()
        result = await running
    assert (result.status, result.completed_tasks) == ("completed", 2)
    assert (await recorded.flow_run(result)).state.name == "Completed"
    assert {name: one.state.name for name, one in (await recorded.task_runs(result, 2)).items()} == {
        "a": "Completed",
        "b": "Completed",
    }


async def test_a_run_whose_api_is_gone_has_its_result_and_is_set_right_by_a_resume(
    bench: Any, recorded: Any, line: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(away, "AWAY_SECONDS", 0.0)
    bench.actions["cut"] = lambda agent, given: cut(line)
    with caplog.at_level(logging.WARNING, "leadagent_prefect.engine.runner"):
        result = await run(bench, line)
    assert (result.status, result.completed_tasks) == ("completed", 2)
    (said,) = [text for text in caplog.messages if "was away when the run ended" in text]
    assert f"`leadagent resume {result.flow_run_id}` tells it" in said
    assert (await recorded.flow_run(result)).state.name == "Running"
    line.refuses.clear()
    monkeypatch.setattr("leadagent_prefect.engine.process.liveness.Process.lives", False)
    bench.calls.clear()
    again = await LeadAgent().resume(result.flow_run_id)
    assert (again.status, bench.calls) == ("completed", [])
    assert (await recorded.flow_run(result)).state.name == "Completed"


def test_a_client_that_waits_already_is_left_as_it_is() -> None:
    client: Any = SimpleNamespace(_client=SimpleNamespace())
    client._client.send = send = object()
    away.outlast(client)
    assert client._client.send is send
