"""A Prefect server of a test's own, as leadagent starts one, that it may kill and start again on its port."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outside import environment, uncounted

from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.embedded.api import embedded_api
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.embedded.probe import ask, pulse
from leadagent_prefect.embedded.state import ServerRecord

#: Seconds for a start, on a machine that is busy.
_START_LIMIT = 120.0


@dataclass
class OwnServer:
    """``folder`` is its PREFECT_HOME."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Returns once it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "leadagent_prefect.embedded"],
            env=self.environment(PREFECT_UI_ENABLED="false"),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + _START_LIMIT
        while not self._answers():
            assert self.process.poll() is None, "the server has ended"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.1)

    def kill(self) -> None:
        """As a machine that loses its power."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def environment(self, **more: str) -> dict[str, str]:
        """That of a process which finds it by its PREFECT_HOME."""
        return uncounted(environment(self.folder, **more))

    @property
    def api(self) -> PrefectApi:
        home = ServerHome(self.folder)
        record = ServerRecord.read(home.state_file)
        assert record is not None
        return embedded_api(record.port, home.auth_string() or "")

    def ask(self, path: str, body: Any = None) -> Any:
        """The JSON of its answer; None where it does not answer."""
        return ask(self.api, path, body)

    def _answers(self) -> bool:
        record = ServerRecord.read(ServerHome(self.folder).state_file)
        assert self.process is not None
        if record is None or record.pid != self.process.pid:
            return False
        return pulse(record.port, touch=True) is not None


@contextlib.contextmanager
def own_server(folder: Path, like: Path) -> Iterator[OwnServer]:
    """One that runs. Its database is empty, and made after that of the PREFECT_HOME ``like``: Prefect's
    migrations take longer than all else.
    """
    folder.mkdir()
    empty_database(like / "prefect.db", folder / "prefect.db")
    server = OwnServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def empty_database(model: Path, made: Path) -> None:
    """Makes one with all the tables of another, and nothing in them."""
    with contextlib.closing(sqlite3.connect(f"file:{model}?mode=ro", uri=True)) as source:
        rows = source.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type != 'table'"
        )
        schema = [sql for name, sql in rows if not name.startswith("sqlite_")]
        versions = source.execute("SELECT version_num FROM alembic_version").fetchall()
    with contextlib.closing(sqlite3.connect(made)) as target:
        for sql in schema:
            target.execute(sql)
        target.executemany("INSERT INTO alembic_version VALUES (?)", versions)
        target.commit()
