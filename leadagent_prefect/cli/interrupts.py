"""Ctrl-C, SIGTERM and SIGHUP while a run goes on: the first cancels it, the second gives up on it.

While the run undoes what it did, or runs the tasks at its end, the second ends that, so that the run ends
in order, and the third gives up.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leadagent_prefect.lead_agent import RunHandle

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _GivenUp(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupts:
    """Within the context, in the main thread, signals end the run and not the process.

    Before `wait` there is no run to cancel: a signal then raises KeyboardInterrupt or SystemExit. A second
    one during `wait` ends the process where the context is left, so that what is within it can put the
    terminal right: neither Prefect's senders nor a call that does not end are waited for.
    """

    def __init__(self) -> None:
        # SimpleQueue.put may be called where a signal interrupted anything; most else may not.
        self._inbox: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._waiting = False
        self._previous: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self.number: int | None = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if isinstance(error, _GivenUp):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(128 + error.number)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._waiting:
            self._inbox.put(number)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)

    def wait(self, handle: RunHandle, say: Callable[[str], None]) -> None:
        """Until the run has ended; ``number`` is then the signal that ended it, if one did."""
        self._waiting = True
        undoing = True
        handle.future.add_done_callback(lambda _: self._inbox.put(None))
        while (number := self._inbox.get()) is not None:
            name = signal.Signals(number).name
            if self.number is None:
                self.number = number
                say(f"{name}: cancelling the run; once more gives up at once")
            elif undoing and handle.is_undoing():
                undoing = False
                say(f"{name} again: nothing more is undone or cleaned up; once more gives up at once")
            else:
                say(f"{name} again: giving up; the run may go on where it called a service")
                raise _GivenUp(number)
            handle.cancel(f"interrupted by {name}")
