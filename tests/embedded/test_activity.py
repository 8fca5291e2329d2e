from __future__ import annotations

import asyncio
import json
import math
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect.embedded.activity import Activity, CountedApp, Receive, Scope, Send
from leadagent_prefect.embedded.idle import end_anyway, idle_limit, trim, watch
from leadagent_prefect.errors import PrefectUnavailable

from .conftest import python


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Door:
    """An app that answers when it is let, and notes what it was asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.open = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope["type"])
        await self.open.wait()


async def nothing() -> MutableMapping[str, Any]:
    return {}


async def swallow(message: MutableMapping[str, Any]) -> None:
    return None


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_what_is_open_keeps_the_server_busy(kind: str) -> None:
    clock = Clock()
    activity = Activity(clock)
    door = Door()
    app = CountedApp(door, activity, "me")
    request = asyncio.ensure_future(app({"type": kind, "path": "/api/x"}, nothing, swallow))
    await asyncio.sleep(0)
    clock.now += 5000
    assert activity.idle_seconds() == 0.0
    door.open.set()
    await request
    clock.now += 7
    assert activity.idle_seconds() == 7.0
    assert door.seen == [kind]


async def test_the_lifespan_of_the_server_is_no_activity() -> None:
    clock = Clock()
    activity = Activity(clock)
    door = Door()
    running = asyncio.ensure_future(CountedApp(door, activity, "me")({"type": "lifespan"}, nothing, swallow))
    await asyncio.sleep(0)
    clock.now += 5
    assert activity.idle_seconds() == 5.0
    door.open.set()
    await running


async def ask(app: CountedApp, method: str) -> tuple[int, dict[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def keep(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "path": "/leadagent/alive", "method": method}, nothing, keep)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def test_asking_how_long_it_idles_does_not_count_and_touching_it_does() -> None:
    clock = Clock()
    activity = Activity(clock)
    app = CountedApp(Door(), activity, "me")
    clock.now += 9
    assert await ask(app, "GET") == (200, {"instance": "me", "idle_seconds": 9.0})
    assert activity.idle_seconds() == 9.0
    await ask(app, "POST")
    assert activity.idle_seconds() == 0.0


async def test_a_server_that_is_stopping_says_so() -> None:
    status, _ = await ask(CountedApp(Door(), Activity(), "me", lambda: True), "POST")
    assert status == 503


class Server:
    def __init__(self, *, started: bool = True) -> None:
        self.started = started
        self.should_exit = False


async def test_an_idle_server_is_asked_to_stop(tmp_path: Path) -> None:
    server = Server()
    await watch(server, Activity(), limit=0.01, is_ours=lambda: True, log=tmp_path / "none")
    assert server.should_exit


async def test_a_server_whose_files_are_gone_is_asked_to_stop(tmp_path: Path) -> None:
    server = Server()
    answers = [True, True, False]
    clock = Clock()
    await watch(server, Activity(clock), limit=0.01, is_ours=lambda: answers.pop(0), log=tmp_path / "none")
    assert server.should_exit
    assert answers == []


async def test_the_time_a_start_takes_is_not_idle(tmp_path: Path) -> None:
    server = Server(started=False)
    clock = Clock()
    hours: list[float] = []

    def hour_passes() -> bool:
        clock.now += 3600
        hours.append(clock.now)
        server.started = len(hours) == 3
        return True

    await watch(server, Activity(clock), limit=0.01, is_ours=hour_passes, log=tmp_path / "none")
    assert len(hours) == 3
    assert server.should_exit


STUCK = """
import time
from leadagent_prefect.embedded.idle import end_anyway
end_anyway(0.01)
time.sleep(600)
"""


def test_a_stop_that_hangs_is_cut_off() -> None:
    with python(STUCK) as stuck:
        assert stuck.wait() == 1
    timer = end_anyway()
    assert timer.daemon
    timer.cancel()
    timer.join()


def test_a_log_that_grew_is_emptied_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("a") as writer:
        writer.write("x" * 100)
        writer.flush()
        trim(log, limit=100)
        assert log.stat().st_size == 100
        trim(log, limit=99)
        writer.write("y")
    assert log.read_text() == "y"


@pytest.mark.parametrize(
    ("text", "seconds"), [("2.5", 2.5), ("", 1800.0), ("0", math.inf), ("inf", math.inf)]
)
def test_the_idle_limit_is_in_seconds(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADAGENT_SERVER_IDLE_SECONDS", text)
    assert idle_limit() == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_an_idle_limit_that_is_none_is_reported(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADAGENT_SERVER_IDLE_SECONDS", text)
    with pytest.raises(PrefectUnavailable, match=f"LEADAGENT_SERVER_IDLE_SECONDS is '{text}'"):
        idle_limit()
