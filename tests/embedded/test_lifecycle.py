"""One server for everybody: started, shared, found dead, replaced, ended."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from waiting import until

from leadagent_prefect.embedded import PrefectApi, ServerStatus, ensure_api, start, status, stop
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.embedded.state import is_locked, process_birth, try_lock
from leadagent_prefect.errors import PrefectUnavailable

from .conftest import Client, output, python

ENSURE = """
import sys
from leadagent_prefect.embedded import ensure_api
api = ensure_api(lambda line: print(line, file=sys.stderr))
assert "prefect" not in sys.modules
print(api.url, api.auth_string)
"""


def end_of(server: ServerStatus) -> bool:
    """Whether the process of ``server`` is gone, and not only its lock."""
    assert server.pid is not None
    return process_birth(server.pid) == ""


def test_ten_processes_at_once_on_a_fresh_home_share_one_server(
    home: ServerHome, prefect_api: PrefectApi
) -> None:
    answers = set(output(*[python(ENSURE) for _ in range(10)]))
    assert len(answers) == 1
    server = status()
    assert server.ready
    url, auth_string = answers.pop().split()
    assert (url, auth_string) == (server.url, home.auth_string())
    assert url != prefect_api.url, "two homes have two servers"
    assert home.prefect_home.stat().st_mode & 0o777 == 0o700
    assert Client(ensure_api()).status("/api/admin/version", auth=auth_string) == 200


def test_a_server_that_was_killed_is_replaced_on_its_port_with_its_secrets(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_UI_ENABLED", "false")
    first_lines: list[str] = []
    first = start(first_lines.append)
    killed = status()
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: not status().running)
    assert home.state_file.exists()

    lines: list[str] = []
    second = start(lines.append)
    assert second == first
    assert status().pid != killed.pid
    assert "for the first time" in first_lines[0]
    assert lines[0].startswith("Starting a Prefect server (about")
    assert lines[1].startswith("The Prefect server is ready after ")

    assert stop()
    assert not stop()
    assert status() == ServerStatus(running=False, ready=False, log_path=home.log_file)
    assert home.log_file.read_text() == "", "a clean stop has nothing to say"


@pytest.mark.counted
def test_a_server_ends_by_itself_when_it_is_idle(home: ServerHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_UI_ENABLED", "false")
    monkeypatch.setenv("LEADAGENT_SERVER_IDLE_SECONDS", "1")
    start()
    server = status()
    until(lambda: not is_locked(home.state_file))
    assert server.idle_seconds is not None
    assert home.log_file.read_text() == ""


def test_a_server_that_hangs_is_named_and_can_be_ended(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_UI_ENABLED", "false")
    start()
    pid = status().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(PrefectUnavailable) as error:
        start(limit=0.5)
    assert str(error.value).startswith(f"the Prefect server (process {pid}) did not answer within")
    assert str(home.log_file) in str(error.value)
    hung = status()
    assert (hung.running, hung.ready, hung.pid, hung.idle_seconds) == (True, False, pid, None)
    assert stop(timeout=0.1)
    assert not status().running


def test_a_start_that_takes_too_long_is_given_up_and_leaves_no_process(home: ServerHome) -> None:
    with pytest.raises(PrefectUnavailable, match=rf"^the Prefect server did not .*{home.log_file}"):
        start(limit=0.2)
    assert not status().running


def test_a_start_that_fails_tells_why_and_where_to_read_on(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "nonsense")
    with pytest.raises(PrefectUnavailable) as error:
        start()
    assert "ended while it was starting (exit code 1)" in str(error.value)
    assert f"Its log is {home.log_file}" in str(error.value)
    assert not status().running


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}'])
def test_a_stale_state_file_hurts_nobody(home: ServerHome, text: str) -> None:
    home.create()
    home.state_file.write_text(text)
    assert not status().running
    assert not stop()
    lock = try_lock(home.state_file)
    assert lock is not None
    os.close(lock)


def test_a_server_that_cannot_be_seen_from_here_is_reported(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.create()
    lock = try_lock(home.state_file)
    assert lock is not None
    assert status() == ServerStatus(running=True, ready=False, log_path=home.log_file)
    with pytest.raises(PrefectUnavailable, match="the Prefect server did not answer"):
        start(limit=0.2)
    monkeypatch.setattr("leadagent_prefect.embedded.lifecycle._KILL_LIMIT", 0.1)
    with pytest.raises(PrefectUnavailable, match="can't be ended from here"):
        stop(timeout=0.0)
    os.close(lock)


def test_asking_again_costs_no_process_and_no_word(prefect_api: PrefectApi) -> None:
    before = status()
    lines: list[str] = []
    assert ensure_api(lines.append) == prefect_api
    assert lines == []
    after = status()
    assert (after.pid, after.started_at, after.url) == (before.pid, before.started_at, prefect_api.url)
    assert after.version == "3.8.8"


def test_a_child_that_was_given_the_embedded_url_knows_it_for_what_it_is(
    prefect_api: PrefectApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api.url)
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    assert ensure_api() == prefect_api


def test_a_server_keeps_no_secret_of_the_run_that_started_it(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from leadagent_prefect.embedded.launch import server_variables

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["lib", "", str(tmp_path)]))
    variables = server_variables(home)
    assert "OPENAI_API_KEY" not in variables
    assert variables["PREFECT_HOME"] == str(home.prefect_home)
    root = str(Path(sys.modules["leadagent_prefect"].__file__ or "").parents[1])
    assert variables["PYTHONPATH"].split(os.pathsep) == [str(tmp_path / "lib"), str(tmp_path), root]
    monkeypatch.setenv("PYTHONPATH", root)
    assert server_variables(home)["PYTHONPATH"] == root


def test_a_server_keeps_its_memory_in_few_places_unless_it_is_told_otherwise(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadagent_prefect.embedded.launch import server_variables

    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert server_variables(home)["MALLOC_ARENA_MAX"] == "2"
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    assert server_variables(home)["MALLOC_ARENA_MAX"] == "8"
