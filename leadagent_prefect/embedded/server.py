"""The server process: Prefect's own app behind a counter of activity, on a port the kernel chose.

Prefect reads its settings when it is imported, so the environment is complete before that.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Container
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from leadagent_prefect.embedded.activity import Activity, CountedApp
from leadagent_prefect.embedded.configured import setting
from leadagent_prefect.embedded.garbage import collect_aside
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.embedded.idle import end_anyway, idle_limit, watch
from leadagent_prefect.embedded.profile import SERVER_PROFILE, server_address
from leadagent_prefect.embedded.secrets_at_rest import encryption_key
from leadagent_prefect.embedded.state import ServerRecord, is_same_file, process_birth, try_lock

if TYPE_CHECKING:
    import uvicorn

#: The stock ephemeral server of Prefect, and many a web server, look for their ports here.
AVOIDED_PORTS = range(8000, 9000)
#: Ten runs that wait for the start ask again every few seconds.
_BACKLOG = 1024


def main() -> None:
    """Serves until it is idle for long or told to stop. With ``--locked``, stdin is the held lock."""
    home = ServerHome.current()
    home.create()
    lock = os.dup(0) if "--locked" in sys.argv[1:] else try_lock(home.state_file)
    if lock is None:
        sys.exit(f"a Prefect server of {home.prefect_home} runs already")
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    previous = ServerRecord.read(home.state_file)
    listener = listen(previous.port if previous else 0)
    record = _record(listener.getsockname()[1])
    record.write(lock)
    os.environ.update(server_environment(home, record.port))
    _protect_database(home)
    _serve(home, listener, record, lock)


def listen(preferred: int, avoid: Container[int] = AVOIDED_PORTS) -> socket.socket:
    """A listening socket on 127.0.0.1, on the ``preferred`` port where that is free.

    The port of the server before is preferred, so that clients and browser tabs find its successor.
    It listens at once: whoever connects during the start waits instead of being refused.
    """
    if preferred and preferred not in avoid:
        with contextlib.suppress(OSError):
            return socket.create_server(("127.0.0.1", preferred), backlog=_BACKLOG)
    refused: list[socket.socket] = []
    try:
        while True:
            listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
            if listener.getsockname()[1] not in avoid:
                return listener
            refused.append(listener)
    finally:
        for listener in refused:
            listener.close()


def server_environment(home: ServerHome, port: int) -> dict[str, str]:
    """Every setting of the server that differs from Prefect's own defaults.

    A database that the user configured keeps its key where Prefect put it.
    """
    defaults = {**SERVER_PROFILE, "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home.ui_folder)}
    own_database = setting("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
    if own_database is None:
        defaults["PREFECT_SERVER_ENCRYPTION_KEY"] = encryption_key(home)
    chosen = {name: os.environ.get(name, value) for name, value in defaults.items()}
    return {**chosen, **server_address(port, home.make_auth_string()), "PREFECT_HOME": str(home.prefect_home)}


def _record(port: int) -> ServerRecord:
    return ServerRecord(
        pid=os.getpid(),
        birth=process_birth(os.getpid()),
        port=port,
        instance=secrets.token_hex(8),
        started_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        version=importlib.metadata.version("prefect"),
    )


def _protect_database(home: ServerHome) -> None:
    """A database made by Prefect's own commands is world-readable; secrets of blocks lie in it."""
    for path in home.prefect_home.glob("prefect.db*"):
        path.chmod(0o600)


def _serve(home: ServerHome, listener: socket.socket, record: ServerRecord, lock: int) -> None:
    import uvicorn
    from prefect.server.api.server import create_app

    from leadagent_prefect.embedded.twice import write_each_once
    from leadagent_prefect.embedded.writing import write_one_after_another

    write_one_after_another()
    write_each_once()
    logging.getLogger("sqlalchemy.pool.impl.AsyncAdaptedQueuePool").addFilter(unless_cut_off)
    activity = Activity()
    app = CountedApp(create_app(final=True), activity, record.instance, lambda: server.should_exit)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises what it caught once more when it is done; a clean stop ends with status 0.
        signal.signal(number, lambda *_: None)
    asyncio.run(_serve_until_idle(server, listener, activity, home, lock))


def unless_cut_off(record: logging.LogRecord) -> bool:
    """Who gives a connection back as the server ends is cut off, and SQLAlchemy would tell it at length."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


async def _serve_until_idle(
    server: uvicorn.Server, listener: socket.socket, activity: Activity, home: ServerHome, lock: int
) -> None:
    async def cut_off_at_last() -> None:
        def is_ours() -> bool:
            return is_same_file(home.state_file, lock)

        await watch(server, activity, limit=idle_limit(), is_ours=is_ours, log=home.log_file)
        end_anyway()

    watching = asyncio.ensure_future(cut_off_at_last())
    over = threading.Event()
    collect_aside(over.wait)
    try:
        await server.serve(sockets=[listener])
    finally:
        over.set()
        watching.cancel()
