"""What comes over the line, byte by byte where no client sends it so: refused in a form, never a 500."""

from __future__ import annotations

import json
import re
import socket
import time
from types import SimpleNamespace

import httpx
import pytest
from rest_servers import in_this_process

from leadagent_prefect.api import line
from leadagent_prefect.api.keys import KeyFile
from leadagent_prefect.api.settings import Settings, read_settings

WORKFLOWS = "/api/v1/workflows"
RUN = f"{WORKFLOWS}/123e4567-e89b-12d3-a456-426614174000"
PROBLEM = "application/problem+json"
VALUES = {"name": "values", "tasks": [{"name": "one", "value": 1}]}


@pytest.fixture(scope="module")
def server(prefect_api, tmp_path_factory):
    """Without keys, and without a worker: no run is executed."""
    given = {"api_keys": tmp_path_factory.mktemp("open") / "keys.json", "rate_limit": "100000/minute"}
    with in_this_process(read_settings(given), prefect_api) as url:
        yield url


@pytest.fixture(scope="module")
def locked(server, prefect_api, tmp_path_factory):
    """With keys, few wrong keys and few tests of agents."""
    path = tmp_path_factory.mktemp("locked") / "keys.json"
    keys = {name: KeyFile(path).create(name, ["read", "submit"])[1] for name in ("alice", "bob")}
    given = {"api_keys": path, "rate_limit": "40/minute", "agent_test_limit": "1/minute"}
    with in_this_process(read_settings(given), prefect_api) as url:
        yield SimpleNamespace(url=url, **keys)


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server, timeout=60, trust_env=False) as client:
        yield client


def send(url, *parts):
    """The raw answer to raw bytes; empty where the line was closed without one."""
    host, port = url.removeprefix("http://").split(":")
    found = b""
    with socket.create_connection((host, int(port)), timeout=20) as line:
        for part in parts:
            line.sendall(part)
        try:
            while chunk := line.recv(65536):
                found += chunk
        except ConnectionResetError:
            pass
    return found


def get(path, *headers):
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


# --- what is no request ---------------------------------------------------------------------------

NO_HTTP = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "another version": b"GET / HTTP/2\r\nHost: localhost\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
    "a header folded over": b"GET / HTTP/1.1\r\nHost: localhost\r\n X: 1\r\nX\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no number of bytes": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    "less than no bytes": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "another coding": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a header of 20 KiB": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000,
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_what_is_no_request_is_a_problem_as_any_other(server, name):
    head, _, body = send(server, NO_HTTP[name]).partition(b"\r\n\r\n")
    assert head.split()[1] in (b"400", b"501"), head
    assert f"content-type: {PROBLEM}".encode() in head.lower()
    assert b"connection: close" in head.lower()
    assert json.loads(body)["status"] == 400
    assert b"server:" not in head.lower()


CHUNKED = (
    f"POST {WORKFLOWS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Transfer-Encoding: chunked\r\n\r\n"
).encode()


def test_a_chunk_that_is_none_ends_the_request(server):
    assert send(server, CHUNKED, b"5\r\nhello\r\nzz\r\n").split()[1] == b"400"


def test_a_body_that_is_cut_short_is_nobodys_failure(server, caplog):
    caplog.set_level("INFO", "leadagent.api.access")
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as cut:
        cut.sendall(CHUNKED + b"5\r\nhello\r\n")
    until = time.monotonic() + 30
    while not (lines := [one for one in caplog.records if one.name == "leadagent.api.access"]):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert json.loads(lines[0].message)["status"] == 400
    assert "a request failed" not in caplog.text


def test_an_error_after_the_answer_closes_the_line(server):
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as broken:
        broken.sendall(CHUNKED.replace(b"application/json", b"text/plain"))
        found = broken.recv(65536)
        broken.sendall(b"zz\r\n")
        while more := broken.recv(65536):
            found += more
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"415"]


