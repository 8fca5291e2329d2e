"""``leadagent server``, on a server of its own."""

from __future__ import annotations

import pytest


@pytest.fixture
def home(folder, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(folder / "home"))
    yield
    from leadagent_prefect.embedded import stop

    stop()


def test_it_starts_says_where_it_is_and_stops(leadagent, home):
    assert leadagent("server", "status").code == 1
    assert leadagent("server", "status").out.startswith("status: not running\n")
    assert leadagent("server", "status", "--json", "--show-auth").json["auth"] is None

    started = leadagent("server", "start")
    assert started.code == 0
    assert "The Prefect server is ready after" in started.err
    url = started.out.strip()

    found = leadagent("server", "status")
    assert found.code == 0
    assert found.out.startswith(f"status: ready\nui: {url}\napi: {url}/api\n")
    assert "auth" not in found.out
    shown = leadagent("server", "status", "--json", "--show-auth").json
    assert shown["auth"].startswith("leadagent:")
    assert shown["idle_seconds"] >= 0

    again = leadagent("server", "start")
    assert (again.code, again.out.strip(), again.err) == (0, url, "")

    assert leadagent("server", "stop").err == "The Prefect server has ended\n"
    assert leadagent("server", "stop").err == "No Prefect server of leadagent is running\n"


def test_a_server_that_does_not_answer_is_starting_or_stopping(leadagent, home):
    import os

    from leadagent_prefect.embedded.home import ServerHome
    from leadagent_prefect.embedded.state import try_lock

    found = ServerHome.current()
    found.create()
    lock = try_lock(found.state_file)
    assert lock is not None
    try:
        done = leadagent("server", "status")
    finally:
        os.close(lock)
    assert (done.code, done.out.splitlines()[0]) == (1, "status: starting or stopping")
