"""The events of a work pool's runs: what wakes the worker at once, where polling would come later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

#: Seconds between two attempts to connect, doubled up to the second of them.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_RUN = "prefect.flow-run."
#: States after which others may have room.
_ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


async def listen(
    work_pool_id: UUID,
    *,
    wake: Callable[[], None],
    cancel: Callable[[UUID], None],
    ended: Callable[[UUID], None],
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
) -> None:
    """Calls ``wake`` when the pool may have work, and ``cancel`` with a run that is Cancelling; never ends.

    A connection that is lost is made again. ``wake`` is called then too, for what happened meanwhile.
    ``ended`` is called with a run that has ended, whoever executed it.
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
                    heed(event, wake, cancel, ended)
        except Exception as error:  # noqa: BLE001  # whatever ends the connection: polling goes on, and it is made again
            logger.debug("No events from the Prefect server: %s", error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def heed(
    event: Event, wake: Callable[[], None], cancel: Callable[[UUID], None], ended: Callable[[UUID], None]
) -> None:
    """Acts on one event of a flow run."""
    state, run = event.resource.get("prefect.state-type"), event.resource.id.removeprefix(_RUN)
    if state == "SCHEDULED":
        wake()
    elif state in _ENDED:
        ended(UUID(run))
    elif state == "CANCELLING":
        cancel(UUID(run))
