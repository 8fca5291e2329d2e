"""What happens in a run, as server-sent events (WHATWG HTML 9.2), out of the events that Prefect keeps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventOrder,
    EventResourceFilter,
)

#: Seconds between two looks, and looks without news after which a comment keeps the line open.
PAUSE, SILENT_LOOKS = 1.0, 15
#: Looks for the last events of a run that has ended: Prefect writes them a moment later.
_LAST_LOOKS = 10


async def stream(
    client: PrefectClient,
    run: FlowRun,
    last_seen: str | None,
    pause: Callable[[float], Awaitable[None]] = anyio.sleep,
) -> AsyncIterator[str]:
    """The events of ``run`` from its start, or after the one with the id ``last_seen``, to its end."""
    sent: set[str] = set()
    skipping, silent, looks_left = last_seen is not None, 0, _LAST_LOOKS
    while looks_left:
        state = (await client.read_flow_run(run.id)).state
        found = await _events(client, run)
        if skipping and last_seen in {one["id"] for one in found}:
            ids = [one["id"] for one in found]
            sent.update(ids[: ids.index(str(last_seen)) + 1])
        skipping = False
        fresh = [one for one in found if one["id"] not in sent]
        for event in fresh:
            sent.add(event["id"])
            yield _text(event)
        if any(event["event"] == "leadagent.workflow_finished" for event in found):
            return
        silent = 0 if fresh else silent + 1
        if silent and silent % SILENT_LOOKS == 0:
            yield ": still there\n\n"
        if state is not None and state.is_final():
            looks_left = min(looks_left - 1, _looks_after(state.timestamp))
        if looks_left:
            await pause(PAUSE)


def _looks_after(ended: datetime) -> int:
    """How many more looks are worth while: none, where what there is has had its time to be written."""
    seconds = (datetime.now(timezone.utc) - ended).total_seconds()
    return 0 if seconds > _LAST_LOOKS * PAUSE else _LAST_LOOKS


async def _events(client: PrefectClient, run: FlowRun) -> list[dict[str, Any]]:
    """All of them, in the order in which they occurred."""
    assert run.created is not None  # it has been read
    wanted = EventFilter(
        occurred=EventOccurredFilter(since=run.created - timedelta(minutes=1)),
        event=EventNameFilter(prefix=["leadagent."]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        order=EventOrder.ASC,
    )
    page = await client.read_events(wanted, limit=50)
    rows = list(page.events)
    while page.next_page:
        page = await client.read_events_page(str(page.next_page))
        rows += page.events
    return [{"id": str(one.id), "event": one.event, "payload": one.payload} for one in rows]


def _text(event: dict[str, Any]) -> str:
    name = event["event"].removeprefix("leadagent.")
    return f"id: {event['id']}\nevent: {name}\ndata: {json.dumps(event['payload'])}\n\n"
