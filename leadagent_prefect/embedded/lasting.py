"""Events that outlast a server: all that Prefect knows of task runs goes to it as events, over a websocket.

Prefect's client takes an event for delivered once the server has got it, and forgets at its end those that it
could not send. A server that is killed has not written down what it got a moment ago; and a run whose end is
known to the server may have events left from when there was none.
"""

from __future__ import annotations

import asyncio
from abc import ABCMeta
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import anyio
from prefect.events.clients import PrefectEventsClient
from prefect.events.schemas.events import Event
from prefect.events.worker import EventsWorker, emit_events_to_cloud
from prefect.settings import PREFECT_API_URL

#: Seconds for which an event is sent again to a server that is new; what came before it has written down.
_WRITTEN_AFTER = timedelta(seconds=10)
#: Seconds that the last events may take, at the end of a process, and between two tries.
_LAST_SECONDS, _PAUSE = 15.0, 0.5


class _LikePrefects(ABCMeta):
    """Prefect sends nothing by a client whose class is not in a list of its own: this one is equal to one."""

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is PrefectEventsClient

    __hash__ = ABCMeta.__hash__


class LastingEvents(PrefectEventsClient, metaclass=_LikePrefects):
    """Prefect's own, which sends more of it again, and makes sure of the rest before it ends."""

    _sent = 0
    _has_connected = False

    async def _checkpoint(self) -> None:
        self._sent += 1
        if self._sent >= self._checkpoint_every:
            self._sent = 0
            await self._force_checkpoint()

    async def _force_checkpoint(self) -> None:
        before = list(self._unconfirmed_events)
        await super()._force_checkpoint()
        self._unconfirmed_events = [*_young(before), *self._unconfirmed_events]

    async def _reconnect(self) -> None:
        # What looks after it every half minute would reconnect too: two at once log in twice, on one line.
        if asyncio.current_task() is not self._checkpoint_task:
            self._stop_checkpoint_task()
        await super()._reconnect()
        self._has_connected = True

    async def __aenter__(self) -> LastingEvents:
        try:
            await super().__aenter__()
        except Exception:  # noqa: BLE001  # Prefect's own gives all up that is waiting; each event tries again
            self._start_checkpoint_task()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        with suppress(Exception), anyio.fail_after(_LAST_SECONDS):
            while not await self._is_sure():  # noqa: ASYNC110  # the network tells nobody
                await asyncio.sleep(_PAUSE)
        await super().__aexit__(*exc_info)

    async def _is_sure(self) -> bool:
        """Whether the server has all; raises where there is none."""
        if not self._unconfirmed_events:
            return True
        try:
            if self._websocket is not None:
                with suppress(Exception):  # it was cut, and nobody has seen it
                    await self._force_checkpoint()
                    return True
            await self._reconnect()
            await self._force_checkpoint()
        except ConnectionRefusedError:
            raise
        except Exception:  # noqa: BLE001  # whatever the line makes of it: it may be there again soon
            return not self._has_connected  # or it never was, and nobody waits
        return True


def _young(events: Iterable[Event]) -> list[Event]:
    since = datetime.now(timezone.utc) - _WRITTEN_AFTER
    return [event for event in events if event.occurred > since]


def send_lasting_events() -> None:
    """From now on, in this process, unless somebody has chosen another client, or events go to Prefect Cloud
    or to a server that Prefect starts for this process alone.
    """
    is_chosen = EventsWorker._client_override is not None or emit_events_to_cloud()
    if PREFECT_API_URL.value() and not is_chosen:
        EventsWorker.set_client_override(LastingEvents)
