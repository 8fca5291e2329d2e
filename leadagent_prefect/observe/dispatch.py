"""Delivery of events: each observer in a thread of its own, so that one that raises or hangs harms nobody."""

from __future__ import annotations

import asyncio
import inspect
import logging
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from leadagent_prefect.observe.events import Event

_log = logging.getLogger(__name__)

#: Seconds that the end of a run waits for an observer that is behind.
DRAIN_SECONDS = 5.0


class UpdateObserver(Protocol):
    """The other form of an observer: an object with ``update``, sync or async."""

    def update(self, subject: Any, event_type: str, data: Any) -> Any: ...


#: What may be attached: a callable (sync or async) that takes one `Event`, or an object with ``update``.
AnyObserver = Callable[[Event], Any] | UpdateObserver


class Observer:
    """A base to derive from: override `update`, sync or async."""

    def update(self, subject: Any, event_type: str, data: Event) -> Any:
        """Called once for each event, in order; ``subject`` is the LeadAgent."""


class Dispatcher:
    """Hands every event to every observer, in order, off the run's own thread.

    Async observers run on ``loop`` (the caller's) where one is given and running, otherwise on a loop of
    the observer's thread. ``subject`` is what `UpdateObserver.update` gets as its subject.
    """

    def __init__(
        self,
        observers: Iterable[AnyObserver],
        subject: Any = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._lanes = [_Lane(observer, subject, loop) for observer in observers]

    def __call__(self, event: Event) -> None:
        for lane in self._lanes:
            lane.events.put(event)

    def close(self) -> None:
        """Waits, for a bounded time, until every observer has seen every event."""
        for lane in self._lanes:
            lane.events.put(None)
        for lane in self._lanes:
            lane.thread.join(DRAIN_SECONDS)
            if lane.thread.is_alive():
                _log.warning("observer %s hangs and is left behind", lane.name)


class _Lane:
    """One observer, its queue and its thread."""

    def __init__(self, observer: AnyObserver, subject: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self.name = getattr(observer, "__name__", type(observer).__name__)
        self.events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._observer, self._subject, self._loop = observer, subject, loop
        self.thread = threading.Thread(target=self._run, name=f"leadagent-observer-{self.name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (event := self.events.get()) is not None:
            try:
                answer = self._deliver(event)
                if inspect.isawaitable(answer):
                    self._await(answer)
            except Exception:  # noqa: BLE001  # an observer that raises must not change a run
                _log.warning("observer %s failed on %s", self.name, event.type, exc_info=True)

    def _deliver(self, event: Event) -> Any:
        update = getattr(self._observer, "update", None)
        if update is not None:
            return update(self._subject, event.type, event)
        return self._observer(event)  # type: ignore[operator]  # one of the two forms it may have

    def _await(self, answer: Any) -> None:
        async def settle() -> None:
            await answer

        if self._loop is not None and self._loop.is_running():
            asyncio.run_coroutine_threadsafe(settle(), self._loop).result()
        else:
            asyncio.run(settle())
