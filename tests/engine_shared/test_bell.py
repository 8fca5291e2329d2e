"""What one process has written is known to the others of its machine before their next call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.context import SettingsContext, get_settings_context
from prefect.settings import get_current_settings

from leadagent_prefect.embedded.client import use_api
from leadagent_prefect.engine.shared import board as module
from leadagent_prefect.engine.shared import guards
from leadagent_prefect.engine.shared.bell import Bell
from leadagent_prefect.engine.shared.board import Board
from leadagent_prefect.engine.shared.breakers import close_breakers
from leadagent_prefect.engine.shared.circuits import Circuits
from leadagent_prefect.errors import CircuitOpen
from leadagent_prefect.redaction import Redactor
from leadagent_prefect.resilience.circuit import Thresholds, Ticket
from leadagent_prefect.resilience.service import Service

SERVICE = Service("rung-1", "http_api https://rung")
WANTED = Thresholds(failures=1, recovery=600.0)


def settings(home, url="http://127.0.0.1:9/api"):
    return get_current_settings().copy_with_update({"home": home, "api.url": url})


def test_those_of_one_home_and_api_hear_each_other_and_nobody_else(tmp_path):
    bells = [Bell(settings(tmp_path)) for _ in range(2)]
    others = [Bell(settings(tmp_path, "http://127.0.0.1:10/api")), Bell(settings(tmp_path / "other"))]
    before = [bell.rung_at() for bell in (*bells, *others)]

    bells[0].ring()

    assert [bell.rung_at() != was for bell, was in zip((*bells, *others), before, strict=True)] == [
        *(True, True, False, False)
    ]
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "leadagent").iterdir()] == [0o600] * 2


def test_it_rings_anew_however_soon(tmp_path):
    bell, heard = Bell(settings(tmp_path)), set()
    for _ in range(100):
        bell.ring()
        heard.add(bell.rung_at())

    assert len(heard) == 100


def test_where_nothing_can_be_written_it_never_rings():
    bell = Bell(settings(Path("/proc/nobody-may")))
    bell.ring()

    assert bell.rung_at() == 0


@pytest.fixture
def boards(prefect_api, monkeypatch):
    """Two, as two processes have them, that look at what others write but once an hour by themselves."""
    monkeypatch.setattr(module, "_CALM", 3600.0)
    monkeypatch.setattr(module, "_ALERT", 3600.0)
    with use_api(prefect_api):
        here = get_settings_context()
        boards = [Board(SettingsContext(profile=here.profile, settings=here.settings)) for _ in range(2)]
        for board in boards:
            board.start()
        yield boards
        for board in boards:
            board.stop()


async def test_an_opening_and_a_closing_are_known_at_the_next_call(boards):
    one, other = (Circuits(board) for board in boards)
    mine = await boards[0].ask(one.open(SERVICE))
    theirs = await boards[1].ask(other.open(SERVICE))
    assert theirs.view.healthy
    assert not boards[1].rung()

    await boards[0].ask(one.leave(mine, Ticket(mine.view.generation), "failure", WANTED, "it broke"))

    assert boards[1].rung()
    turn = (await boards[1].ask(other.enter(theirs, WANTED, 1.0))).decision
    assert turn.ticket is None
    assert not boards[1].rung()

    await close_breakers([mine.name.removeprefix("leadagent-breaker-")])

    turns = [
        (await board.ask(circuits.enter(circuit, WANTED, 1.0))).decision
        for board, circuits, circuit in ((boards[0], one, mine), (boards[1], other, theirs))
    ]
    assert [turn.ticket is not None for turn in turns] == [True, True]


async def test_nobody_waits_for_a_limit_where_another_process_has_opened_the_circuit(boards):
    one, other = (Circuits(board) for board in boards)
    mine = await boards[0].ask(one.open(Service("rung-2", "http_api https://rung-2")))
    theirs = await boards[1].ask(other.open(Service("rung-2", "http_api https://rung-2")))
    run: Any = SimpleNamespace(redactor=Redactor([]))
    desk: Any = SimpleNamespace(board=boards[1])
    passage = guards._Passage(run, desk, guards._Rules(SERVICE, WANTED, None, None), theirs, desk)
    await passage._look()

    await boards[0].ask(one.leave(mine, Ticket(mine.view.generation), "failure", WANTED, "it broke"))

    with pytest.raises(CircuitOpen, match="it broke"):
        await passage._look()


async def test_a_read_that_began_before_it_rang_is_not_enough(boards, monkeypatch):
    began, may_end, reads = asyncio.Event(), asyncio.Event(), []
    board, real = boards[0], module.variables.read_all

    async def slowly(client, prefix):
        rows = await real(client, prefix)
        reads.append(len(reads))
        if len(reads) == 1:
            began.set()
            await may_end.wait()
        return rows

    async def play():
        reading = asyncio.ensure_future(board.refresh())
        await began.wait()
        Bell(get_current_settings()).ring()
        asking = asyncio.ensure_future(board.fresh(60.0))
        await asyncio.sleep(0)
        may_end.set()
        await asyncio.gather(reading, asking)

    monkeypatch.setattr(module.variables, "read_all", slowly)
    await board.ask(play())

    assert len(reads) == 2
    assert not board.rung()
