"""Events outlast a server that goes, and the end of their process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest
from prefect.events import Event
from prefect.events.worker import EventsWorker
from prefect.settings import temporary_settings
from waiting import until
from wire import Wire, wire

from leadagent_prefect.embedded import PrefectApi, use_api
from leadagent_prefect.embedded.lasting import LastingEvents, send_lasting_events

from .conftest import Client


@pytest.fixture
def line(prefect_api: PrefectApi) -> Iterator[Wire]:
    with wire(urlsplit(prefect_api.url).port or 0) as found:
        yield found


@pytest.fixture
async def client(prefect_api: PrefectApi, line: Wire) -> AsyncIterator[LastingEvents]:
    with use_api(prefect_api):  # for its password
        yield LastingEvents(f"http://{line.address}/api", reconnection_attempts=0, checkpoint_every=2)


def event(name: str, seconds_ago: float = 0.0) -> Event:
    occurred = datetime.now(timezone.utc) - timedelta(seconds=seconds_ago)
    return Event(event="x", resource={"prefect.resource.id": name}, occurred=occurred)


async def recorded(api: PrefectApi, name: str) -> int:
    """How many events of a resource the server has, as soon as it has one."""
    asked = {"filter": {"resource": {"id": [name]}}}
    return int(await asyncio.to_thread(until, lambda: Client(api).post("/events/filter", asked)["total"]))


async def test_what_could_not_be_sent_is_sent_at_the_end(
    client: LastingEvents, line: Wire, prefect_api: PrefectApi
) -> None:
    name, count = str(uuid.uuid4()), 0
    async with client:
        line.refuses.add("websocket")
        line.cut("websocket")
        with suppress(Exception):  # as soon as it has seen it, as Prefect's worker for events has it
            while True:
                count += 1
                await client.emit(event(name))
        assert len(client._unconfirmed_events) == count
        line.refuses.clear()
    assert await recorded(prefect_api, name) == count


async def test_a_line_that_was_cut_unseen_is_made_again_at_the_end(client: LastingEvents, line: Wire) -> None:
    async with client:
        await client.emit(event("x"))
        line.cut("websocket")
    assert line.websockets == 2


async def test_a_line_that_is_there_again_in_a_moment_is_waited_for_at_the_end(
    client: LastingEvents, line: Wire
) -> None:
    async with client:
        await client.emit(event("x"))
        line.refuses.add("websocket")
        line.cut("websocket")
        asyncio.get_running_loop().call_later(0.3, line.refuses.clear)
    assert line.websockets == 2


async def test_a_line_that_is_not_there_at_first_is_made_by_the_next_event(
    client: LastingEvents, line: Wire
) -> None:
    line.refuses.add("websocket")
    async with client:
        line.refuses.clear()
        await client.emit(event("x"))
    assert line.websockets == 1


async def test_nobody_waits_for_a_line_that_never_was(client: LastingEvents, line: Wire) -> None:
    line.refuses.add("websocket")
    async with client:
        with suppress(Exception):
            await client.emit(event("x"))
    assert line.websockets == 0


async def test_one_at_a_time_makes_the_line_again(client: LastingEvents, line: Wire) -> None:
    async with client:
        looking_after = client._checkpoint_task
        assert looking_after is not None
        await client._reconnect()
        await asyncio.wait({looking_after})
        assert looking_after.cancelled()
        client._checkpoint_task = itself = asyncio.ensure_future(client._reconnect())
        await asyncio.wait({itself})
        assert client._checkpoint_task is not itself
    assert line.websockets == 3


async def test_what_a_server_got_a_moment_ago_is_kept_to_be_sent_again(
    client: LastingEvents, line: Wire
) -> None:
    old, young = event("old", seconds_ago=60), event("young")
    async with client:
        await client.emit(old)
        assert client._unconfirmed_events == [old]
        await client.emit(young)
        assert client._unconfirmed_events == [young]
    assert line.websockets == 1


async def test_nothing_is_waited_for_where_nothing_is_left_or_nobody_is_there(
    client: LastingEvents, line: Wire
) -> None:
    async with client:
        pass
    async with client:
        await client.emit(event("x"))
        line.close()
    assert line.websockets == 2


@pytest.mark.parametrize(
    ("settings", "chosen", "lasting"),
    [
        ({"api.url": "http://127.0.0.1:9/api"}, None, True),
        ({"api.url": "http://127.0.0.1:9/api"}, LastingEvents, False),
        ({"api.url": "https://api.prefect.cloud/api/x"}, None, False),
        ({"api.url": None}, None, False),
    ],
)
def test_whoever_has_chosen_another_way_keeps_it(
    settings: dict[str, Any], chosen: Any, lasting: bool
) -> None:
    EventsWorker.set_client_override(chosen, api_url="http://127.0.0.1:9/api")
    before = EventsWorker._client_override
    try:
        with temporary_settings(updates=settings):
            send_lasting_events()
        assert EventsWorker._client_override == ((LastingEvents, ()) if lasting else before)
    finally:
        EventsWorker.set_client_override(None)
