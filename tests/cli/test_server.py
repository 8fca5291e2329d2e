"""``leadagent server``, on a server of its own."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from leadagent_prefect.embedded.profile import SERVER_PROFILE


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


def profile(done) -> dict[str, str]:
    return dict(line.split("=", 1) for line in done.out.splitlines())


def test_the_settings_for_a_server_of_ones_own_are_lines_for_its_environment(leadagent):
    done = leadagent("server", "profile", "--address", "https://prefect.example/")
    settings = profile(done)
    assert (done.code, done.err) == (0, "")
    assert SERVER_PROFILE.items() <= settings.items()
    assert settings["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == "https://prefect.example"
    assert settings["PREFECT_SERVER_UI_API_URL"] == "https://prefect.example/api"


def test_the_password_and_the_key_are_new_each_time(leadagent):
    first, second = (profile(leadagent("server", "profile")) for _ in range(2))
    new = {"PREFECT_SERVER_API_AUTH_STRING", "PREFECT_SERVER_ENCRYPTION_KEY"}
    assert {name for name in first if first[name] != second[name]} == new
    Fernet(first["PREFECT_SERVER_ENCRYPTION_KEY"])


@pytest.mark.parametrize(
    "address", ["prefect.example", "http://me@prefect.example", "http://a,b", "http://a/b"]
)
def test_an_address_that_no_browser_calls_an_origin_is_refused(leadagent, address):
    done = leadagent("server", "profile", "--address", address)
    assert done.code == 2
    assert "is not like http://prefect.example:4200" in done.err
