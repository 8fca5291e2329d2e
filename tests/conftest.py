"""A PREFECT_HOME of the tests' own, set before anything can import prefect, and one real server in it.

Whoever runs Prefect in the test process enters ``use_api(prefect_api)``; `LeadAgent` and the command
line find the same server by themselves. Workers of pytest-xdist share the one of their controller.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hangs import pytest_runtest_teardown as pytest_runtest_teardown
from hangs import pytest_timeout_set_timer as pytest_timeout_set_timer
from hangs import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

if TYPE_CHECKING:
    from leadagent_prefect.embedded import PrefectApi

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
#: What is said to the tests, and not to the package: how long the random tests and the experiments are.
OURS = ("LEADAGENT_CHAOS", "LEADAGENT_ORACLE_", "LEADAGENT_EQUIVALENCE_")

#: Rooms whose tests start servers and workers, by who runs them: one process, one test after the other, or
#: they would be in each other's way, and each process would set up what a room shares.
ROOMS = {
    "chaos": "chaos",
    **dict.fromkeys(["scale", "whole", "worker", "deploy"], "workers"),
    **dict.fromkeys(["api", "browser"], "pages"),
    "embedded": "embedded",
    "runs": "runs",
    "agents_mcp": "mcp",
}


def _own_environment() -> None:
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "LEADAGENT_"))]:
        if not name.startswith(OURS):
            del os.environ[name]
    # In memory where that can be: a hundred tests write to the same SQLite at a time.
    memory = Path("/dev/shm")
    os.environ["PREFECT_HOME"] = tempfile.mkdtemp(
        prefix="leadagent-tests-", dir=memory if os.access(memory, os.W_OK) else None
    )
    # Only a test run that was killed leaves its server to this.
    os.environ["LEADAGENT_SERVER_IDLE_SECONDS"] = "900"
    os.environ["DO_NOT_TRACK"] = "1"
    # Processes that tests start in other folders find the package even where it is not installed.
    root = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), root]))
    os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has started the tests in the background. What they start is to end on Ctrl-C all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if not IS_WORKER:
    _own_environment()
HOME = os.environ["PREFECT_HOME"]


def pytest_unconfigure() -> None:
    if IS_WORKER:
        return
    from leadagent_prefect.embedded import stop

    if "prefect.logging.handlers" in sys.modules:
        from prefect.logging.handlers import APILogWorker

        # What it would send at exit has nowhere to go once the server is stopped, and it says so at length.
        APILogWorker.drain_all(timeout=10)
    os.environ["PREFECT_HOME"] = HOME
    stop()
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist's own reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``--dist loadgroup``: a room is run by one process, and what is long begins early."""
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        # The page of the REST API needs its server.
        group = ROOMS["api"] if "docs/rest-api.md" in item.name else ROOMS.get(room)
        if group is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))
        if item.get_closest_marker("long") is not None:
            item.add_marker("no_cover")  # the lines that they pass are others' to count, at half their time
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def prefect_api() -> PrefectApi:
    """The running embedded server of the whole session."""
    from leadagent_prefect.embedded import ensure_api

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", HOME)
        patch.delenv("PREFECT_API_URL", raising=False)
        # Counting the server's lines takes as long as all it does; tests of its own have them counted.
        for name in [name for name in os.environ if name.startswith("COVERAGE")]:
            patch.delenv(name)
        return ensure_api()
