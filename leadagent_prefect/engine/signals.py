"""SIGTERM in a process that one of Prefect's own workers has started for a run."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from leadagent_prefect.engine.control import RunControl

#: Seconds for which such a run undoes what it did: its worker kills it 30 s after the signal.
_UNDO_SECONDS: Final = 25.0
_GIVEN_RUN: Final = "PREFECT__FLOW_RUN_ID"


@contextmanager
def on_sigterm(control: RunControl) -> Iterator[None]:
    """While open, SIGTERM cancels the run, which then undoes what it did; Prefect's own way would end it.

    Nothing is changed for a run that somebody else steers, and in a process that is not the run's alone.
    """
    alone = _GIVEN_RUN in os.environ and threading.current_thread() is threading.main_thread()
    if not (control.answers_signals and alone):
        yield
        return
    control.undo_seconds = min(control.undo_seconds, _UNDO_SECONDS)
    previous = signal.signal(
        signal.SIGTERM, lambda *_: control.token.request("cancelled", "the run was cancelled")
    )
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
