"""The server as a process: what it refuses, its worker, its signals. Most of it without starting one."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from rest_servers import settings_file

from leadagent_prefect.api import attendant as attendants
from leadagent_prefect.api import prefect_side, problems, reading, server
from leadagent_prefect.api.attendant import Attendant
from leadagent_prefect.api.frame import Frame
from leadagent_prefect.api.prefect_side import Order, PrefectSide
from leadagent_prefect.api.settings import read_settings
from leadagent_prefect.api.stored import Stored
from leadagent_prefect.cli import main

# --- the command line ---


def test_an_address_that_others_reach_needs_keys(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LEADAGENT_SERVE_API_KEYS", str(tmp_path / "keys.json"))
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 2
    assert "leadagent keys create" in capsys.readouterr().err
    assert main(["keys", "create", "ci"]) == 0
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--host", "0.0.0.0", "--port", str(port)]) == 2
    assert f"can't listen on 0.0.0.0, port {port}" in capsys.readouterr().err


def test_keys_are_made_listed_and_revoked(tmp_path, capsys):
    config = tmp_path / "serve.yaml"
    config.write_text(json.dumps({"api_keys": str(tmp_path / "keys.json")}))
    options = ["--config", str(config)]
    assert main(["keys", "list", *options]) == 0
    assert main(["keys", "create", "ci", "--scope", "read", *options]) == 0
    made = capsys.readouterr()
    assert made.out.startswith("la_")
    assert main(["keys", "list", "--json", *options]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert (row["name"], row["scopes"], row["id"]) == ("ci", ["read"], made.out.split("_")[1])
    assert main(["keys", "list", *options]) == 0
    assert capsys.readouterr().out == f"{row['id']}  ci  read\n"
    assert main(["keys", "revoke", "ci", *options]) == 0
    assert main(["keys", "revoke", "ci", *options]) == 2


def test_the_module_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["server", "--help"])
    with pytest.raises(SystemExit) as ended:
        server.main()
    assert ended.value.code == 0
    assert "Serve the REST API" in capsys.readouterr().out


# --- processes ---


def _supervisor(started, name, *_, **__):
    return SimpleNamespace(run=lambda: started.append(name))


@pytest.mark.parametrize(
    ("given", "supervisor"), [({"workers": 2}, "Multiprocess"), ({"reload": True}, "ChangeReload")]
)
def test_more_processes_and_reloading_are_uvicorns(monkeypatch, given, supervisor):
    started = []
    for name in ("Multiprocess", "ChangeReload"):
        made = partial(_supervisor, started, name)
        monkeypatch.setattr(f"uvicorn.supervisors.{name}", made)
    monkeypatch.setenv(server._HANDED_ON, "")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server._run(read_settings(given), listener)
    assert started == [supervisor]


def test_a_server_listens_on_ipv6_too_where_there_is_any():
    with server._listening(read_settings({"host": "::1", "port": 0})) as listener:
        assert listener.family == socket.AF_INET6


def test_a_signal_while_the_worker_drains_is_handed_on():
    hurried = []
    kept = SimpleNamespace(hurry=lambda: hurried.append(1))
    with server._signals_kept(kept):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
    with server._signals_kept(None):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
    assert len(hurried) == 2


@pytest.mark.parametrize("worker", [True, False])
def test_a_server_serves_until_its_end_and_ends_the_worker_it_has_started(
    tmp_path, monkeypatch, prefect_api, rest_service, worker
):
    said = []

    def attendant(*_):
        return SimpleNamespace(start=lambda: said.append("start"), stop=lambda: said.append("stop"))

    monkeypatch.setattr(server, "ensure_api", lambda say: prefect_api)
    monkeypatch.setattr(server, "client_environment", lambda api: {})
    monkeypatch.setattr(server, "_run", lambda settings, listener: said.append(settings.port))
    monkeypatch.setattr(server, "Attendant", attendant)
    given = {"port": 0, "worker": worker, "host": "::1"}
    server.serve(read_settings(given, settings_file(tmp_path, rest_service)), said.append)
    told = [line for line in said if line not in ("start", "stop")]
    assert told[0].startswith(f"Serving on http://[::1]:{told[1]}")
    assert [line for line in said if line not in told] == (["start", "stop"] if worker else [])


def test_a_worker_that_ends_by_itself_is_followed_by_another(monkeypatch):
    monkeypatch.setattr(attendants, "_PAUSE", 0.0)
    said, again = [], threading.Event()

    def say(line):
        said.append(line)
        if len(said) == 2:
            kept._over.set()
            again.set()

    kept = Attendant("pool", 1, say)
    kept._command = [sys.executable, "-c", "raise SystemExit(3)"]
    kept.start()
    assert again.wait(60)
    kept.stop()
    assert said[0] == "The worker has ended with status 3; the next one starts in 0 s"


def test_a_worker_that_can_not_be_started_is_tried_again_with_the_environment_of_the_start(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(attendants, "_PAUSE", 0.0)
    monkeypatch.setenv("LEADAGENT_SEEN", "as it was")
    said, again = [], threading.Event()

    def say(line):
        said.append(line)
        code = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(os.environ['LEADAGENT_SEEN'])"
        kept._command = [sys.executable, "-c", code, str(tmp_path / "seen")]
        if len(said) == 2:
            kept._over.set()
            again.set()

    kept = Attendant("pool", 1, say)
    kept._command = [str(tmp_path / "nothing")]
    kept.start()
    monkeypatch.setenv("LEADAGENT_SEEN", "later")
    assert again.wait(60)
    kept.stop()
    assert said[0] == "The worker did not start: No such file or directory; the next one starts in 0 s"
    assert (tmp_path / "seen").read_text() == "as it was"


def test_a_worker_that_starts_while_the_server_ends_is_told_so():
    kept = Attendant("pool", 1, print)
    kept._command = [sys.executable, "-c", "import time; time.sleep(60)"]
    kept._over.is_set = iter([False, True, True, True]).__next__
    kept.start()
    kept._thread.join(30)
    assert kept._process.returncode == -signal.SIGTERM
    kept.hurry()


def test_a_worker_whose_server_is_gone_already_does_not_start(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["attendant", "pool", "1", "0"])
    monkeypatch.setattr(attendants.ctypes, "CDLL", lambda _: SimpleNamespace(prctl=lambda *_: 0))
    assert attendants.main() is None


# --- what fails ---


class Broken:
    """An application that fails, before or after its answer has begun."""

    def __init__(self, error, begins=False):
        self.error, self.begins = error, begins

    async def __call__(self, scope, receive, send):
        if self.begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise self.error


def framed(app):
    return Frame(app, keyless=lambda: False, hosts=frozenset(), seen=lambda *_: None)


async def test_a_bug_is_a_500_without_its_traceback_and_prefect_away_a_503(caplog):
    bug = httpx.ASGITransport(framed(Broken(ZeroDivisionError("secret words"))))
    async with httpx.AsyncClient(transport=bug, base_url="http://x") as client:
        answer = await client.get("/")
    assert (answer.status_code, "secret words" in answer.text) == (500, False)
    assert "secret words" in caplog.text
    away = httpx.ASGITransport(framed(Broken(httpx.ConnectError("x"))))
    async with httpx.AsyncClient(transport=away, base_url="http://x") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_an_answer_that_has_begun_is_cut_off():
    late = httpx.ASGITransport(framed(Broken(ZeroDivisionError(), begins=True)))
    async with httpx.AsyncClient(transport=late, base_url="http://x") as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/")


def test_a_problem_without_a_request_has_no_id():
    assert "request_id" not in json.loads(problems.answer(None, 404, "x").body)


async def test_a_body_that_does_not_come_is_408(monkeypatch):
    from starlette.requests import Request

    async def never():
        import anyio

        await anyio.sleep_forever()

    monkeypatch.setattr(reading, "PATIENCE", 0.0)
    kind = (b"content-type", b"application/json")
    request = Request({"type": "http", "headers": [kind], "method": "POST"}, never)
    with pytest.raises(problems.Problem) as caught:
        await reading.body_of(request, 10)
    assert caught.value.status == 408


# --- Prefect ---


def side(prefect_api, client):
    made = PrefectSide(prefect_api, "pool")
    made.client, made._deployment = client, uuid4()
    return made


@pytest.mark.parametrize(
    ("error", "ready"),
    [
        (None, True),
        (httpx.ConnectError("x"), False),
        (prefect_side.ObjectNotFound(None), False),
        (KeyError(), None),
    ],
)
async def test_it_is_ready_while_prefect_answers_and_has_the_pool(prefect_api, error, ready):
    class Client:
        async def read_work_pool(self, _):
            if error is not None:
                raise error

    if ready is None:
        with pytest.raises(KeyError):
            await side(prefect_api, Client()).ready()
    else:
        assert await side(prefect_api, Client()).ready() is ready


async def test_what_prefect_has_lost_or_has_not_yet_is_made(prefect_api):
    calls = []

    class Client:
        async def create_flow_run_from_deployment(self, deployment, *, parameters, **more):
            calls.append(deployment)
            if len(calls) == 1:
                raise prefect_side.ObjectNotFound(None)
            return SimpleNamespace(parameters=parameters, created=None)

        async def read_work_pool(self, _):
            calls.append("pool")

    async def prepare():
        made._deployment = "new"

    made = side(prefect_api, Client())
    made.prepare, old = prepare, made._deployment
    made._known[ORDER.stored.name] = time.monotonic()
    await made.submit(ORDER)
    assert calls == [old, "new"]
    made._deployment = None
    assert await made.ready()
    made._deployment = None
    await made.submit(ORDER)
    assert calls[2:] == ["pool", "new"]


ORDER = Order(Stored({"name": "w"}, "local"), "{}", "w", 1)


async def test_a_server_is_there_before_its_prefect(prefect_api, caplog):
    made = PrefectSide(prefect_api, "pool")

    async def prepare():
        raise httpx.ConnectError("x")

    made.prepare = prepare
    async with made.opened():
        assert "does not answer yet" in caplog.text


async def test_an_idempotency_key_is_good_for_a_day_and_blocks_are_written_once(prefect_api, monkeypatch):
    monkeypatch.setattr(prefect_side, "_REMEMBERED", 1)
    asked, kept = [], []

    class Client:
        async def create_flow_run_from_deployment(self, _, *, parameters, idempotency_key, **more):
            asked.append(idempotency_key)
            age = timedelta(hours=25) if len(asked) == 1 else timedelta(0)
            created = datetime.now(timezone.utc) - age if len(asked) < 3 else None
            return SimpleNamespace(id=uuid4(), parameters=parameters, created=created)

    async def keep(_, stored):
        kept.append(stored.name)

    monkeypatch.setattr(prefect_side, "keep", keep)
    made = side(prefect_api, Client())
    one, other = (Order(Stored({"name": name}, "local"), "{}", name, 1, "k") for name in ("a", "b"))
    await made.submit(one)
    assert len(set(asked)) == 2
    await made.submit(one)
    assert asked[2] == asked[0]
    for order in (other, one):
        await made.submit(order)
    assert len(kept) == 3


async def test_a_server_that_prefect_has_left_is_not_ready():
    from leadagent_prefect.api.routes import health

    async def never():
        return False

    app = FastAPI()
    app.state.desk = SimpleNamespace(prefect=SimpleNamespace(ready=never))
    app.include_router(health.router)
    problems.install(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        assert (await client.get("/api/v1/health/ready")).status_code == 503
        found = (await client.get("/api/v1/health")).json()
    assert (found["status"], found["prefect"]) == ("degraded", "unreachable")
