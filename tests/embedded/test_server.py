"""The server process: what it listens on, what it is told, and who may talk to it."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

from leadagent_prefect.embedded import PrefectApi, ServerStatus, ensure_api, status
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.embedded.server import AVOIDED_PORTS, listen, server_environment, unless_cut_off

from .conftest import Client


class FirstOnes:
    """A set of ports that holds the first two it is asked for."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def __contains__(self, port: object) -> bool:
        self.asked.append(port)
        return len(self.asked) <= 2


def test_it_listens_on_loopback_alone_at_once() -> None:
    with listen(0) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        assert port not in AVOIDED_PORTS
        socket.create_connection((host, port)).close()


@pytest.mark.parametrize(
    ("error", "told"), [(asyncio.CancelledError(), False), (OSError("no space left"), True), (None, True)]
)
def test_what_is_cut_off_at_the_end_is_not_told(error: BaseException | None, told: bool) -> None:
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("pool", logging.ERROR, "", 1, "Exception during reset", (), info)
    assert unless_cut_off(record) is told


def test_the_port_of_the_server_before_is_taken_again() -> None:
    with listen(0) as first:
        port = first.getsockname()[1]
    with listen(port) as second:
        assert second.getsockname()[1] == port


def test_a_port_that_is_taken_is_given_up() -> None:
    with listen(0) as first, listen(first.getsockname()[1]) as second:
        assert second.getsockname()[1] != first.getsockname()[1]


def test_ports_that_others_look_for_are_left_to_them() -> None:
    avoided = FirstOnes()
    with listen(1, avoided) as listener:
        _, second, third = avoided.asked
        assert listener.getsockname()[1] == third != second
    with listen(8000) as listener:
        assert listener.getsockname()[1] not in AVOIDED_PORTS


def test_a_database_of_the_users_own_keeps_its_key(home: ServerHome, monkeypatch: pytest.MonkeyPatch) -> None:
    home.create()
    assert "PREFECT_SERVER_ENCRYPTION_KEY" in server_environment(home, 1)
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://db/prefect")
    assert "PREFECT_SERVER_ENCRYPTION_KEY" not in server_environment(home, 1)


def test_the_user_may_tune_the_server_but_not_open_it(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.create()
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE", "7")
    monkeypatch.setenv("PREFECT_SERVER_API_HOST", "0.0.0.0")
    monkeypatch.setenv("PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS", "*")
    environment = server_environment(home, 4321)
    assert environment["PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE"] == "7"
    assert environment["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert environment["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == (
        "http://127.0.0.1:4321,http://localhost:4321"
    )


def test_nobody_is_let_in_without_the_auth_string(prefect_api: PrefectApi) -> None:
    client = Client(prefect_api)
    assert client.status("/api/admin/version") == 401
    assert client.status("/api/admin/version", auth="leadagent:guess") == 401
    assert client.status("/api/admin/version", auth=prefect_api.auth_string) == 200


def test_a_page_of_another_origin_is_refused(prefect_api: PrefectApi) -> None:
    def preflight(origin: str) -> int:
        return Client(prefect_api).status(
            "/api/flows/", method="OPTIONS", Origin=origin, Access_Control_Request_Method="POST"
        )

    assert preflight("http://evil.test") == 400
    assert preflight("http://127.0.0.1:4200") == 400
    assert preflight(prefect_api.ui_url) == 200


def test_the_ui_is_served_and_asks_for_the_auth_string(prefect_api: PrefectApi) -> None:
    import json
    import urllib.request

    with urllib.request.urlopen(prefect_api.ui_url + "/ui-settings") as response:
        settings = json.load(response)
    assert (settings["api_url"], settings["auth"]) == (prefect_api.url, "BASIC")
    for path in ("/", "/v2/", "/runs"):
        assert Client(prefect_api).status(path, Accept="text/html") == 200, path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_secret_shows_in_the_list_of_processes(
    prefect_api: PrefectApi, shared_status: ServerStatus
) -> None:
    command = Path(f"/proc/{shared_status.pid}/cmdline").read_text()
    assert "leadagent_prefect.embedded" in command
    assert prefect_api.auth_string is not None
    assert prefect_api.auth_string.partition(":")[2] not in command


@pytest.fixture
def shared_status(prefect_api: PrefectApi) -> ServerStatus:
    return status()


def test_every_file_is_its_owners_alone(prefect_api: PrefectApi) -> None:
    home = ServerHome.current()
    files = [home.auth_file, home.key_file, home.log_file, home.state_file, home.database]
    assert [path.name for path in files if path.stat().st_mode & 0o777 != 0o600] == []
    assert [path.name for path in home.prefect_home.glob("prefect.db*") if path.stat().st_mode & 0o077] == []
    assert home.folder.stat().st_mode & 0o777 == 0o700


def test_a_second_server_of_the_same_home_is_refused(prefect_api: PrefectApi) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "leadagent_prefect.embedded"], capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert second.stderr == f"a Prefect server of {ServerHome.current().prefect_home} runs already\n"


@pytest.mark.counted
def test_started_by_hand_it_is_found_and_ends_cleanly_on_interrupt(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_UI_ENABLED", "false")
    home.prefect_home.mkdir()
    home.database.touch(0o644)
    command = [sys.executable, "-m", "leadagent_prefect.embedded"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: status().running or server.poll() is not None)
        lines: list[str] = []
        api = ensure_api(lines.append)
        assert (lines[0], status().pid) == ("Waiting for the Prefect server that is starting ...", server.pid)
        assert Client(api).status("/api/admin/version", auth=api.auth_string) == 200
        assert home.database.stat().st_mode & 0o777 == 0o600
        server.send_signal(signal.SIGINT)
        assert server.wait() == 0
        assert not status().running
    finally:
        server.kill()
        _, errors = server.communicate()
    assert errors == ""
