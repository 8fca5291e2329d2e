"""The worker's side of the fork server: starts it, asks it for forks, hears of their end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from leadagent_prefect.worker.job import Job, Lines, line

_CHUNK = 65_536
#: Seconds for the imports of the fork server.
START_LIMIT = 120.0


class ForkServerLost(Exception):
    """The fork server ended, and every run with it."""


class Fork:
    """A run's process. ``ended`` gives its exit code, negative for a signal."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()


class Launcher:
    """One fork server at a time; one that was killed is followed by another at the next run."""

    def __init__(self) -> None:
        self._environment: dict[str, str] = {}
        self._forks: dict[str, Fork] = {}
        self._ready: asyncio.Task[asyncio.StreamWriter] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    def open(self, environment: Mapping[str, str]) -> None:
        """Begins to start the fork server with these variables; the first run waits until it is ready."""
        self._environment = dict(environment)
        self._ready = asyncio.ensure_future(self._start())

    async def fork(self, job: Job) -> tuple[int, Fork]:
        """The process id of a new run, and what to wait for."""
        if self._ready is None:
            self.open(self._environment)
        assert self._ready is not None
        self._writer = await asyncio.shield(self._ready)
        fork = self._forks[job.flow_run_id] = Fork()
        self._writer.write(line(id=job.flow_run_id, job=job.as_data()))
        return await fork.started, fork

    def signal(self, flow_run_id: str, number: signal.Signals, *, spares: bool = False) -> None:
        """Sends a signal to a run that lives; SIGKILL goes to its whole process group. One that ``spares`` is
        not sent to a run that has begun to undo what it did.
        """
        if self._writer is not None and flow_run_id in self._forks:
            self._writer.write(line(id=flow_run_id, signal=int(number), spares=spares))

    async def close(self) -> None:
        """Ends the fork server, and with it what still runs."""
        ready, self._ready = self._ready, None
        if ready is None:
            return
        with contextlib.suppress(ForkServerLost):
            (await ready).close()
        await asyncio.wait({ready, *filter(None, [self._reading])})

    async def _start(self) -> asyncio.StreamWriter:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "leadagent_prefect.worker.forkserver", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                env=self._environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.ensure_future(self._read(reader, writer, ready))
        await asyncio.wait_for(ready, START_LIMIT)
        return writer

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ready: asyncio.Future[None]
    ) -> None:
        lines = Lines()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                for message in lines.feed(data):
                    if "ready" in message:
                        ready.set_result(None)
                    elif "pid" in message:
                        self._forks[message["id"]].started.set_result(message["pid"])
                    else:
                        self._forks.pop(message["id"]).ended.set_result(message["code"])
        writer.close()
        assert self._process is not None  # whose end this is
        await self._process.wait()
        self._lose(ready)

    def _lose(self, ready: asyncio.Future[None]) -> None:
        """What still waits learns that nothing comes any more."""
        self._ready = None
        lost = ForkServerLost("the process that runs are forked from has ended")
        forks, self._forks = self._forks, {}
        waiting: list[asyncio.Future[Any]] = [
            ready,
            *(future for fork in forks.values() for future in (fork.started, fork.ended)),
        ]
        for future in waiting:
            if not future.done():
                future.set_exception(lost)
                future.exception()  # one that nobody waits for is no mistake
