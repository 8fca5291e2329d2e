"""One flow run starts at a time on an embedded server: SQLite takes no more.

Started side by side, flow runs make the server answer 503, which Prefect's client answers with waits of
2, 4, 8 seconds; one after another they start several times as fast.
"""

from __future__ import annotations

import fcntl
import os

from leadagent_prefect.embedded.api import PrefectApi
from leadagent_prefect.embedded.home import ServerHome


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

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
