"""The embedded server of a benchmark: started for it, and let come to rest between two measurements."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Seconds, a share of one core, seconds.
_QUIET_SECONDS, _REST_BELOW, _WAIT_AT_MOST = 1.1, 0.1, 2.2


@contextmanager
def running_server() -> Iterator[int]:
    """This process speaks to the embedded server of its PREFECT_HOME within; gives the server's pid.

    Log lines go to the API alone, as they do in `leadagent run`.
    """
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    from leadagent_prefect.embedded import ensure_api, status, use_api

    api = ensure_api(lambda line: print(line, flush=True))
    pid = status().pid
    assert pid is not None  # it answers
    with use_api(api):
        try:
            yield pid
        finally:
            _send_the_rest()


def cpu_of(pid: int) -> float:
    """CPU seconds a process has used, all its threads; 0 where the system does not tell (not Linux)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return 0.0
    user, system = after_name.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def rest(pid: int) -> None:
    """Waits until the server has written down what it was sent, so that nobody pays for the one before.

    It writes once a second, so a quiet second tells; at rest it uses about 4% of a core. Within a flow
    run, or on a loop, this would hold up what it waits for.
    """
    until = time.monotonic() + _WAIT_AT_MOST
    while time.monotonic() < until:
        before = cpu_of(pid)
        time.sleep(_QUIET_SECONDS)
        if cpu_of(pid) - before < _REST_BELOW * _QUIET_SECONDS:
            return


def _send_the_rest() -> None:
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=10)
    APILogWorker.drain_all(timeout=10)