# --- a request that does not come -----------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"GET / HTTP/1.1\r\n"],
        [b"GET / HTTP/1.1\r\n", b"Host: localhost\r\n", b"X: 1\r\n"],
        [b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", b"x", b"x"],
    ],
    ids=["nothing", "a line", "a header at a time", "a body that nobody waits for"],
)
def test_who_sends_too_slowly_loses_the_line(server, monkeypatch, parts):
    monkeypatch.setattr(line, "PATIENCE", 0.2)
    answer = send(server, *parts)  # comes to an end: the other side closes
    assert answer == b"" or answer.split()[1] == b"405"


def test_a_line_that_is_used_again_is_not_given_up(server, monkeypatch):
    monkeypatch.setattr(line, "PATIENCE", 0.5)
    with httpx.Client(base_url=server, trust_env=False) as client:
        for _ in range(30):
            assert client.post(f"{WORKFLOWS}/validate", json=VALUES).status_code == 200


# --- who asks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "http://evil.example\\@localhost", "é"])
def test_an_origin_that_is_no_url_is_a_foreign_one(server, origin):
    assert send(server, get("/api/v1/health/live", f"Origin: {origin}")).split()[1] == b"403"


@pytest.mark.parametrize(
    "host", ["localhost:99999999", "[::1", "127.0.0.1.evil.example", "localhost@evil", "é"]
)
def test_a_host_that_is_none_is_another_machine(server, host):
    asked = get(WORKFLOWS).replace(b"Host: localhost", f"Host: {host}".encode("latin-1"))
    assert send(server, asked).split()[1] in (b"403", b"200" if host.startswith("localhost:") else b"403")


def test_a_wrong_key_is_wrong_at_its_first_and_at_its_last_character_and_elsewhere(locked):
    right = locked.alice
    at = right.index("_", 3) + 1
    wrong = [
        right[:at] + ("A" if right[at] != "A" else "B") + right[at + 1 :],
        right[:-1] + ("A" if right[-1] != "A" else "B"),
        right + "A",
        right[:-1],
        right.replace(right[3:11], "00000000"),
        locked.bob[: at + 1] + right[at + 1 :],
    ]
    with httpx.Client(base_url=locked.url, trust_env=False) as client:

        def asked(value):
            return client.get(RUN, headers={"Authorization": value}).status_code

        assert [asked(f"Bearer {key}") for key in wrong] == [401] * len(wrong)
        assert (asked(f"Bearer {right}"), asked(f"bearer  {right}")) == (404, 404)
        assert client.get(f"{WORKFLOWS}?api_key={right}&access_token={right}").status_code == 401
        assert client.get(RUN, auth=("", right)).status_code == 401
        two = [("Authorization", "Bearer x"), ("Authorization", f"Bearer {right}")]
        assert client.get(RUN, headers=two).status_code == 401


def test_whoever_asks_too_often_is_told_so_and_nobody_else(locked):
    test = {"agent_config": {"name": "a", "type": "http_api", "endpoint": "http://127.0.0.1:1"}}
    with httpx.Client(base_url=locked.url, trust_env=False, timeout=30) as client:
        alice, bob = ({"Authorization": f"Bearer {key}"} for key in (locked.alice, locked.bob))
        tested = [client.post("/api/v1/agents/test", json=test, headers=alice) for _ in range(2)]
        assert [answer.status_code for answer in tested] == [200, 429]
        codes = [client.get(RUN, headers=alice).status_code for _ in range(41)]
        limited = client.get(RUN, headers=alice)
        wrong = [client.get(RUN).status_code for _ in range(31)]
        assert (codes[-1], wrong[-1]) == (429, 429)
        assert client.get(RUN, headers=bob).status_code == 404
    for answer in (tested[1], limited):
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.json()["detail"].startswith("too many requests")


