"""``leadagent doctor`` and a Prefect server that somebody else started."""

from __future__ import annotations

import importlib.metadata
import json
import socket
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from leadagent_prefect.doctor.place import is_loopback, is_this_machine
from leadagent_prefect.embedded.profile import CLUSTER_PROFILE, SERVER_PROFILE

VERSION = importlib.metadata.version("prefect")


class _Answers(BaseHTTPRequestHandler):
    """What a Prefect server answers to who asks about it; ``/away`` sends the credentials elsewhere."""

    def do_GET(self) -> None:
        server: Any = self.server
        server.seen.append(self.path)
        if self.path.startswith("/away") and not self.path.endswith("version"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/away", "/api", 1))
            self.end_headers()
            return
        found = server.answers.get(self.path.removeprefix("/api"))
        body = json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture(autouse=True)
def home(folder, monkeypatch):
    """A PREFECT_HOME that nobody has used yet."""
    monkeypatch.setenv("PREFECT_HOME", str(folder / "home"))
    return folder / "home"


@pytest.fixture
def defaults(folder) -> dict[str, Any]:
    """All settings of a Prefect server that was given none, as it tells them."""
    from prefect.settings import Settings

    told: dict[str, Any] = Settings(home=folder / "theirs").model_dump(mode="json")
    return told


@pytest.fixture
def other_server(defaults, monkeypatch):
    """A server with Prefect's defaults, which is the configured API."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.seen, server.answers = [], {"/admin/version": VERSION, "/admin/settings": defaults}
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("PREFECT_API_URL", f"{server.url}/api")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def elsewhere(other_server, monkeypatch):
    """The same server under the name of another machine."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more)
    )
    monkeypatch.setenv("PREFECT_API_URL", f"http://prefect.example:{other_server.server_port}/api")
    return other_server


@pytest.fixture
def said(leadagent):
    """The findings of one check: their status, what was found, and the mend."""

    def look(check: str) -> list[tuple[str, str, str | None]]:
        found = leadagent("doctor", "--json").json
        return [(row["status"], row["found"], row["mend"]) for row in found if row["check"] == check]

    return look


def named(findings: list[tuple[str, str, str | None]]) -> dict[str, str | None]:
    """The mends of the warnings that are about one setting, by the setting."""
    rows = [(found.split(" ")[0], mend) for status, found, mend in findings if status == "warning"]
    return {name: mend for name, mend in rows if name.startswith("PREFECT_")}


def test_a_server_with_leadagents_settings_is_ok(said, prefect_api, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", prefect_api.url)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", prefect_api.auth_string or "")
    assert said("Prefect API") == [("ok", f"{prefect_api.url} (configured) answers", None)]
    # Workers of other tests may be there.
    assert [one for one in said("Prefect server") if "workers are online" not in one[1]] == []


def test_each_default_of_prefect_that_hurts_is_a_warning_with_the_setting_to_put(said, other_server):
    mends = named(said("Prefect server"))
    sizes = {name: value for name, value in SERVER_PROFILE.items() if name.endswith("BATCH_SIZE")}
    puts = {
        **sizes,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": "the address of its UI, such as http://127.0.0.1:4200",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": SERVER_PROFILE[
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"
        ],
    }
    assert mends == {name: f"start the server with {name}={put}" for name, put in puts.items()}


def test_what_a_server_does_not_tell_is_said(said, other_server):
    rows = [found for status, found, _ in said("Prefect server") if status == "ok"]
    assert len(rows) == 1
    assert "PREFECT_SERVER_ENCRYPTION_KEY" in rows[0]


@pytest.mark.parametrize(
    ("host", "auth", "warned"),
    [
        ("0.0.0.0", None, True),
        ("0.0.0.0", "**********", False),
        ("127.0.0.1", None, False),
        ("::1", None, False),
    ],
)
def test_a_server_that_others_reach_wants_a_password(said, other_server, host, auth, warned):
    other_server.answers["/admin/settings"]["server"]["api"].update(host=host, auth_string=auth)
    rows = [row for row in said("Prefect server") if row[1].startswith("PREFECT_SERVER_API_AUTH_STRING")]
    assert bool(rows) == warned
    if warned:
        assert rows[0][1].startswith("PREFECT_SERVER_API_AUTH_STRING is not set: whoever reaches ")


def test_a_server_of_another_machine_wants_a_password(said, elsewhere):
    assert "PREFECT_SERVER_API_AUTH_STRING" in named(said("Prefect server"))


def test_servers_that_share_a_broker_must_share_the_rest(said, other_server):
    server = other_server.answers["/admin/settings"]["server"]
    server["events"]["messaging_broker"] = "prefect_redis.messaging"
    server["services"]["task_run_recorder"]["batch_size"] = 50
    mends = named(said("Prefect server"))
    assert set(CLUSTER_PROFILE) - set(mends) == {"PREFECT_SERVER_EVENTS_MESSAGING_BROKER"}
    for name in set(CLUSTER_PROFILE) & set(mends):
        assert mends[name] == f"start the server with {name}={CLUSTER_PROFILE[name]}"


def test_servers_that_share_a_broker_write_each_state_of_a_task_at_once(said, other_server):
    other_server.answers["/admin/settings"]["server"]["events"]["messaging_broker"] = (
        "prefect_redis.messaging"
    )
    mends = named(said("Prefect server"))
    assert "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE" in mends
    assert "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE" not in mends


