"""Waiting for what another process or thread does, and tells nobody of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = 180.0, what: Callable[[], str] = lambda: "it") -> T:
    """The first true answer, within ``seconds``; ``what`` says then what was waited for."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what()}"
        time.sleep(0.05)
    return found
