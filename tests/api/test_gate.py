"""Who may ask what, over real sockets: keys, scopes, owners, other origins, sizes and rates."""

from __future__ import annotations

import json
import socket

import pytest
from anyio import to_process
from rest_servers import in_this_process, settings_file, taken

from leadagent_prefect.api import aside
from leadagent_prefect.api.problems import Problem
from leadagent_prefect.api.settings import read_settings

WORKFLOWS = "/api/v1/workflows"
UNKNOWN = f"{WORKFLOWS}/123e4567-e89b-12d3-a456-426614174000"


def test_without_a_key_nothing_is_told_but_that_one_is_needed(keyed):
    with keyed.client() as client:
        answers = [
            client.get(WORKFLOWS),
            client.post(WORKFLOWS, json=keyed.workflow()),
            client.get("/metrics"),
        ]
        assert [answer.status_code for answer in answers] == [401] * 3
        assert answers[0].headers["content-type"] == "application/problem+json"
        assert answers[0].headers["www-authenticate"].startswith("Bearer")
        assert client.get("/api/v1/health/live").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer la_00000000_",
        "Bearer schlüssel".encode(),
        b"Basic YTpi",
        b"Bearer " + b"x" * 9000,
    ],
    ids=range(6),
)
def test_what_is_no_key_is_401(keyed, header):
    with keyed.client() as client:
        assert client.get(WORKFLOWS, headers={b"Authorization": header}).status_code == 401


def test_a_header_beyond_measure_is_refused(keyed):
    host, port = keyed.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1_000_000)
        assert line.recv(100).startswith(b"HTTP/1.1 400")


def test_a_key_may_do_what_its_scopes_say(keyed):
    with keyed.client(keyed.keys["reader"]) as reader, keyed.client(keyed.keys["alice"]) as alice:
        assert reader.get(WORKFLOWS).status_code == 200
        refused = [
            reader.post(WORKFLOWS, json=keyed.workflow()),
            reader.delete(UNKNOWN),
            reader.post("/api/v1/agents/test", json={}),
            reader.get("/metrics"),
            alice.get("/metrics"),
        ]
        assert [answer.status_code for answer in refused] == [403] * 5
    with keyed.client(keyed.keys["root"]) as root:
        assert b"leadagent_http_requests_total" in root.get("/metrics").content


def test_anothers_run_is_as_one_that_does_not_exist(keyed):
    with keyed.client(keyed.keys["alice"]) as alice, keyed.client(keyed.keys["bob"]) as bob:
        run = taken(alice, keyed.workflow())
        path = f"{WORKFLOWS}/{run}"
        asked = [("GET", ""), ("GET", "/status"), ("GET", "/logs"), ("GET", "/events"), ("DELETE", "")]
        for method, end in asked:
            foreign, unknown = bob.request(method, path + end), bob.request(method, UNKNOWN + end)
            assert (foreign.status_code, unknown.status_code) == (404, 404)
            told = [{k: v for k, v in one.json().items() if k != "request_id"} for one in (foreign, unknown)]
            assert told[0] == told[1]
        assert run not in [row["execution_id"] for row in bob.get(WORKFLOWS).json()["workflows"]]
        assert run in [row["execution_id"] for row in alice.get(WORKFLOWS).json()["workflows"]]
        with keyed.client(keyed.keys["root"]) as root:
            assert root.get(path).status_code == 200
        assert keyed.ended(alice, run)["status"] == "completed"


@pytest.mark.parametrize("run", ["x", "..%2F..", "123", "%00", "𝟙"])
def test_an_id_that_is_none_is_404(rest, run):
    with rest.client() as client:
        assert client.get(f"{WORKFLOWS}/{run}").status_code == 404


