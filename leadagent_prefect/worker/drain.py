"""The end of a worker: it takes nothing new, lets runs end for a while, then ends them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

from leadagent_prefect.worker.runs import Runs


class Drain:
    """What the worker is busy with, and the order in which it is brought to an end."""

    def __init__(self, runs: Runs, seconds: float, say: Callable[[str], None]) -> None:
        self._runs, self._seconds, self._say = runs, seconds, say
        self._busy = 0
        self._idle, self._hurry = asyncio.Event(), asyncio.Event()
        self._idle.set()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """From the moment a run is taken until what it came to is recorded."""
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    def hurry(self) -> None:
        """Asked once more: first to wait no longer, then to kill."""
        if self._hurry.is_set():
            self._runs.kill_all()
        self._hurry.set()

    def _left(self) -> str:
        count = len(self._runs.ids)
        return f"{count} run" if count == 1 else f"{count} runs"

    async def finish(self) -> None:
        """Returns when no run is left."""
        if self._idle.is_set():
            return
        self._say(f"Waiting up to {self._seconds:g} s for {self._left()} to end ...")
        ended, hurried = asyncio.ensure_future(self._idle.wait()), asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait({ended, hurried}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not ended.done():
            self._hurry.set()
            self._say(f"Cancelling {self._left()} ...")
            self._runs.cancel_all()
        await ended


@contextlib.contextmanager
def on_signals(act: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call ``act`` in the running loop, instead of whatever they did before."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    previous = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number, handler in previous.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
