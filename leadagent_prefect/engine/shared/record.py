"""A record as one process sees it, and the changes that it wants to make to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from leadagent_prefect.engine.shared.variables import Version

S = TypeVar("S")
_log = logging.getLogger(__name__)

#: So often another process may be first, one after the other, until this one goes on alone.
_TRIES = 50


class Store(Protocol):
    """Where records are kept. Both raise an exception where it can't be reached."""

    away: bool

    async def write(self, name: str, number: int, data: Mapping[str, Any]) -> bool: ...
    async def refresh(self) -> None: ...


@dataclass(frozen=True)
class Form(Generic[S]):
    """How a state is written, and read again; ``read`` raises ValueError for what is none."""

    start: S
    write: Callable[[S], Mapping[str, Any]]
    read: Callable[[Any], S]


@dataclass(frozen=True)
class Changed(Generic[S]):
    """What a change has made of the state, and the decision that came with it."""

    before: S
    after: S
    decision: Any


def _new_future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


@dataclass
class _Change(Generic[S]):
    decide: Callable[[S], tuple[S, Any]]
    done: asyncio.Future[Changed[S]] = field(default_factory=_new_future)


class Record(Generic[S]):
    """``view`` is what this process goes by: what is known to be shared, and its own changes to that, which
    may still have to be written. It may be read from any thread; all else is for the loop of its board.
    """

    def __init__(self, name: str, form: Form[S], store: Store, written: Callable[[Record[S]], None]) -> None:
        self.name, self.number = name, 0
        self.known = self.view = form.start
        self._form, self._store, self._written = form, store, written
        self._pending: list[_Change[S]] = []
        self._worker: asyncio.Task[None] | None = None
        self._wrote_at = 0.0
        self._writing = self._alone = self._complained = False

    async def change(self, decide: Callable[[S], tuple[S, Any]]) -> Changed[S]:
        """Changes the state as ``decide`` says, which gives the new one and what else it decided, and may be
        asked several times: each time another process was first.
        """
        change = _Change(decide)
        self._pending.append(change)
        self._show()
        if self._worker is None:
            self._worker = asyncio.ensure_future(self._work())
        # The change is made even if nobody waits for it any more.
        return await asyncio.shield(change.done)

    async def settle(self) -> None:
        """Waits until every change is made."""
        if self._worker is not None:
            await asyncio.wait({self._worker})

    def take(self, version: Version, read_at: float) -> None:
        """The store has ``version``, as it was at ``read_at`` (monotonic) or later."""
        if read_at < self._wrote_at or self._writing:
            return
        if version.number != self.number:
            self.known, self.number, self._alone = self._read(version), version.number, False
            self._show()
        elif self._alone and self._worker is None:
            # What this process decided while the store was away, and nobody else has.
            self._worker = asyncio.ensure_future(self._work())

    def _read(self, version: Version) -> S:
        try:
            return self._form.start if version.number == 0 else self._form.read(version.data)
        except ValueError:
            if not self._complained:
                _log.warning(
                    "%s can't be read, and is left out of account until it is written anew", self.name
                )
            self._complained = True
            return self.known

    async def _work(self) -> None:
        tries = 0
        while self._pending or self._alone:
            batch = list(self._pending)
            steps = _fold(batch, self.known)
            state = steps[-1].after if steps else self.known
            if state == self.known and not self._alone:
                self._settle(batch, steps, state, self.number)
            elif self._store.away or tries == _TRIES:
                self._alone = True
                self._settle(batch, steps, state, self.number)
                break
            elif await self._write(self.number + 1, state):
                self._wrote_at, self._alone = time.monotonic(), False
                self._settle(batch, steps, state, self.number + 1)
                self._written(self)
            else:
                tries += 1
        self._worker = None

    def _settle(self, batch: list[_Change[S]], steps: list[Changed[S]], state: S, number: int) -> None:
        self.known, self.number = state, number
        del self._pending[: len(batch)]
        for change, step in zip(batch, steps, strict=True):
            change.done.set_result(step)
        self._show()

    async def _write(self, number: int, state: S) -> bool:
        """Was it written? If not, what is known is new, or the store is away."""
        self._writing = True
        try:
            won = await self._store.write(self.name, number, self._form.write(state))
        except Exception:  # noqa: BLE001  # the store knows that it is away, and says so
            return False
        finally:
            self._writing = False
        if not won:
            await self._store.refresh()
        return won

    def _show(self) -> None:
        steps = _fold(self._pending, self.known)
        self.view = steps[-1].after if steps else self.known


def _fold(changes: list[_Change[S]], state: S) -> list[Changed[S]]:
    steps: list[Changed[S]] = []
    for change in changes:
        after, decision = change.decide(state)
        steps.append(Changed(state, after, decision))
        state = after
    return steps
