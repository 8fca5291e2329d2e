"""The time that processes share: that of the Prefect server, as far as it can be seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

#: Seconds by which this machine's clock may differ before the server's is believed, whose answers tell it in
#: whole seconds only.
_TOLERATED = 2.0


class SharedClock:
    """Seconds since the epoch. It never goes back when this machine's clock is set, and follows the server's
    where the two are far apart.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def now(self) -> float:
        return self._monotonic() + self._offset

    def hear(self, date: str | None, took: float = 0.0) -> None:
        """The server has answered with this ``Date`` header, within ``took`` seconds: so old it may be."""
        try:
            told = parsedate_to_datetime(date or "").timestamp() + 0.5
        except (TypeError, ValueError):
            return
        if abs(told - self.now()) > _TOLERATED + took:
            self._offset = told - self._monotonic()
