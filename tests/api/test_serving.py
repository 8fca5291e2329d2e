"""``leadagent serve`` as an operator runs it: two processes, a config file, a log, an orderly end."""

from __future__ import annotations

import json
import socket
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from rest_servers import in_this_process, server_process, settings_file

from leadagent_prefect.api.settings import read_settings
from leadagent_prefect.embedded import PrefectApi, client_environment

# Servers are started, of which one is for most of the tests.
pytestmark = pytest.mark.timeout(300)
WORKFLOWS = "/api/v1/workflows"
CONFIG = """\
host = "127.0.0.1"
port = {port}
workers = 2
worker = false
debug = true
api_keys = "{folder}/keys.json"
max_body_bytes = 5000
rate_limit = "100000/minute"
"""


@pytest.fixture(scope="module")
def server(prefect_api, tmp_path_factory):
    """Everything but the port comes out of the file, and that out of the environment."""
    folder = tmp_path_factory.mktemp("serving")
    (folder / "serve.toml").write_text(CONFIG.format(port=1, folder=folder))
    environment = {**client_environment(prefect_api), "LEADAGENT_SERVE_PORT": "0"}
    with server_process(folder, "--config", "serve.toml", "--no-worker", **environment) as running:
        yield running


def lines(server):
    """The access log; other lines are no JSON."""
    found = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [json.loads(line) for line in found]


def children(pid):
    """The processes that it has started, by what they are."""
    names = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(name): Path(f"/proc/{name}/cmdline").read_bytes().decode() for name in names}


def test_the_file_and_the_environment_are_heeded(server):
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        assert not server.url.endswith((":1", ":8000"))
        assert client.get("/api/v1/health/ready").json() == {"status": "ready"}
        large = client.post(WORKFLOWS, content=b"x" * 5001, headers={"Content-Type": "application/json"})
        assert large.status_code == 413


def test_two_processes_answer(server):
    workers = [line for line in children(server.pid).values() if "spawn_main" in line]
    assert len(workers) == 2


def test_each_request_has_a_line_in_the_log_under_its_id(server):
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        found = client.get("/api/v1/workflows/123e4567-e89b-12d3-a456-426614174000/status")
        broken = client.post(WORKFLOWS, content=b"{", headers={"Content-Type": "application/json"})
    for answer, method, path in (
        (found, "GET", "/api/v1/workflows/123e4567-e89b-12d3-a456-426614174000/status"),
        (broken, "POST", WORKFLOWS),
    ):
        asked = answer.headers["x-request-id"]
        assert answer.json()["request_id"] == asked
        (line,) = [one for one in lines(server) if one["request_id"] == asked]
        assert (line["method"], line["path"], line["status"]) == (method, path, answer.status_code)
        assert (line["peer"], line["owner"]) == ("127.0.0.1", "local")
        assert line["ms"] > 0
        assert abs(datetime.now(timezone.utc) - datetime.fromisoformat(line["time"])) < timedelta(minutes=5)
    assert "Traceback" not in server.log.read_text()


def test_no_page_of_another_origin_is_let_in(server):
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        own = client.get("/", headers={"Origin": server.url})
        foreign = client.get("/", headers={"Origin": "http://evil.example"})
    assert (own.status_code, foreign.status_code) == (200, 403)
    named = [
        name for answer in (own, foreign) for name in answer.headers if name.startswith("access-control")
    ]
    assert named == []


def test_a_request_under_way_is_answered_when_the_server_ends(server):
    """The last one of this module: it ends the server."""
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"name": "late", "tasks": [{"name": "one", "value": 1}]}).encode()
    head = (
        f"POST {WORKFLOWS}/validate HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(head.encode())
        assert b"100 Continue" in line.recv(65536)  # the body is being read
        line.sendall(body[:10])
        ending = threading.Thread(target=server.end)
        ending.start()
        time.sleep(0.5)  # the signal has come; the port of two processes stays open, and nothing tells it
        line.sendall(body[10:])
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    ending.join(60)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'{"valid":true,"diagnostics":[]}' in answer
    assert server.process.returncode == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)


def test_a_server_without_its_prefect_is_alive_and_not_ready(tmp_path, rest_service):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = PrefectApi(f"http://127.0.0.1:{port}/api", None, embedded=False, ui_url="")
    settings = read_settings({}, settings_file(tmp_path, rest_service))
    with in_this_process(settings, away) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/api/v1/health/live").json() == {"status": "alive"}
        ready = client.get("/api/v1/health/ready", timeout=30)
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "5")
