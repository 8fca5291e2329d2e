"""When the embedded server ends by itself."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from leadagent_prefect.embedded.activity import Activity
from leadagent_prefect.errors import PrefectUnavailable

IDLE_VARIABLE = "LEADAGENT_SERVER_IDLE_SECONDS"
IDLE_DEFAULT = 1800.0
LOG_LIMIT = 5 * 1024 * 1024
_TICK = 5.0


class Stoppable(Protocol):
    """What is needed of a ``uvicorn.Server``."""

    started: bool
    should_exit: bool


def idle_limit() -> float:
    """Seconds without a request after which the server ends; 0 in the environment means never."""
    text = os.environ.get(IDLE_VARIABLE) or str(IDLE_DEFAULT)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise PrefectUnavailable(f"{IDLE_VARIABLE} is {text!r}, which is no number of seconds; 0 means never")
    return seconds or math.inf


async def watch(
    server: Stoppable, activity: Activity, *, limit: float, is_ours: Callable[[], bool], log: Path
) -> None:
    """Asks ``server`` to stop once it is idle for ``limit`` seconds, or its files are no longer its own.

    Returns when it is to stop, whoever asked.
    """
    activity.touch()
    while not server.should_exit:
        await asyncio.sleep(min(_TICK, limit / 4))
        if not server.started:
            activity.touch()
        if activity.idle_seconds() >= limit or not is_ours():
            server.should_exit = True
        trim(log)


def end_anyway(seconds: float = 20.0) -> threading.Timer:
    """Cuts off a stop that hangs: it would keep the lock, and so keep every later run from a server."""
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()
    return timer


def trim(log: Path, limit: int = LOG_LIMIT) -> None:
    """Empties a log that has grown past ``limit`` bytes; who writes to it appends."""
    try:
        if log.stat().st_size > limit:
            os.truncate(log, 0)
    except FileNotFoundError:
        return