# --- what they ask for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", WORKFLOWS, "GET, POST"),
        ("OPTIONS", WORKFLOWS, "GET, POST"),
        ("PATCH", RUN, "GET, DELETE"),
        ("POST", RUN, "GET, DELETE"),
        ("GET", f"{RUN}/resume", "POST"),
        ("GET", f"{WORKFLOWS}/validate", "POST"),
        ("DELETE", "/api/v1/health", "GET"),
        ("TRACE", "/", "GET"),
        ("POST", "/docs-assets/redoc.standalone.js", "GET, HEAD"),
    ],
)
def test_a_method_that_there_is_not_is_told_which_there_are(client, method, path, allowed):
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/%ff%fe",
        "/..%2f..%2fetc%2fpasswd",
        "/docs-assets/..%2f..%2fpyproject.toml",
        f"{WORKFLOWS}/%F0%9F%98%80",
        f"{WORKFLOWS}/",
        f"{WORKFLOWS}//status",
        f"{RUN}/nothing",
        f"{WORKFLOWS}/" + "a" * 8000,
        f"{WORKFLOWS}/{{execution_id}}",
        f"{WORKFLOWS}/00000000-0000-0000-0000-000000000000",
        "http://evil.example/",
    ],
)
def test_a_path_that_leads_nowhere_is_404(server, path):
    answer = send(server, get(path))
    assert answer.split()[1] == b"404", answer[:200]
    assert b"Traceback" not in answer


@pytest.mark.parametrize("where", [WORKFLOWS, f"{RUN}/logs"])
@pytest.mark.parametrize(
    "query",
    [
        "page=1e9",
        "page=",
        "page=1.5",
        "page=%00",
        f"page={2**63}",
        "page_size=-1",
        "page_size=1e2",
        "page=[]",
    ],
)
def test_a_page_that_is_no_number_is_422(client, where, query):
    answer = client.get(f"{where}?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"].startswith("query.page")


@pytest.mark.parametrize("query", ["page=1&page=2", "page=1;page=0", "unknown=1", "%zz", "page=1&" * 500])
def test_an_odd_query_is_no_failure(client, query):
    assert client.get(f"{WORKFLOWS}?{query}").status_code in (200, 422)


BODIES = {
    "not a number": b'{"a": NaN}',
    "infinite": b'{"a": -Infinity}',
    "too large for any number": b'{"a": 1e999}',
    "half a pair": b'{"a": "\\ud800"}',
    "a key twice": b'{"name": "a", "name": "b"}',
    "deep": b'{"a": ' + b"[" * 100_000,
    "many digits": b'{"a": ' + b"9" * 5000 + b"}",
    "no UTF-8": b'{"a": "\xff"}',
    "a mark before it": b"\xef\xbb\xbf[]",
    "more after it": b"{} {}",
    "a control character": b'{"a": "\x01"}',
    "nothing": b"",
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", [WORKFLOWS, f"{WORKFLOWS}/validate", "/api/v1/agents/test"])
def test_what_is_not_json_is_400_at_every_endpoint(client, name, path):
    answer = client.post(path, content=BODIES[name], headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == PROBLEM
    assert not re.search(r'Traceback|\.py"|/home/|site-packages', answer.text)


@pytest.mark.parametrize(
    "body",
    [
        "a: &a [x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\n" * 1,
        "a: &a [*a]",
        "a: !!python/object/apply:os.system ['id']",
        "on: yes\n? [1]\n: 2",
        "--- {}\n--- {}",
        "a: 1\na: 2",
    ],
    ids=range(6),
)
def test_what_is_hostile_in_yaml_is_no_failure(client, body):
    answer = client.post(WORKFLOWS, content=body, headers={"Content-Type": "application/yaml"})
    assert answer.status_code in (400, 422)
    assert answer.json()["diagnostics"]


@pytest.mark.parametrize("packed", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "x"])
def test_a_packed_body_is_415(client, packed):
    kind = {"Content-Type": "application/json", "Content-Encoding": packed}
    assert client.post(WORKFLOWS, content=b"{}", headers=kind).status_code == 415


@pytest.mark.parametrize("key", ["", " ", "a b", "schl\u00fcssel", "x" * 256, "a\tb"], ids=range(6))
def test_a_key_of_a_request_is_visible_ascii(server, key):
    kind = ["Content-Type: application/json", f"Content-Length: {len(json.dumps(VALUES))}"]
    head = get(WORKFLOWS, *kind, f"Idempotency-Key: {key}").replace(b"GET", b"POST", 1)
    answer = send(server, head, json.dumps(VALUES).encode())
    assert answer.split()[1] == b"422"
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert problem["errors"][0]["where"] == "header.Idempotency-Key"


def test_nothing_is_for_development_by_itself():
    settings = Settings()
    assert (settings.debug, settings.reload, settings.insecure) == (False, False, False)
