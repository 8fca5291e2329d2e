"""How many task runs of one flow run there may be at a time: ``max_parallel_tasks`` over all its schedulers.

Steps with a body hold no slot, since what they wait for would need one.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """The slots of a flow run. Whoever asks first has the next one that comes free."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._asked: deque[asyncio.Future[None]] = deque()

    def ask(self) -> asyncio.Future[None]:
        """Done as soon as a slot is set aside for the asker; at once where one is free."""
        future = asyncio.get_running_loop().create_future()
        if self._free:
            self._free -= 1
            future.set_result(None)
        else:
            self._asked.append(future)
        return future

    def give_back(self) -> None:
        """A slot has come free."""
        while self._asked:
            future = self._asked.popleft()
            if not future.done():
                future.set_result(None)
                return
        self._free += 1

    def withdraw(self, future: asyncio.Future[None]) -> None:
        """What `ask` gave is needed no more."""
        if future.done():
            self.give_back()
        else:
            future.cancel()


class Turn:
    """Of one scheduler: the slot that it has asked for, for whatever it is to start next."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._asked: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> list[asyncio.Future[None]]:
        """To be waited for, where a slot is asked for and not had yet."""
        return [self._asked] if self._asked is not None and not self._asked.done() else []

    def come(self) -> bool:
        """Whether a slot is there to `take`; asks for one."""
        self._asked = self._asked or self._slots.ask()
        return self._asked.done()

    def take(self) -> None:
        """Something starts in the slot that is there; whoever ends it gives it back."""
        self._asked = None

    def pass_on(self) -> None:
        """There is nothing to start now."""
        if self._asked is not None:
            self._slots.withdraw(self._asked)
            self._asked = None
