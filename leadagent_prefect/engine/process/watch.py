"""The thread that looks after the runs of a process: it tells Prefect that they live, hears that they are
cancelled, and sees where one holds up its event loop.

A thread, since a run that holds up its loop could do none of it. One for all runs, and begun late, since a
short run should not pay for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext, SettingsContext
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.settings import PREFECT_API_URL

from leadagent_prefect.engine.process.liveness import BEAT_SECONDS, Process, beat, labels_of_this_process
from leadagent_prefect.engine.process.standstill import Loop
from leadagent_prefect.engine.process.stop import ONCE_MORE, StopToken
from leadagent_prefect.naming import TAG

_log = logging.getLogger(__name__)

#: Seconds that a run goes on before anything is done for it.
_AFTER = 1.0
_TICK = 0.5
#: Seconds between two questions for cancelled runs: while events tell of them, and while none can.
_POLL, _POLL_ALONE = 8.0, 2.0
#: Seconds that a request may take: one that waits for an API that is away would hold up all others.
_PATIENCE = 10.0
_CANCELLING = "prefect.flow-run.Cancelling"


@dataclass
class Watched:
    """A run. ``named``: its flow run has the labels of its process. ``beat_at``: when it is to tell that it
    lives (monotonic). ``cancellings`` are the states Cancelling it was seen in: each asks it to end.
    """

    run: FlowRun
    token: StopToken
    named: bool
    beat_at: float
    loop: Loop = field(default_factory=Loop)
    cancellings: set[UUID] = field(default_factory=set)

    def cancelled(self, state: UUID, message: str | None) -> None:
        if state in self.cancellings:
            return
        # Of two that came before the first look, the second one alone is seen.
        times = 2 if message == ONCE_MORE and not self.cancellings else 1
        self.cancellings.add(state)
        for _ in range(times):
            self.token.request("cancelled", "the run was cancelled", source="Prefect")


class Watch:
    """Of the runs of this process on one API; its thread ends when none is left."""

    def __init__(self, settings: SettingsContext) -> None:
        # As they are: made anew they would be read from an environment that other threads may be changing.
        self._settings = SettingsContext(profile=settings.profile, settings=settings.settings)
        self._runs: dict[UUID, Watched] = {}
        self._over = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._hears = False

    def begin(self) -> None:
        work = contextvars.Context().run  # nothing of the run that happens to be the first
        threading.Thread(target=work, args=(self._work,), name="leadagent-watch", daemon=True).start()

    def add(self, watched: Watched) -> None:
        self._runs[watched.run.id] = watched

    def remove(self, watched: Watched) -> bool:
        """Whether it was the last one."""
        del self._runs[watched.run.id]
        if not self._runs:
            self._over.set()
            # Set before it is asked for, as `_attend` does it the other way round.
            if self._loop is not None:
                with contextlib.suppress(RuntimeError):  # its loop is closed: it has seen it by itself
                    self._loop.call_soon_threadsafe(self._wake)
        return not self._runs

    def _wake(self) -> None:
        assert self._stopped is not None  # made before the loop is known
        self._stopped.set_result(None)

    def _work(self) -> None:
        if not self._over.wait(_AFTER):
            with self._settings:
                asyncio.run(self._attend())

    async def _attend(self) -> None:
        loop = asyncio.get_running_loop()
        stopped = self._stopped = loop.create_future()
        self._loop = loop
        if self._over.is_set():
            return
        async with get_client() as client:
            works = (self._listen(stopped), self._ask(client, stopped), self._look(stopped))
            # None is cut short: a connection that is while it is made would not be closed.
            await asyncio.gather(*works)

    async def _listen(self, stopped: asyncio.Future[None]) -> None:
        """What is missed while there is no connection, `_ask` sees."""
        cancelling = EventFilter(event=EventNameFilter(name=[_CANCELLING]))
        while not stopped.done():
            with contextlib.suppress(Exception):
                async with get_events_subscriber(cancelling, 0) as events:
                    self._hears = True
                    await _either(self._heed(events), stopped)
            self._hears = False
            await asyncio.wait({stopped}, timeout=_POLL_ALONE)

    async def _heed(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            run = UUID(event.resource.id.removeprefix("prefect.flow-run."))
            if watched := self._runs.get(run):
                told = event.payload.get("validated_state") or {}
                watched.cancelled(event.id, told.get("message"))  # the event's id is that of the state

    async def _ask(self, client: PrefectClient, stopped: asyncio.Future[None]) -> None:
        ask_at = 0.0
        while not stopped.done():
            now = time.monotonic()
            if now >= ask_at:
                await _patiently(self._look_for_cancelled(client))
                ask_at = now + (_POLL if self._hears else _POLL_ALONE)
            for watched in list(self._runs.values()):
                if now >= watched.beat_at:
                    # At once where it fails: others may take a run for dead that was silent for long.
                    is_told = await _patiently(_beat(client, watched))
                    watched.beat_at = now + BEAT_SECONDS if is_told else now
            await asyncio.wait({stopped}, timeout=_TICK)

    async def _look_for_cancelled(self, client: PrefectClient) -> None:
        ids = [str(run) for run in list(self._runs)]
        wanted = {"id": {"any_": ids}, "state": {"type": {"any_": ["CANCELLING", "CANCELLED"]}}}
        for run in await client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted)):
            if run.state is not None and (watched := self._runs.get(run.id)):
                watched.cancelled(run.state.id, run.state.message)

    async def _look(self, stopped: asyncio.Future[None]) -> None:
        while not stopped.done():
            for watched in list(self._runs.values()):
                watched.loop.look(watched.run)
            await asyncio.wait({stopped}, timeout=_TICK)


async def _beat(client: PrefectClient, watched: Watched) -> None:
    labels = beat()
    if not watched.named:
        labels = labels_of_this_process((await client.read_flow_run(watched.run.id)).run_count)
    await client.update_flow_run_labels(watched.run.id, labels)
    watched.named = True
    if TAG not in watched.run.tags:  # of a deployment that was made by hand
        await client.update_flow_run(watched.run.id, tags=[*watched.run.tags, TAG])
        watched.run.tags.append(TAG)


async def _either(work: Coroutine[Any, Any, None], stopped: asyncio.Future[None]) -> None:
    """Until one of them has ended; ``work`` raises what it raises, and goes on no more."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _patiently(request: Awaitable[Any]) -> bool:
    """Whether it came to something. An API that is away is no error: there is a next time."""
    try:
        await asyncio.wait_for(request, _PATIENCE)
    except Exception as error:  # noqa: BLE001  # whatever the client makes of an API that is away
        _log.debug("The Prefect API does not answer: %s", error)
        return False
    return True


_lock = threading.Lock()
_watches: dict[str, Watch] = {}


@contextlib.contextmanager
def watched(token: StopToken) -> Iterator[None]:
    """While open, in the body of a flow, its run is looked after; ``token`` is asked to stop it."""
    context = FlowRunContext.get()
    assert context is not None  # this is the body of a flow,
    assert context.flow_run is not None  # which Prefect made a run for
    run = context.flow_run
    url, settings = PREFECT_API_URL.value(), SettingsContext.get()
    assert settings is not None  # Prefect has one everywhere
    if not url:  # a server that Prefect starts for this process alone
        yield
        return
    named = Process.of(run.labels) == Process.current()
    one = Watched(run, token, named, time.monotonic() + (BEAT_SECONDS if named else _AFTER))
    with _lock:
        watch = _watches.get(url)
        if watch is None:
            watch = _watches[url] = Watch(settings)
            watch.begin()
        watch.add(one)
    try:
        yield
    finally:
        with _lock:
            if watch.remove(one):
                del _watches[url]
