"""The board of a process: its requests, what it looks at, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import threading

import httpx
import pytest
from chaos import chaos_service
from prefect.context import SettingsContext, get_settings_context

from leadagent_prefect.engine.shared import board as module
from leadagent_prefect.engine.shared.board import Board
from leadagent_prefect.engine.shared.record import Form

NOWHERE = "http://127.0.0.1:9/api"


def started(url: str) -> Board:
    here = get_settings_context()
    board = Board(
        SettingsContext(profile=here.profile, settings=here.settings.copy_with_update({"api.url": url}))
    )
    board.start()
    return board


async def until(true) -> None:
    while not true():  # noqa: ASYNC110  # what is waited for happens in another thread
        await asyncio.sleep(0.01)


@pytest.fixture
def board():
    board = started(NOWHERE)
    yield board
    board.stop()


def answers(*given):
    left = list(given)

    async def ask(_):
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


async def test_a_server_that_is_busy_is_asked_again(board):
    ask = answers(module._BusyError(), httpx.ReadError("closed"), "here")

    assert await board.ask(board.request(ask)) == "here"
    assert not board.away


async def test_an_api_that_is_away_is_said_once_and_so_is_its_return(board, caplog):
    with caplog.at_level(logging.INFO, logger=module.__name__):
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                await board.ask(board.request(answers(httpx.ConnectError("nobody"))))
        assert board.away
        assert await board.ask(board.request(answers(1))) == 1
        assert await board.ask(board.request(answers(2))) == 2

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert not board.away


async def test_without_an_api_records_are_the_processes_own(board):
    async def play():
        record = board.record("leadagent-n", Form(0, lambda n: {"n": n}, int))
        assert board.record("leadagent-n", Form(0, lambda n: {"n": n}, int)) is record
        await board.fresh(1.0)
        await board.fresh(1.0)  # it is away: nobody is asked
        return (await record.change(lambda n: (n + 1, None))).after

    assert await board.ask(play()) == 1


async def test_refusals_of_a_busy_server_never_reach_the_client_of_prefect(tmp_path):
    with chaos_service(tmp_path / "history.jsonl") as service:
        service.rule("/", status=503)
        board = started(service.url)
        try:
            request = board.request(lambda client: client.request("GET", "/x/y"))
            asking = asyncio.ensure_future(board.ask(request))
            await until(lambda: len(service.history().requests) >= 2)
            service.rule("/", status=200)
            assert (await asking).json() == {"run": "x", "task": "y"}
        finally:
            board.stop()


async def test_it_looks_again_and_again_at_what_is_watched(board, monkeypatch):
    looks = [threading.Event(), threading.Event()]

    async def chore():
        looks[looks[0].is_set()].set()

    async def nothing():
        looks.append(threading.Event())

    monkeypatch.setattr(module, "_CALM", 0.01)
    monkeypatch.setattr(board, "refresh", nothing)
    board.chores.append(chore)
    await asyncio.to_thread(looks[1].wait, 20)
    assert len(looks) == 2  # nothing is watched

    async def watch():
        from leadagent_prefect.engine.shared.circuits import KIND
        from leadagent_prefect.resilience.circuit import Circuit, circuit_of

        board.record(f"{KIND}x", Form(Circuit(), Circuit.as_json, circuit_of))
        board.watched.add(f"{KIND}x")

    await board.ask(watch())
    await until(lambda: len(looks) >= 4)


async def test_an_api_that_was_away_is_asked_until_it_is_back_though_nothing_is_watched(board, monkeypatch):
    monkeypatch.setattr(module, "_CALM", 0.01)
    with pytest.raises(httpx.ConnectError):
        await board.ask(board.request(answers(httpx.ConnectError("nobody"))))

    async def read_all(client, prefix):
        return {}

    assert board.away
    monkeypatch.setattr(module.variables, "read_all", read_all)
    await until(lambda: not board.away)


async def test_its_end_waits_for_what_is_to_be_written_but_not_for_ever(monkeypatch):
    monkeypatch.setattr(module, "_FAREWELL_SECONDS", 0.3)
    board, done = started(NOWHERE), []

    async def write():
        await asyncio.sleep(0.05)
        done.append("written")

    async def fail():
        raise OSError("of no use to anybody")

    async def hang():
        await asyncio.sleep(600)

    async def play():
        for work in (write, fail, hang):
            board.aside(work())
        board.record("leadagent-n", Form(0, lambda n: {"n": n}, int))

    await board.ask(play())
    await asyncio.to_thread(board.stop)

    assert done == ["written"]
