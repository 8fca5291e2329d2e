"""Two flow runs start at a time on an embedded server: with more the requests of others wait too long.

A start is a dozen requests to one process, whose transactions take turns (`embedded.writing`). Whoever hands
runs in goes first: while they come, starts hold back. benchmarks/rest_load.py has what it comes to.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from contextlib import suppress
from pathlib import Path

from leadagent_prefect.embedded.api import PrefectApi
from leadagent_prefect.embedded.home import ServerHome

#: Seconds that have passed since the last run was handed in when one may start.
_QUIET = 0.2
#: And that it waits for that at most, in each place: while runs are handed in hardly more than one starts at
#: a time.
_AT_MOST = (1.0, 5.0)
_turns = itertools.count(os.getpid())


class Admission:
    """The place of a run that is about to start, over all processes of a ``PREFECT_HOME``.

    `enter` waits for it and blocks the thread meanwhile; `close` gives it up and may be called twice. A
    process that dies gives it up too. With a configured Prefect API there is nothing to wait for.
    """

    def __init__(self, api: PrefectApi) -> None:
        self._folder = ServerHome.current().folder if api.embedded else None
        self._file: int | None = None

    def enter(self) -> None:
        if self._folder is not None:
            self._file, at_most = self._place(self._folder)
            until = time.monotonic() + at_most
            while self._are_handed_in(self._folder) and time.monotonic() < until:
                time.sleep(_QUIET / 10)

    def _place(self, folder: Path) -> tuple[int, float]:
        """A place that is free, or becomes free: its file, locked, and the seconds to wait in it."""
        names = [f"starting-{n}" for n in range(len(_AT_MOST))]
        files = [os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for name in names]
        for file in files:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
        else:
            file = files[next(_turns) % len(files)]
            fcntl.flock(file, fcntl.LOCK_EX)
        for other in files:
            if other != file:
                os.close(other)
        return file, _AT_MOST[files.index(file)]

    def _are_handed_in(self, folder: Path) -> bool:
        try:
            return time.time() - (folder / "handed-in").stat().st_mtime < _QUIET
        except FileNotFoundError:
            return False

    def hand_in(self) -> None:
        """A run is handed in now."""
        if self._folder is not None:
            (self._folder / "handed-in").touch(0o600)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
