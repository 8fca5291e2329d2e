"""The events of a work pool's runs: what wakes the worker at once, where polling would come later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container
from uuid import UUID

from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

#: Seconds between two attempts to connect, doubled up to the second of them.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_RUN = "prefect.flow-run."
#: States after which a worker may have something to take, as after SCHEDULED: a slot has become free.
_ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


async def listen(
    work_pool_id: UUID,
    *,
    wake: Callable[[], None],
    cancel: Callable[[UUID], None],
    mine: Container[UUID],
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
) -> None:
    """Calls ``wake`` when the pool may have work, and ``cancel`` with a run that is Cancelling; never ends.

    A connection that is lost is made again. ``wake`` is called then too, for what happened meanwhile. The end
    of a run that is ``mine`` wakes nobody: its slot comes free with its process.
    """
    pool = EventAnyResourceFilter(id=[f"prefect.work-pool.{work_pool_id}"])
    pause = _FIRST_PAUSE
    while True:
        try:
            names = EventNameFilter(prefix=[_RUN])
            async with get_events_subscriber(EventFilter(event=names, any_resource=pool), 0) as events:
                pause = _FIRST_PAUSE
                wake()
                async for event in events:
                    heed(event, wake, cancel, mine)
        except Exception as error:  # noqa: BLE001  # whatever ends the connection: polling goes on, and it is made again
            logger.debug("No events from the Prefect server: %s", error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def heed(
    event: Event, wake: Callable[[], None], cancel: Callable[[UUID], None], mine: Container[UUID]
) -> None:
    """Acts on one event of a flow run."""
    state, run = event.resource.get("prefect.state-type"), event.resource.id.removeprefix(_RUN)
    if state == "SCHEDULED" or (state in _ENDED and UUID(run) not in mine):
        wake()
    elif state == "CANCELLING":
        cancel(UUID(run))
