"""The worker that executes the runs: a process beside the server, followed by another if it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from leadagent_prefect.embedded import client_environment, ensure_api

_PR_SET_PDEATHSIG = 1
#: Seconds before a worker that ended by itself is followed by the next.
_PAUSE = 5.0


class Attendant:
    """Starts a worker for ``pool``, at most ``limit`` runs at a time, and keeps one until `stop`."""

    def __init__(self, pool: str, limit: int, say: Callable[[str], None]) -> None:
        self._command = [sys.executable, "-m", __name__, pool, str(limit), str(os.getpid())]
        self._say = say
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # Whoever starts the worker must live as long as this process: the kernel ends it with that thread.
        self._thread = threading.Thread(target=self._keep, name="leadagent-attendant", daemon=True)

    def start(self) -> None:
        # A copy: a process that is started while another thread sets a variable may find none at all.
        self._environment = dict(os.environ)
        self._thread.start()

    def hurry(self) -> None:
        """One more signal: a worker that drains cancels what it runs, and at the next one kills it."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Asks the worker to end, and waits until it has: runs may go on for as long as a worker drains."""
        self._over.set()
        self.hurry()
        while self._thread.is_alive():
            self._thread.join(0.2)  # in slices, so that the main thread still gets its signals

    def _keep(self) -> None:
        while not self._over.is_set():
            ended = self._run()
            if not self._over.is_set():
                self._say(f"The worker {ended}; the next one starts in {_PAUSE:g} s")
                self._over.wait(_PAUSE)

    def _run(self) -> str:
        """One worker to its end. Gives what became of it."""
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and no argument from outside
                self._command, stdin=subprocess.DEVNULL, start_new_session=True, env=self._environment
            )
        except OSError as error:
            return f"did not start: {error.strerror}"
        if self._over.is_set():  # it was told to stop in between
            self.hurry()
        return f"has ended with status {self._process.wait()}"


def main() -> None:
    """The worker's process; it ends when the server does."""
    pool, limit, parent = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        return
    api = ensure_api(_tell)
    os.environ.update(client_environment(api))
    from leadagent_prefect.worker.command import work

    work(api, pool=pool, queues=[], name=None, limit=int(limit), drain=None, say=_tell)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
