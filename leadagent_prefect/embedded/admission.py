"""One flow run starts at a time on an embedded server: side by side they are no faster.

A start is a dozen requests to one process, whose transactions take turns (`embedded.writing`). Whoever hands
runs in goes first: while they come, starts hold back.
"""

from __future__ import annotations

import fcntl
import os
import time

from leadagent_prefect.embedded.api import PrefectApi
from leadagent_prefect.embedded.home import ServerHome

#: Seconds that have passed since the last run was handed in when one may start, and that it waits at most.
_QUIET, _AT_MOST = 0.2, 1.0


class Admission:
    """The place of a run that is about to start, over all processes of a ``PREFECT_HOME``.

    `enter` waits for it and blocks the thread meanwhile; `close` gives it up and may be called twice. A
    process that dies gives it up too. With a configured Prefect API there is nothing to wait for.
    """

    def __init__(self, api: PrefectApi) -> None:
        self._path = ServerHome.current().folder / "starting" if api.embedded else None
        self._file: int | None = None

    def enter(self) -> None:
        if self._path is not None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            until = time.monotonic() + _AT_MOST
            while time.time() - os.fstat(self._file).st_mtime < _QUIET and time.monotonic() < until:
                time.sleep(_QUIET / 10)

    def hand_in(self) -> None:
        """A run is handed in now."""
        if self._path is not None:
            self._path.touch(0o600)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
