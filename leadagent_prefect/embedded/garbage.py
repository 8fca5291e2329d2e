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
#: After so many pauses all is looked through, which stops everything for a third of a second; before that,
#: only what was made since the last time, which takes a few milliseconds.
_PAUSES_BETWEEN_ALL = 24
_YOUNG, _ALL = 1, 2
#: So many objects, net, are made by a few requests; a server that has nothing to do makes fewer in a pause.
_FEW = 20_000


def collect_aside(
    pause: Callable[[float], bool], collect: Callable[[int], object] = gc.collect
) -> threading.Thread:
    """Collects every few seconds in a thread, until ``pause`` says that it is over; it is given the seconds.

    What is there by now is left alone from here on: modules and what they have made, which is most of it.
    ``collect`` is given the oldest generation that it is to look through, as `gc.collect`.
    """
    gc.collect()
    gc.freeze()
    gc.disable()

    def work() -> None:
        pauses = 0
        while not pause(_PAUSE):
            pauses += 1
            if pauses >= _PAUSES_BETWEEN_ALL:
                pauses = 0
                collect(_ALL)
            elif gc.get_count()[0] > _FEW:
                collect(_YOUNG)

    thread = threading.Thread(target=work, name="leadagent-garbage", daemon=True)
    thread.start()
    return thread
