"""Starting, finding and stopping the one server of a ``PREFECT_HOME``."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leadagent_prefect.embedded.api import PrefectApi, embedded_api
from leadagent_prefect.embedded.configured import configured_api
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.embedded.idle import idle_limit
from leadagent_prefect.embedded.launch import Launch
from leadagent_prefect.embedded.probe import ask, check_reachable, pulse
from leadagent_prefect.embedded.state import ServerRecord, is_locked, try_lock
from leadagent_prefect.errors import PrefectUnavailable

Say = Callable[[str], None]

#: Seconds for a start. Migrations of a fresh database take half a minute on a slow machine.
START_LIMIT = 180.0
#: Seconds that a killed process may take to be gone.
_KILL_LIMIT = 10.0
_PAUSE = 0.1
#: Seconds in which a server answers that is at hand.
_AT_HAND = 2.0


def _silent(line: str) -> None:
    """The default of ``say``."""


@dataclass(frozen=True)
class ServerStatus:
    """The embedded server of this ``PREFECT_HOME``.

    ``running`` counts a server that is starting, stopping or stuck; ``ready`` says that it answers, and
    only then ``idle_seconds`` is known. ``started_at`` is ISO 8601 in UTC, ``version`` that of Prefect.
    """

    running: bool
    ready: bool
    log_path: Path
    api: PrefectApi | None = None
    pid: int | None = None
    started_at: str | None = None
    version: str | None = None
    idle_seconds: float | None = None

    @property
    def url(self) -> str | None:
        return self.api.url if self.api else None


def ensure_api(say: Say = _silent) -> PrefectApi:
    """The configured Prefect API, or the embedded one, which is started if need be.

    Raises `PrefectUnavailable` where the one can't be reached or the other can't be started.
    """
    configured = configured_api()
    if configured is None:
        return start(say)
    ours = _running(ServerHome.current())
    if ours is not None and ours.url == configured.url:
        return ours
    check_reachable(configured)
    return configured


def api_at_hand() -> PrefectApi | None:
    """The API that `ensure_api` would give, where it answers within seconds. Nothing is started."""
    configured, ours = configured_api(), _running(ServerHome.current(), timeout=_AT_HAND)
    if configured is None or (ours is not None and ours.url == configured.url):
        return ours
    return configured if ask(configured, "/admin/version", timeout=_AT_HAND) is not None else None


def start(say: Say = _silent, *, limit: float = START_LIMIT) -> PrefectApi:
    """The embedded server, found or started, ready within ``limit`` seconds or `PrefectUnavailable`.

    Who gets the lock starts it; everybody else waits for the same server.
    """
    home = ServerHome.current()
    if api := _running(home, timeout=1.0):
        return api
    idle_limit()
    home.create()
    launch: Launch | None = None
    waiting = False
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        while time.monotonic() - began < limit:
            lock = try_lock(home.state_file) if launch is None else None
            if lock is not None:
                say(_announcement(home))
                launch = stack.enter_context(Launch(home, lock))
            elif launch is None and not waiting:
                say("Waiting for the Prefect server that is starting ...")
                waiting = True
            if api := _running(home, timeout=limit):
                say(f"The Prefect server is ready after {time.monotonic() - began:.0f} s: {api.ui_url}")
                return api
            if launch is not None:
                launch.check()
            time.sleep(_PAUSE)
        if launch is not None:
            launch.kill()
    raise PrefectUnavailable(_too_slow(home, limit))


def status() -> ServerStatus:
    """What is known of the server; starts nothing, and does not keep it from going idle."""
    home = ServerHome.current()
    if not is_locked(home.state_file):
        return ServerStatus(running=False, ready=False, log_path=home.log_file)
    record = ServerRecord.read(home.state_file)
    if record is None or not record.is_alive:
        return ServerStatus(running=True, ready=False, log_path=home.log_file)
    beat = pulse(record.port, touch=False, timeout=2.0)
    ready = beat is not None and beat.instance == record.instance
    return ServerStatus(
        running=True,
        ready=ready,
        log_path=home.log_file,
        api=embedded_api(record.port, home.auth_string() or ""),
        pid=record.pid,
        started_at=record.started_at,
        version=record.version,
        idle_seconds=beat.idle_seconds if beat and ready else None,
    )


def stop(timeout: float = 30.0) -> bool:
    """Ends the server, by force after ``timeout`` seconds; False where none was running."""
    home = ServerHome.current()
    if not is_locked(home.state_file):
        return False
    began = time.monotonic()
    asked: int | None = None
    while is_locked(home.state_file):
        late = time.monotonic() - began >= timeout
        if time.monotonic() - began >= timeout + _KILL_LIMIT:
            raise PrefectUnavailable(
                f"the Prefect server of {home.prefect_home} can't be ended from here: "
                f"end the process that holds {home.state_file}, in the container or machine it runs in"
            )
        record = ServerRecord.read(home.state_file)
        if record is not None and record.is_alive and (late or asked != record.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGKILL if late else signal.SIGTERM)
            asked = record.pid
        time.sleep(_PAUSE)
    return True


def _running(home: ServerHome, timeout: float = 5.0) -> PrefectApi | None:
    """The server that answers now. Its file alone proves nothing: the lock and the instance must agree."""
    if not is_locked(home.state_file):
        return None
    record = ServerRecord.read(home.state_file)
    auth_string = home.auth_string()
    if record is None or auth_string is None or not record.is_alive:
        return None
    beat = pulse(record.port, touch=True, timeout=min(timeout, 5.0))
    return embedded_api(record.port, auth_string) if beat and beat.instance == record.instance else None


def _announcement(home: ServerHome) -> str:
    if home.database.exists():
        return "Starting a Prefect server (about 10 s; it stays for later runs) ..."
    return "Starting a Prefect server for the first time (it makes its database: up to a minute) ..."


def _too_slow(home: ServerHome, limit: float) -> str:
    record = ServerRecord.read(home.state_file) if is_locked(home.state_file) else None
    who = f"the Prefect server (process {record.pid})" if record and record.is_alive else "the Prefect server"
    return (
        f"{who} did not answer within {limit:.0f} s; its log is {home.log_file}. "
        "`leadagent server stop` ends it, or set PREFECT_API_URL to a server of your own"
    )
