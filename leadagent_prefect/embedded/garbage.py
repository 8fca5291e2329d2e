"""Cyclic garbage of the server, collected beside its loop and never in it.

Freeing a cursor of SQLite waits for its connection. Where that is itself waiting for the database (60 s at
most), a collection in the loop's thread stops the loop, and with it whoever holds the database: ten flow runs
at once do that to a Prefect server on two busy cores. In a thread of its own it only waits.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

_PAUSE = 5.0


def collect_aside(
    pause: Callable[[float], bool], collect: Callable[[], object] = gc.collect
) -> threading.Thread:
    """Collects every few seconds in a thread, until ``pause`` says that it is over; it is given the seconds.

    What is there by now is left alone from here on: modules and what they have made, which is most of it.
    """
    gc.collect()
    gc.freeze()
    gc.disable()

    def work() -> None:
        while not pause(_PAUSE):
            collect()

    thread = threading.Thread(target=work, name="leadagent-garbage", daemon=True)
    thread.start()
    return thread
