"""The process that every run is a fork of: everything imported, one thread, nothing done yet.

``python -m leadagent_prefect.worker.forkserver FD``, where FD is one end of a socket pair, whose other
end the worker holds. In come ``{"id", "job"}`` and ``{"id", "signal", "spares"}``; out go ``{"ready"}``,
``{"id", "pid"}`` and ``{"id", "code"}``, where the code is negative for a signal, as in `subprocess`. A
signal that spares is not sent to a run that has begun to undo what it did.

When the worker is gone, however it went, the socket says so: every run is told by `LOST_SIGNAL`, what has
not ended after `kill_seconds` is killed, and then this process ends. Should it be killed itself, the
kernel kills the runs with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import os
import select
import signal
import socket
import sys
import time
from typing import Any

from leadagent_prefect.worker import child
from leadagent_prefect.worker.job import HURRY_SIGNAL, LOST_SIGNAL, Job, Lines, line
from leadagent_prefect.worker.patience import kill_seconds

_PR_SET_PDEATHSIG = 1
_CHUNK = 65_536
_libc = ctypes.CDLL(None, use_errno=True)


class Undoing:
    """Whether a run has begun to undo what it did: said by its process, and read by the one that it is a fork
    of. It stays so, or a run would be killed while it records what it has undone.
    """

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def __bool__(self) -> bool:
        return self._shared[0] != 0

    def set(self) -> None:
        self._shared[0] = 1


class ForkServer:
    """Forks, signals and reaps. ``worker`` is the socket to the worker; in a fork, ``undoing`` is its own."""

    def __init__(self, worker: socket.socket) -> None:
        self._worker = worker
        self._lines = Lines()
        self._runs: dict[int, str] = {}  # process id -> flow run id
        self._undoing: dict[int, Undoing] = {}  # by process id too
        self.undoing = Undoing()
        self._deaths, self._on_death = os.pipe()

    def serve(self) -> Job | None:
        """The job of a fork, where this returns in one; None in the server itself, at its end."""
        self._watch_deaths()
        self._worker.sendall(line(ready=True))
        until: float | None = None  # set once the worker is gone
        while until is None or self._runs:
            for source in self._ready(until):
                if source == self._deaths:
                    self._reap()
                    continue
                data = self._worker.recv(_CHUNK)
                for message in self._lines.feed(data):
                    if job := self._obey(message):
                        return job
                if not data:
                    until = time.monotonic() + kill_seconds()
                    self._signal_all(LOST_SIGNAL)
            if until is not None and time.monotonic() >= until:
                self._signal_all(signal.SIGKILL)
        return None

    def _watch_deaths(self) -> None:
        for descriptor in (self._deaths, self._on_death):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._on_death, warn_on_full_buffer=False)
        # Ctrl-C and a signal to the whole group are the worker's to answer: it lets runs end.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _ready(self, until: float | None) -> list[int]:
        sources = [self._deaths] if until is not None else [self._deaths, self._worker.fileno()]
        left = None if until is None else max(0.0, until - time.monotonic()) + 0.01
        ready: list[int] = select.select(sources, [], [], left)[0]
        return ready

    def _obey(self, message: dict[str, Any]) -> Job | None:
        run = str(message["id"])
        if "signal" in message:
            for pid in [pid for pid, running in self._runs.items() if running == run]:
                if not (message["spares"] and self._undoing[pid]):
                    self._signal(pid, signal.Signals(message["signal"]))
            return None
        self.undoing = Undoing()
        server, pid = os.getpid(), os.fork()
        if pid == 0:
            self._leave(server)
            return Job.of_data(message["job"])
        self._runs[pid], self._undoing[pid] = run, self.undoing
        self._tell(id=run, pid=pid)
        return None

    def _leave(self, server: int) -> None:
        """In the fork: a process of its own, that the kernel ends should the fork server be killed."""
        os.setsid()
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)  # pragma: no cover - the fork server was killed a moment ago
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, LOST_SIGNAL):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(HURRY_SIGNAL, lambda *_: None)  # all but a workflow ends as quickly as it can
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._worker.close()
        os.close(self._deaths)
        os.close(self._on_death)

    def _signal(self, pid: int, number: signal.Signals) -> None:
        """The run itself is asked; killed it is with all it started."""
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(pid, number)
            os.kill(pid, number)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._runs:
            self._signal(pid, number)

    def _reap(self) -> None:
        os.read(self._deaths, _CHUNK)
        while self._runs:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            # While it is not reaped its id is nobody else's: what it left behind ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ended.si_pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(ended.si_pid, 0)[1])
            del self._undoing[ended.si_pid]
            self._tell(id=self._runs.pop(ended.si_pid), code=code)

    def _tell(self, **message: object) -> None:
        with contextlib.suppress(OSError):  # the worker is gone: its end is told by the socket
            self._worker.sendall(line(**message))


def main() -> None:
    worker = socket.socket(fileno=int(sys.argv[1]))
    child.warm()
    # What is there now stays for ever: the collector of a fork need not touch, and so copy, its pages.
    gc.collect()
    gc.freeze()
    server = ForkServer(worker)
    job = server.serve()
    if job is not None:
        sys.exit(child.run(job, server.undoing.set))


if __name__ == "__main__":
    main()
