from __future__ import annotations

import base64
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from leadagent_prefect.embedded import ensure_api
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.embedded.probe import pulse, without_user_info
from leadagent_prefect.errors import PrefectUnavailable


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Api)
        server.seen.append((self.path, self.headers.get("Authorization")))
        body = server.body
        self.send_response(server.answer)
        self.send_header("Location", "http://127.0.0.1:9/stolen")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


class Api(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = 200
        self.body = b""
        self.seen: list[tuple[str, str | None]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def api(home: ServerHome, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://{server.host}/api")
        yield server
        server.shutdown()
        thread.join()


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_a_configured_api_is_used_as_it_is(api: Api, home: ServerHome) -> None:
    found = ensure_api()
    assert (found.url, found.embedded) == (f"http://{api.host}/api", False)
    assert api.seen == [("/api/admin/version", None)]
    assert not home.folder.exists()


def test_a_redirect_is_an_answer_and_not_followed(api: Api) -> None:
    api.answer = 302
    ensure_api()
    assert len(api.seen) == 1


def test_credentials_are_sent_as_prefect_sends_them(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://you:p%40ss@{api.host}/api")
    ensure_api()
    monkeypatch.setenv("PREFECT_API_KEY", "pnu_key")
    ensure_api()
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:secret")
    ensure_api()
    assert [auth for _, auth in api.seen] == [basic("you:p@ss"), "Bearer pnu_key", basic("me:secret")]


@pytest.mark.parametrize("answer", [401, 403])
def test_refused_credentials_are_reported_without_them(
    api: Api, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    api.answer = answer
    monkeypatch.setenv("PREFECT_API_URL", f"http://you:hidden@{api.host}/api?token=hidden")
    with pytest.raises(PrefectUnavailable) as error:
        ensure_api()
    assert str(error.value) == (
        f"the configured Prefect API at http://{api.host}/api refuses the credentials (HTTP {answer}). "
        "Set PREFECT_API_AUTH_STRING, or PREFECT_API_KEY for Prefect Cloud"
    )


def test_an_api_that_is_down_behind_its_proxy_is_reported(api: Api) -> None:
    api.answer = 502
    with pytest.raises(PrefectUnavailable, match=rf"at http://{api.host}/api answers with HTTP 502"):
        ensure_api()


def test_an_api_that_nobody_serves_is_reported_with_what_to_do(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        monkeypatch.setenv("PREFECT_API_URL", f"http://you:hidden@127.0.0.1:{port}/api")
        with pytest.raises(PrefectUnavailable) as error:
            ensure_api()
    assert f"the configured Prefect API at http://127.0.0.1:{port}/api can't be reached" in str(error.value)
    assert "unset them to let leadagent start a server by itself" in str(error.value)
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "prefect.test/api"])
def test_an_address_that_is_none_is_reported(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(PrefectUnavailable, match="is no http or https address"):
        ensure_api()


def test_a_certificate_that_cannot_be_checked_fails_unless_the_user_says_so(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl

    pem = tmp_path / "pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    subprocess.run(
        [
            *command.split(),
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            pem,
            "-out",
            tmp_path / "crt",
        ],
        check=True,
        capture_output=True,
    )
    pem.write_text(pem.read_text() + (tmp_path / "crt").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    api.socket = context.wrap_socket(api.socket, server_side=True)
    monkeypatch.setenv("PREFECT_API_URL", f"https://{api.host}/api")
    with pytest.raises(PrefectUnavailable, match="certificate"):
        ensure_api()
    monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", str(tmp_path / "crt"))
    assert ensure_api().url == f"https://{api.host}/api"
    monkeypatch.delenv("PREFECT_API_SSL_CERT_FILE")
    monkeypatch.setenv("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "true")
    assert ensure_api().url == f"https://{api.host}/api"


def test_user_info_and_query_are_not_shown() -> None:
    assert without_user_info("https://a:b@host:1/api?key=c") == "https://host:1/api"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (200, b"<html>"),
        (200, b"[1]"),
        (200, b"{}"),
        (200, b'{"instance": "i", "idle_seconds": null}'),
        (503, b'{"instance": "i", "idle_seconds": 1}'),
    ],
)
def test_a_stranger_on_the_port_has_no_pulse(api: Api, answer: int, body: bytes) -> None:
    api.answer, api.body = answer, body
    assert pulse(api.server_address[1], touch=True) is None
    assert api.seen == [("/leadagent/alive", None)]
