"""How a run stops: one token, raced against by all that waits."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Literal

StopKind = Literal["cancelled", "failed", "timeout", "finished"]


#: The message of the state that a run which is being cancelled is cancelled with once more.
ONCE_MORE = "Cancelled once more."


@dataclass(frozen=True)
class Stop:
    """Why a run starts nothing more: it was cancelled, a task failed, its time is over, or a task said so.

    The last one, ``finished``, lets run what runs, so no token is set for it.
    """

    kind: StopKind
    reason: str


class StopToken:
    """Set once; bound to the loop of its run. `request` may be called from any thread, and before the run.

    ``asked`` and ``insisted`` tell of the first and of the second request from outside; ``asked_at`` is the
    loop's time of the first.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._future: asyncio.Future[Stop] | None = None
        self._requests: list[Stop] = []
        self._heard: Counter[str] = Counter()
        # A signal may come while it is held by the thread that answers signals.
        self._lock = threading.RLock()
        self._parent: StopToken | None = None
        self._cuts = False
        self.asked, self.insisted = asyncio.Event(), asyncio.Event()
        self._asked_at: list[float] = []

    def bind(self) -> None:
        """Ties the token to the running loop; called by the run before anything waits."""
        loop = asyncio.get_running_loop()
        self._future = loop.create_future()
        self._loop = loop
        self._take_requests()

    @property
    def future(self) -> asyncio.Future[Stop]:
        """Done as soon as the run is to stop; race against it, never cancel it."""
        if self._future is None:
            raise RuntimeError("the stop token is bound to no run yet")
        return self._future

    @property
    def stop(self) -> Stop | None:
        return self._future.result() if self._future is not None and self._future.done() else None

    @property
    def asked_at(self) -> float:
        return self._asked_at[0]

    def child(self, *, cuts: bool = False) -> StopToken:
        """A token that is set with this one, and may be set before: of a part of the run. See `release`.

        One that ``cuts`` is of a body: what stops the run around it is no failure of its own.
        """
        child = StopToken()
        child.bind()
        child._parent, child._cuts = self, cuts
        child.asked, child.insisted, child._asked_at = self.asked, self.insisted, self._asked_at
        self.future.add_done_callback(child._follow)
        return child

    def afterwards(self) -> StopToken:
        """A token of what runs once this one may be set already; both hear of the same requests."""
        token = StopToken()
        token.bind()
        token.asked, token.insisted, token._asked_at = self.asked, self.insisted, self._asked_at
        return token

    def release(self) -> None:
        """The part of the run that a `child` was made for has ended."""
        assert self._parent is not None  # it is a child
        self._parent.future.remove_done_callback(self._follow)

    def _follow(self, parent: asyncio.Future[Stop]) -> None:
        stop = parent.result()
        self.set(Stop("cancelled", stop.reason) if self._cuts else stop)

    def request(self, kind: StopKind, reason: str, *, source: str = "here") -> None:
        """Asks the run to stop; the first request gives the reason, and one after its end does nothing.

        Who cancels a run once may be heard from two sides, as a signal and as an event: what the one has told
        of is nothing new from another ``source``.
        """
        with self._lock:
            self._heard[source] += 1
            if self._heard[source] <= len(self._requests):
                return
            # Kept first, then handed to the loop: whichever of this and `bind` comes second sees the other.
            self._requests.append(Stop(kind, reason))
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take_requests)

    def _take_requests(self) -> None:
        for stop, event in zip(self._requests, (self.asked, self.insisted), strict=False):
            self.set(stop)
            self._asked_at.append(self.future.get_loop().time())
            event.set()

    def set(self, stop: Stop) -> None:
        """`request` from within the run's own loop, at once."""
        if not self.future.done():
            self.future.set_result(stop)
