"""Code that holds up an event loop: an agent's `execute` that blocks, which no timeout can end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import sysconfig
import threading
import time
from types import CodeType, FrameType

from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger

#: The code below which an agent's own begins, and what its frame has the call under.
_BELOW: set[CodeType] = set()
#: Where code lies that is nobody's here to mend.
_FOREIGN = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def begins_below(code: CodeType) -> None:
    """Agents are called by this function, whose argument ``call`` is the `StepCall`."""
    _BELOW.add(code)


class Loop:
    """The running loop, looked at from another thread: has it turned since the last look?"""

    def __init__(self) -> None:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._asked_at: float | None = None
        self._told = False

    def look(self, run: FlowRun) -> None:
        """Says in the run's log, once, what holds the loop up, where that has passed its timeout."""
        if self._asked_at is None:
            self._asked_at, self._told = time.monotonic(), False
            with contextlib.suppress(RuntimeError):  # it has just been closed
                self._loop.call_soon_threadsafe(self._turned)
            return
        stood = time.monotonic() - self._asked_at
        if not self._told and (found := culprit(self._thread)) is not None and stood > found[2]:
            self._told = True
            name, place, timeout = found
            flow_run_logger(run).warning(
                'task "%s" has held up the event loop for %.1f s, past its timeout of %g s, at %s: '
                "nothing else of this run goes on meanwhile. Blocking code belongs into a thread: write "
                "`def execute` instead of `async def execute`, or await asyncio.to_thread(...)",
                *(name, stood, timeout, place),
            )

    def _turned(self) -> None:
        self._asked_at = None


def culprit(thread: int) -> tuple[str, str, float] | None:
    """The task whose agent a thread is in, where in the user's own code it is, and its timeout."""
    frame: FrameType | None = sys._current_frames().get(thread)
    stack: list[FrameType] = []
    while frame is not None and frame.f_code not in _BELOW:
        stack.append(frame)
        frame = frame.f_back
    if frame is None or not stack:
        return None
    call = frame.f_locals["call"]
    own = (one for one in stack if not one.f_code.co_filename.startswith(_FOREIGN))
    inner = next(own, stack[-1])
    timeout = call.step.timeout or call.step.request_timeout
    return call.name, f"{inner.f_code.co_filename}:{inner.f_lineno}", timeout
