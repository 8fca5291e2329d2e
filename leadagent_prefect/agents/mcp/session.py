"""One session with an MCP server, kept over many calls and opened again when it is lost.

The SDK's client must be left by the task that entered it, and a connection lost under streamable HTTP
cancels that task (python-sdk issue 3560). So each session is owned by a task of its own; calls run in
tasks beside it, and their callers only wait: they can be cancelled, or run out of time, and the session
does not notice.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import Context
from typing import Any, Protocol, TypeVar, cast

import anyio
from mcp import Client
from mcp_types import Implementation

from leadagent_prefect.agents.http_options import version_of
from leadagent_prefect.agents.mcp.exchange import Exchange, current_exchange
from leadagent_prefect.agents.mcp.failures import failure_of, out_of_touch
from leadagent_prefect.errors import AgentError, CallCancelled

T = TypeVar("T")

#: Seconds that leaving a session may take, beyond what ending a child process does.
_CLOSING = 5.0
_ENDED = "the run that this agent belongs to has ended"


class Wire(Protocol):
    """The transport of one session; see the modules ``http`` and ``stdio`` beside this one."""

    label: str
    ended: bool

    @property
    def talks_nonsense(self) -> bool: ...

    def transport(self) -> AbstractAsyncContextManager[Any]: ...

    def post_mortem(self) -> str: ...


class Session:
    """One connection, from its opening to its end. ``client`` is None until it is open."""

    def __init__(self, wire: Wire, opening: Exchange) -> None:
        self.wire = wire
        self.client: Client | None = None
        self.ended = False
        self._opening = opening
        self._cause: BaseException = TimeoutError()
        #: Set when it is open, and when it never will be.
        self._settled = asyncio.Event()
        self._leave = asyncio.Event()
        self._scope = anyio.CancelScope(deadline=opening.deadline)
        self._calls = 0
        self._retired = False
        self._preparing = asyncio.Lock()
        self._prepared = False
        # A context of its own: the session belongs to no call, and must not keep the first one's alive.
        self.task = Context().run(asyncio.create_task, self._own())

    @property
    def usable(self) -> bool:
        return not (self.ended or self.wire.ended or self._retired)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Around a call: a retired session is left when the last one is out."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            if self._retired and not self._calls:
                self.leave()

    def retire(self) -> None:
        """Take it for no further call. The calls in it hear from the server what became of them."""
        self._retired = True
        if not self._calls:
            self.leave()

    def leave(self) -> None:
        """Begin to end it, calls or not; `task` is done when it has ended."""
        self._retired = True
        self._leave.set()
        if self.client is None:
            self._scope.cancel()

    async def opened(self) -> Client:
        """The client, or the error for which there is none."""
        await self._settled.wait()
        if self.client is not None:
            return self.client
        if self._leave.is_set():
            raise CallCancelled(_ENDED)
        raise failure_of(self._cause, f"opening a session with {self.wire.label}", self._opening, self.wire)

    async def once(self, prepare: Callable[[Client], Awaitable[None]]) -> None:
        """Run ``prepare`` once a session; who comes meanwhile waits, and runs it in turn where it failed."""
        async with self._preparing:
            if self._prepared:
                return
            await prepare(await self.opened())
            self._prepared = True

    async def _own(self) -> None:
        current_exchange.set(self._opening)
        info = Implementation(name="leadagent", version=version_of("leadagent-prefect"))
        try:
            with self._scope:
                async with Client(self.wire.transport(), client_info=info, cache=None) as client:
                    self._scope.deadline = math.inf
                    self.client = client
                    self._settled.set()
                    await self._leave.wait()
                    self._scope.deadline = anyio.current_time() + _CLOSING
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is told to whoever waits for the session
            self._cause = exc
        finally:
            self.ended = True
            self._settled.set()


class SessionKeeper:
    """Gives every call the session there is, opening one where there is none. For one event loop."""

    def __init__(self, make_wire: Callable[[], Wire]) -> None:
        self._make_wire = make_wire
        self._session: Session | None = None
        self._owners: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def call(self, request: Callable[[Session], Awaitable[T]], exchange: Exchange, doing: str) -> T:
        """The answer to ``request`` by the exchange's deadline, or an `AgentError` opened by ``doing``."""
        task = asyncio.ensure_future(self._perform(request, exchange, doing))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        task.add_done_callback(_look_at)
        try:
            await asyncio.wait({task}, timeout=exchange.remaining())
        finally:
            # The SDK tells the server of a cancelled call, which may take its time: nobody waits for that.
            exchange.over = True
            if not task.done():
                task.cancel()
        if task.done():
            return task.result()
        raise self._late(doing, exchange.seconds)

    async def _perform(self, request: Callable[[Session], Awaitable[T]], exchange: Exchange, doing: str) -> T:
        current_exchange.set(exchange)
        while True:
            session = self._current(exchange)
            with session.in_use():
                await session.opened()
                try:
                    return await _unless_failed(request(session), exchange)
                except Exception as exc:
                    if out_of_touch(exc, exchange):
                        session.retire()
                    if exchange.renewed or not exchange.session_lost:
                        raise failure_of(exc, doing, exchange, session.wire) from exc
            # The server knows no such session, so it has done nothing: another one is asked.
            exchange.renew()

    def _late(self, doing: str, seconds: float) -> AgentError:
        # Made in the first step of the call's task, which no timeout comes before.
        session = cast("Session", self._session)
        if session.client is None:
            doing = f"opening a session with {session.wire.label}"
        return failure_of(TimeoutError(), doing, Exchange(seconds=seconds), session.wire)

    def _current(self, exchange: Exchange) -> Session:
        """No await between the look and the opening: so one caller opens, and all others find it."""
        if self._closed:
            raise CallCancelled(_ENDED)
        if self._session is None or not self._session.usable:
            if self._session is not None:
                self._session.retire()
            self._session = Session(
                self._make_wire(), Exchange(deadline=exchange.deadline, seconds=exchange.seconds)
            )
            self._owners.add(self._session.task)
            self._session.task.add_done_callback(self._owners.discard)
        return self._session

    async def close(self) -> None:
        """Ends the session and waits until nothing of it is left, even where the caller is cancelled."""
        self._closed = True
        if self._session is not None:
            self._session.leave()
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):
            while left := self._owners | self._calls:
                try:
                    await asyncio.wait(left)
                except asyncio.CancelledError as exc:
                    cancelled = exc
        if cancelled is not None:
            raise cancelled


async def _unless_failed(request: Awaitable[T], exchange: Exchange) -> T:
    """The request's answer; it is given up as soon as the transport knows that none will come."""
    with anyio.CancelScope() as scope:
        exchange.on_failure = scope.cancel
        return await request
    raise ConnectionError  # the exchange holds the cause


def _look_at(task: asyncio.Task[Any]) -> None:
    """asyncio complains of exceptions nobody looked at; a caller that is gone never will."""
    if not task.cancelled():
        task.exception()