def test_a_password_that_the_api_shows_to_everybody_is_a_warning_and_not_shown_again(leadagent, other_server):
    server = other_server.answers["/admin/settings"]["server"]
    server["docket"]["url"] = "redis://prefect:canary@redis.example:6379/0"
    out = leadagent("doctor").out
    assert "PREFECT_SERVER_DOCKET_URL holds a password" in out
    assert "canary" not in out


def test_a_server_of_another_prefect_is_a_warning(said, other_server):
    other_server.answers["/admin/version"] = "3.4.1"
    status, found, mend = said("Prefect server")[0]
    assert (status, mend) == ("warning", f'where the server runs: pip install "prefect=={VERSION}"')
    assert found.startswith(f"the server is Prefect 3.4.1 and this is {VERSION}: ")


def test_a_server_that_tells_nothing_is_not_judged(said, other_server):
    del other_server.answers["/admin/settings"]
    # Workers of other tests may be there.
    assert [one for one in said("Prefect server") if "workers are online" not in one[1]] == []


def test_prefect_cloud_is_not_judged(said, other_server, monkeypatch):
    monkeypatch.setattr("leadagent_prefect.doctor.prefect_api._CLOUD", other_server.url)
    assert said("Prefect API")[0][0] == "ok"
    # Workers of other tests may be there.
    assert [one for one in said("Prefect server") if "workers are online" not in one[1]] == []


def test_credentials_do_not_follow_a_redirect(said, other_server, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", f"{other_server.url}/away")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:canary")
    # Workers of other tests may be there.
    assert [one for one in said("Prefect server") if "workers are online" not in one[1]] == []
    assert [path for path in other_server.seen if path.startswith("/api")] == []


@pytest.fixture
def sqlite(folder):
    """The database of the other server, which has it open."""
    (folder / "theirs").mkdir()
    with sqlite3.connect(folder / "theirs" / "prefect.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE configuration (key TEXT, value TEXT)")
        connection.commit()
        yield connection
    connection.close()


def online(server: Any, **workers: int) -> None:
    """Lets each pool have that many workers."""
    server.answers["/work_pools/filter"] = [{"name": name} for name in workers]
    for name, count in workers.items():
        server.answers[f"/work_pools/{name}/workers/filter"] = [{}] * count


def test_several_workers_on_sqlite_are_a_warning(said, other_server, sqlite):
    online(other_server, one=1, two=1)
    assert [row for row in said("Prefect server") if "PREFECT_SERVER_DATABASE" in str(row[2])] == [
        (
            "warning",
            "2 workers are online and the database is SQLite: runs that start together wait for it",
            "start the server with PREFECT_SERVER_DATABASE_CONNECTION_URL=postgresql+asyncpg://...",
        )
    ]


def test_one_worker_on_sqlite_is_fine(said, other_server, sqlite):
    online(other_server, one=1)
    assert [row for row in said("Prefect server") if "workers" in row[1]] == []


def test_a_key_that_lies_beside_what_it_locks_is_a_warning(said, other_server, sqlite):
    sqlite.execute(
        "INSERT INTO configuration VALUES ('ENCRYPTION_KEY', ?)", (json.dumps({"fernet_key": "k"}),)
    )
    sqlite.commit()
    rows = [row for row in said("Prefect server") if "beside them" in row[1]]
    assert [status for status, *_ in rows] == ["warning"]
    assert "`leadagent server profile`" in str(rows[0][2])


def test_results_of_this_machines_own_server_are_no_matter(said, other_server):
    assert said("results") == []


def test_results_that_no_other_machine_can_read_are_a_warning(said, elsewhere, home, monkeypatch):
    wanted = (
        "on every machine set PREFECT_RESULTS_LOCAL_STORAGE_PATH=/a/shared/folder, or "
        "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK=s3-bucket/NAME or another storage block"
    )
    [(status, found, mend)] = said("results")
    assert (status, mend) == ("warning", wanted)
    assert found.startswith("are kept in PREFECT_HOME/storage of this machine alone: ")
    monkeypatch.setenv("PREFECT_LOCAL_STORAGE_PATH", str(home / "storage"))
    assert said("results")[0][0] == "warning"


@pytest.mark.parametrize(
    ("setting", "value", "found"),
    [
        ("PREFECT_LOCAL_STORAGE_PATH", "/mnt/results", "/mnt/results, which every machine must share"),
        ("PREFECT_DEFAULT_RESULT_STORAGE_BLOCK", "s3-bucket/results", "the block s3-bucket/results"),
        (
            "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK",
            "local-file-system/results",
            "the block local-file-system/results, a folder, which must be the same one on every machine",
        ),
    ],
)
def test_results_in_a_shared_place_are_ok(said, elsewhere, monkeypatch, setting, value, found):
    monkeypatch.setenv(setting, value)
    assert said("results") == [("ok", f"are kept in {found}", None)]


@pytest.mark.parametrize(
    ("block", "name"),
    [
        ({"name": "ours", "block_type": {"slug": "gcs-bucket"}}, "gcs-bucket/ours"),
        (None, "b1"),
    ],
)
def test_a_block_that_the_server_names_for_everybody_is_ok(said, elsewhere, block, name):
    elsewhere.answers["/admin/storage"] = {"default_result_storage_block_id": "b1"}
    elsewhere.answers["/block_documents/b1"] = block
    assert said("results") == [("ok", f"are kept in the block {name}", None)]


def test_where_a_host_is():
    assert [
        is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "prefect.example")
    ] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert is_this_machine(socket.gethostname().lower())
