"""A server of the tests' own, an office that gives it work, and workers that do it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from office import Office, Working
from waiting import until

from leadagent_prefect.embedded import PrefectApi, client_environment

ERRANDS = Path(__file__).with_name("errands.py")
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def api_environment(prefect_api: PrefectApi) -> dict[str, str]:
    """That of a process which speaks to the server of the tests."""
    # A command about runs that a test has called in this process has left its log level to it.
    ours = {k: v for k, v in os.environ.items() if k != "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"}
    return {**ours, **client_environment(prefect_api), "PREFECT_LOGGING_COLORS": "false"}


@pytest.fixture(scope="session")
def office(prefect_api: PrefectApi) -> Iterator[Office]:
    from prefect.client.orchestration import SyncPrefectClient

    client = SyncPrefectClient(prefect_api.url, auth_string=prefect_api.auth_string)
    with client:
        yield Office(client, ERRANDS.parent)


@pytest.fixture(scope="session")
def working(
    office: Office, api_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    """Starts a worker, as a context that ends it, and every child of it."""

    @contextmanager
    def start(
        *options: str,
        pool: str | None = None,
        command: tuple[str, ...] = ("leadagent", "worker"),
        **environment: str,
    ) -> Iterator[Working]:
        name = pool or f"pool-{uuid.uuid4().hex[:8]}"
        log = tmp_path_factory.mktemp("worker") / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:], "--pool", name, *options],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env={**api_environment, **environment},
                start_new_session=True,
            )
        worker = Working(process, log, name)
        try:
            until(lambda: "started!" in worker.log() or process.poll() is not None)
            yield worker
        finally:
            if process.poll() is None:
                worker.stop(signal.SIGTERM, signal.SIGTERM)
            print(worker.log())

    return start


@pytest.fixture(scope="session")
def worker(working: Callable[..., Any]) -> Iterator[Working]:
    """One for all tests that need no other. It polls so seldom that events alone bring it runs."""
    with working("--name", f"by-event-{uuid.uuid4().hex[:4]}", PREFECT_WORKER_QUERY_SECONDS="600") as found:
        yield found