def test_a_page_of_another_site_can_not_drive_a_server_without_keys(rest, keyed):
    with rest.client() as client:
        own = {"Origin": rest.url}
        assert client.get(WORKFLOWS, headers=own).status_code == 200
        for headers in (
            {"Host": "evil.example"},
            {"Host": ""},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
        ):
            assert client.get(WORKFLOWS, headers=headers).status_code == 403
        form = client.post(
            WORKFLOWS, content=json.dumps(rest.workflow()), headers={"Content-Type": "text/plain"}
        )
        assert form.status_code == 415
        preflight = client.options(WORKFLOWS, headers={"Access-Control-Request-Method": "POST", **own})
        assert "access-control-allow-origin" not in preflight.headers
    with keyed.client(keyed.keys["reader"]) as client:  # a browser does not send a key by itself
        assert client.get(WORKFLOWS, headers={"Host": "workflows.example"}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=1000000000",
        "page=abc",
        "page_size=0",
        "page_size=101",
        "page_size=100000",
        "status=done",
    ],
)
def test_a_page_that_there_can_not_be_is_422(rest, query):
    with rest.client() as client:
        answer = client.get(f"{WORKFLOWS}?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_body_is_counted_as_it_comes(rest):
    def endless():
        for _ in range(40):
            yield b" " * 100_000

    with rest.client() as client:
        kind = {"Content-Type": "application/json"}
        assert client.post(WORKFLOWS, content=endless(), headers=kind).status_code == 413
        assert client.post(WORKFLOWS, content=b" " * 3_000_000, headers=kind).status_code == 413
        packed = {**kind, "Content-Encoding": "gzip"}
        assert client.post(WORKFLOWS, content=b"x", headers=packed).status_code == 415


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"a": NaN}', 400), (b'{"name": "\\ud800"}', 400), (b"{}", 422), (b'{"name": 3}', 422)],
)
def test_a_problem_tells_what_and_where_and_no_traceback(rest, body, status):
    with rest.client() as client:
        answer = client.post(WORKFLOWS, content=body, headers={"Content-Type": "application/json"})
        found = answer.json()
        assert (answer.status_code, found["status"]) == (status, status)
        assert found["request_id"] == answer.headers["x-request-id"]
        assert found["diagnostics"]
        assert "Traceback" not in answer.text
        assert "/leadagent_prefect/" not in answer.text


def test_no_route_and_no_method_are_problems_too(rest):
    with rest.client() as client:
        for method, path, status in (
            ("GET", "/nowhere", 404),
            ("PUT", WORKFLOWS, 405),
            ("GET", "/docs-assets/../x", 404),
        ):
            answer = client.request(method, path)
            assert (answer.status_code, answer.headers["content-type"]) == (
                status,
                "application/problem+json",
            )


def test_too_many_requests_are_told_when_to_come_again(rest, prefect_api, tmp_path):
    given = {"rate_limit": "3/minute", "allowed_hosts": ["workflows.example"]}
    settings = read_settings(given, settings_file(tmp_path, rest.service))
    with in_this_process(settings, prefect_api) as url, rest.client() as client:
        named = client.get(f"{url}{WORKFLOWS}", headers={"Host": "workflows.example"})
        codes = [client.get(f"{url}{WORKFLOWS}").status_code for _ in range(3)]
        assert (named.status_code, codes) == (200, [200, 200, 429])
        answer = client.get(f"{url}{WORKFLOWS}")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert client.get(f"{url}/api/v1/health/live").status_code == 200


async def test_a_workflow_that_takes_for_ever_to_check_is_given_up(monkeypatch):
    monkeypatch.setattr(aside, "PATIENCE", 5.0)
    schema = {"type": "string", "pattern": "(a+)+$"}
    body = {"workflow": {"name": "w", "tasks": [{"name": "t", "value": 1}], "inputs": {"s": schema}}}
    hostile = json.dumps({**body, "inputs": {"s": "a" * 40 + "b"}}).encode()
    with pytest.raises(Problem, match="takes more than"):
        await aside.aside(aside.taken, hostile, "application/json", read_settings({}))
    monkeypatch.setattr(aside, "PATIENCE", 60.0)
    with pytest.raises(Problem) as caught:
        await aside.aside(aside.taken, b"{}", "application/json", read_settings({}))
    assert caught.value.more["diagnostics"]


async def test_a_machine_that_is_too_busy_to_check_a_body_says_when_to_come_again(monkeypatch):
    """The time that a process takes to start is no fault of what is to be checked."""
    monkeypatch.setattr(aside, "START", 0.0)
    with pytest.raises(Problem) as caught:
        await aside.aside(aside.taken, b"{}", "application/json", read_settings({}))
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "15"})


async def test_a_body_whose_turn_does_not_come_is_to_come_again(monkeypatch):
    monkeypatch.setattr(aside, "WAIT", 0.05)
    turns = to_process.current_default_process_limiter()
    others = [object() for _ in range(int(turns.total_tokens))]
    for other in others:
        turns.acquire_on_behalf_of_nowait(other)
    with pytest.raises(Problem) as caught:
        await aside.aside(aside.taken, b"{}", "application/json", read_settings({}))
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "15"})
    for other in others:
        turns.release_on_behalf_of(other)
