"""What this process knows of the services that its runs call, and where it asks the Prefect API about them.

One board serves all runs of a process that use the same API. It has a thread and a loop of its own, so that
neither a run whose agent blocks its loop nor the end of a run holds up what others wait for; it ends with the
last run that uses it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar
from uuid import uuid4

import anyio
import httpx
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.context import SettingsContext
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

from leadagent_prefect.engine.shared import variables
from leadagent_prefect.engine.shared.bell import Bell
from leadagent_prefect.engine.shared.clock import SharedClock
from leadagent_prefect.engine.shared.record import Form, Record

T = TypeVar("T")
_log = logging.getLogger(__name__)

#: What all names of records begin with.
PREFIX = "leadagent-"
#: Seconds that one request may take before the API counts as away.
_PATIENCE_SECONDS = 5.0
#: Answers of a server that is busy, and seconds until it is asked again, for the first time.
_BUSY, _AGAIN_SECONDS = frozenset({408, 429, 502, 503, 504}), 0.05
#: Seconds between two looks at what other processes have written: usually, and while something is wrong.
_CALM, _ALERT = 1.0, 0.4
#: Seconds for what is still to be written when the last run has ended.
_FAREWELL_SECONDS = 5.0


class _BusyError(Exception):
    """The server has no time at this moment."""


class Board:
    """Coroutines run on the board's loop: `ask` is how runs have them run.

    ``watched`` are the names of records that are looked at again and again, as circuits are; ``chores`` are
    called before every look, and ``told`` whenever a record was written.
    """

    def __init__(self, settings: SettingsContext) -> None:
        self.clock = SharedClock()
        self.away = False
        self.users = 0
        self.watched: set[str] = set()
        self.chores: list[Callable[[], Awaitable[None]]] = []
        self.records: dict[str, Record[Any]] = {}
        self.told: Callable[[Record[Any]], Coroutine[Any, Any, None]] = _nobody
        self._settings = settings
        self._ready = threading.Event()
        self._bell = Bell(settings.settings)
        self._heard = self._bell.rung_at()
        self._read_at = 0.0
        self._reading: asyncio.Task[None] | None = None
        self._asides: set[asyncio.Future[Any]] = set()
        self._thread = threading.Thread(target=self._live, name="leadagent-board", daemon=True)

    # --- from any thread ----------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Ends it, once what is to be written is written or its time is over."""
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, which runs on the board's loop; cancelled with it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def rung(self) -> bool:
        """Has another process of this machine written since what is known here was read?"""
        return self._bell.rung_at() != self._heard

    # --- on its own loop ----------------------------------------------------------------------------

    def record(self, name: str, form: Form[T]) -> Record[T]:
        """The record ``name``, as yet unread where nobody has asked for it before."""
        if name not in self.records:
            self.records[name] = Record(name, form, self, self._wrote)
            self._read_at = 0.0
        return self.records[name]

    async def fresh(self, seconds: float) -> None:
        """What is known is at most ``seconds`` old from now on, and has what this machine has written; unless
        the API is away.
        """
        if not self.away and (self.rung() or time.monotonic() - self._read_at > seconds):
            joined = self._reading is not None
            await self.refresh()
            if joined and self.rung():  # what was being read already may have been read too early
                await self.refresh()

    async def refresh(self) -> None:
        """Reads all records anew; never raises."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        await asyncio.shield(self._reading)

    async def write(self, name: str, number: int, data: Mapping[str, Any]) -> bool:
        author = uuid4().hex
        won, old = await self.request(lambda client: variables.write(client, name, number, data, author))
        if old:
            self.aside(self.request(lambda client: variables.delete(client, old)))
        return won

    async def request(self, ask: Callable[[PrefectClient], Awaitable[T]]) -> T:
        """What the API answers; any exception means that it does not, and is said once."""
        try:
            with anyio.fail_after(_PATIENCE_SECONDS):
                answer = await self._insist(ask)
        except Exception as error:
            if not self.away:
                _log.warning(
                    "the Prefect API does not answer (%s): circuit breakers and limits of agents hold within "
                    "this process until it does",
                    type(error).__name__,
                )
            self.away = True
            raise
        if self.away:
            _log.info("the Prefect API answers again: circuit breakers and limits are shared again")
        self.away = False
        return answer

    async def _insist(self, ask: Callable[[PrefectClient], Awaitable[T]]) -> T:
        """A server that is busy is asked again, soon: two writes at a time are enough for one on SQLite."""
        seconds = _AGAIN_SECONDS
        while True:
            try:
                return await ask(self._client)
            except httpx.ConnectError:  # nothing listens
                raise
            except (_BusyError, httpx.TransportError):  # a connection that was kept may have been closed
                pass
            await asyncio.sleep(seconds * random.uniform(0.5, 1.0))  # noqa: S311  # to meet others less often
            seconds = min(seconds * 2, 1.0)

    def aside(self, work: Coroutine[Any, Any, Any]) -> None:
        """Does ``work`` without anybody waiting for it; what it raises is of no use to anybody."""
        future = asyncio.ensure_future(work)
        self._asides.add(future)
        future.add_done_callback(self._asides.discard)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _live(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        hooks = {"event_hooks": {"request": [self._stamp], "response": [self._hear]}}
        settings = self._settings.settings.copy_with_update(updates={PREFECT_CLIENT_MAX_RETRIES: 0})
        with SettingsContext(profile=self._settings.profile, settings=settings):
            async with get_client(httpx_settings=hooks) as self._client:
                self._ready.set()
                looking = asyncio.ensure_future(self._look())
                await self._over.wait()
                looking.cancel()
                with anyio.move_on_after(_FAREWELL_SECONDS):
                    await self._settle()

    async def _stamp(self, request: httpx.Request) -> None:
        request.extensions["leadagent.began"] = time.monotonic()

    async def _hear(self, response: httpx.Response) -> None:
        took = time.monotonic() - response.request.extensions["leadagent.began"]
        self.clock.hear(response.headers.get("date"), took)
        if response.status_code in _BUSY:
            # Before Prefect's client sees it, which would sleep for seconds.
            raise _BusyError

    async def _look(self) -> None:
        while True:
            calm = all(self.records[name].view.healthy for name in self.watched)
            await asyncio.sleep(_CALM if calm else _ALERT)
            for chore in self.chores:
                await chore()
            if self.watched or self.away:  # whoever has seen it away asks no more by itself
                await self.refresh()

    async def _settle(self) -> None:
        for record in list(self.records.values()):
            await record.settle()
        while self._asides:
            await asyncio.wait(set(self._asides))

    async def _read(self) -> None:
        started, heard = time.monotonic(), self._bell.rung_at()
        try:
            versions = await self.request(lambda client: variables.read_all(client, PREFIX))
        except Exception:  # noqa: BLE001, S110  # it is away, and that is said
            pass
        else:
            self._read_at = started
            for name, record in self.records.items():
                record.take(versions.get(name, variables.Version()), started)
        finally:
            self._heard, self._reading = heard, None

    def _wrote(self, record: Record[Any]) -> None:
        if record.name in self.watched:
            self._bell.ring()
        self.aside(self.told(record))


async def _nobody(record: Record[Any]) -> None:
    """Wants to be told."""
