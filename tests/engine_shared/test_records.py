"""Records that many processes change: versions, conflicts, and what happens while the API is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from leadagent_prefect.engine.shared.clock import SharedClock
from leadagent_prefect.engine.shared.record import Form, Record
from leadagent_prefect.engine.shared.variables import Version


def read(data: Any) -> int:
    if not isinstance(data, Mapping):
        raise ValueError("no number")
    return int(data["n"])


FORM = Form(0, lambda n: {"n": n}, read)


class Shelf:
    """The store of a test: one record, as others and `Record` write it."""

    def __init__(self) -> None:
        self.away = False
        self.version = Version()
        self.records: list[Record[int]] = []
        self.rivals = 0
        self.refused = False
        self.gate: asyncio.Event | None = None

    def record(self) -> Record[int]:
        record = Record("leadagent-n", FORM, self, self.wrote.append)
        self.records.append(record)
        return record

    wrote: list[Any]

    async def write(self, name: str, number: int, data: Mapping[str, Any]) -> bool:
        if self.gate is not None:
            await self.gate.wait()
        if self.refused:
            self.away = True
            raise OSError("away")
        if self.rivals:
            self.rivals -= 1
            self.other(10)
        if number != self.version.number + 1:
            return False
        self.version = Version(number, data)
        return True

    def other(self, add: int) -> None:
        before = FORM.start if self.version.data is None else read(self.version.data)
        self.version = Version(self.version.number + 1, {"n": before + add})

    async def refresh(self) -> None:
        for record in self.records:
            record.take(self.version, float("inf"))


@pytest.fixture
def shelf():
    shelf = Shelf()
    shelf.wrote = []
    return shelf


def add(n: int):
    return lambda state: (state + n, f"{state}+{n}")


async def test_a_change_is_written_and_says_what_it_decided(shelf):
    record = shelf.record()

    changed = await record.change(add(1))

    assert (changed.before, changed.after, changed.decision) == (0, 1, "0+1")
    assert shelf.version == Version(1, {"n": 1})
    assert (record.view, record.number, shelf.wrote) == (1, 1, [record])


async def test_a_change_that_changes_nothing_is_not_written(shelf):
    assert (await shelf.record().change(lambda state: (state, "as it is"))).decision == "as it is"
    assert shelf.version.number == 0
    assert not shelf.wrote


async def test_whoever_comes_second_decides_anew(shelf):
    record = shelf.record()
    shelf.rivals = 2

    assert (await record.change(add(1))).decision == "20+1"
    assert shelf.version == Version(3, {"n": 21})


async def test_changes_of_one_moment_are_written_together(shelf):
    record = shelf.record()
    shelf.gate = asyncio.Event()
    changes = [asyncio.ensure_future(record.change(add(1))) for _ in range(3)]
    await asyncio.sleep(0)
    assert record.view == 3  # this process goes by them at once

    shelf.gate.set()

    assert [one.decision for one in await asyncio.gather(*changes)] == ["0+1", "1+1", "2+1"]
    assert shelf.version.number == 1
    await record.settle()
    assert record.known == 3


async def test_what_is_read_while_it_writes_is_old(shelf):
    record = shelf.record()
    shelf.gate = asyncio.Event()
    change = asyncio.ensure_future(record.change(add(1)))
    await asyncio.sleep(0.01)
    record.take(Version(7, {"n": 7}), float("inf"))
    shelf.gate.set()
    await change

    record.take(Version(0), 0.0)

    assert record.view == 1


async def test_a_change_is_made_though_nobody_waits_for_it(shelf):
    record = shelf.record()
    shelf.gate = asyncio.Event()
    change = asyncio.ensure_future(record.change(add(1)))
    await asyncio.sleep(0)
    change.cancel()
    shelf.gate.set()
    await record.settle()

    assert shelf.version.number == 1


async def test_while_the_store_is_away_the_process_goes_on_alone(shelf):
    record = shelf.record()
    shelf.refused = True
    assert (await record.change(add(1))).after == 1
    assert (await record.change(add(1))).after == 2

    shelf.away = shelf.refused = False
    await shelf.refresh()
    await record.settle()

    assert shelf.version == Version(1, {"n": 2})
    await shelf.refresh()
    assert record.view == 2


async def test_what_others_wrote_meanwhile_holds(shelf):
    record = shelf.record()
    shelf.refused = True
    await record.change(add(1))
    shelf.other(5)

    shelf.away = shelf.refused = False
    await shelf.refresh()
    await record.settle()

    assert (record.view, shelf.version.number) == (5, 1)


async def test_a_record_that_is_gone_is_begun_again(shelf):
    record = shelf.record()
    await record.change(add(1))
    shelf.version = Version()

    await shelf.refresh()

    assert (record.view, record.number) == (0, 0)


async def test_a_record_that_cannot_be_read_changes_nothing_and_is_said_once(shelf, caplog):
    record = shelf.record()
    await record.change(add(1))
    with caplog.at_level(logging.WARNING):
        for number in (2, 3):
            shelf.version = Version(number, None)
            await shelf.refresh()
    assert record.view == 1
    assert len(caplog.records) == 1

    await record.change(add(1))

    assert shelf.version == Version(4, {"n": 2})


async def test_against_too_many_rivals_it_goes_on_alone(shelf):
    record = shelf.record()
    shelf.rivals = 1000

    assert (await record.change(add(1))).after == 501
    assert shelf.rivals == 950


def test_the_clock_of_all_is_the_servers_where_this_one_is_far_off():
    mono = [0.0]
    clock = SharedClock(lambda: mono[0], lambda: 1_000_000.0)
    mono[0] = 5.0
    assert clock.now() == 1_000_005.0

    clock.hear("Mon, 12 Jan 1970 13:46:46 GMT")  # 1,000,006: as far as can be told it is the same
    for nonsense in (None, "", "yesterday"):
        clock.hear(nonsense)
    assert clock.now() == 1_000_005.0

    clock.hear("Mon, 12 Jan 1970 13:48:20 GMT")
    assert clock.now() == 1_000_100.5
