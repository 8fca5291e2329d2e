"""Slots of ``max_concurrency``: who waits, what is handed on, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import logging

import pytest

from leadagent_prefect.engine.shared import slots as module
from leadagent_prefect.engine.shared.slots import KIND, Slot, Slots
from leadagent_prefect.resilience.service import Service

SERVICE = Service("api-1", "http_api https://api")
NAME = KIND + "api-1"


@pytest.fixture
def slots(board):
    return Slots(board)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.01)


async def settled(board):
    while board.tasks:
        await board.tasks.pop()


async def test_a_slot_is_taken_and_given_back(slots, board):
    slot = Slot(SERVICE, 2)
    await slots.enter(slot)
    assert board.api.limits[NAME] == {"limit": 2, "active_slots": 1}

    await slots.leave(slot)
    await settled(board)

    assert board.api.limits[NAME]["active_slots"] == 0
    assert board.api.asked.count(f"GET /v2/concurrency_limits/{NAME}") == 1


async def test_who_waits_in_this_process_is_handed_the_lease(slots, board):
    first, second = Slot(SERVICE, 1), Slot(SERVICE, 1)
    await slots.enter(first)
    waiting = asyncio.ensure_future(slots.enter(second))
    await asyncio.sleep(0)
    lease = first.lease

    await slots.leave(first)
    await waiting

    assert (second.lease, board.api.limits[NAME]["active_slots"]) == (lease, 1)
    await slots.leave(second)
    await settled(board)
    assert not board.api.leases


async def test_other_processes_have_their_turn(slots, board, monkeypatch):
    monkeypatch.setattr(module, "_KEPT_SECONDS", 0.0)
    first, second = Slot(SERVICE, 1), Slot(SERVICE, 1)
    await slots.enter(first)
    waiting = asyncio.ensure_future(slots.enter(second))
    await asyncio.sleep(0)
    lease = first.lease
    await slots.leave(first)
    await waiting

    assert second.lease not in (None, lease)


async def test_what_others_hold_is_waited_for(slots, board):
    board.api.limits[NAME] = {"limit": 1, "active_slots": 1}
    waiting = asyncio.ensure_future(slots.enter(slot := Slot(SERVICE, 1)))
    await asyncio.sleep(0.05)
    assert slot.lease is None

    board.api.limits[NAME]["active_slots"] = 0
    await waiting

    assert slot.lease is not None


async def test_a_wait_that_is_ended_leaves_nothing_behind(slots, board):
    first, second = Slot(SERVICE, 1), Slot(SERVICE, 1)
    await slots.enter(first)
    waiting = asyncio.ensure_future(slots.enter(second))
    await asyncio.sleep(0)
    # In one moment the first call ends and the second one is given up.
    await slots.leave(first)
    waiting.cancel()
    await asyncio.wait({waiting})
    await slots.leave(second)
    await asyncio.sleep(0.01)
    await settled(board)

    assert not board.api.leases
    await slots.enter(Slot(SERVICE, 1))


async def test_a_lease_that_comes_too_late_is_given_back(slots, board):
    entering = asyncio.ensure_future(slots.enter(slot := Slot(SERVICE, 1)))
    await asyncio.sleep(0)
    entering.cancel()
    await asyncio.wait({entering})
    await slots.leave(slot)
    await asyncio.sleep(0.05)
    await settled(board)

    assert not board.api.leases


async def test_a_lease_in_hand_is_given_back_when_nobody_waits_any_more(slots, board):
    board.api.limits[NAME] = {"limit": 2, "active_slots": 1}
    first, second = Slot(SERVICE, 2), Slot(SERVICE, 2)
    await slots.enter(first)
    waiting = asyncio.ensure_future(slots.enter(second))
    await asyncio.sleep(0.005)  # it has been refused once, and sleeps
    await slots.leave(first)
    waiting.cancel()
    await asyncio.wait({waiting})
    await settled(board)

    assert not board.api.leases


async def test_the_lowest_limit_holds_and_is_raised_while_unused(slots, board):
    board.api.limits[NAME] = {"limit": 5, "active_slots": 3}
    low = asyncio.ensure_future(slots.enter(Slot(SERVICE, 4)))
    await low
    assert board.api.limits[NAME] == {"limit": 4, "active_slots": 4}

    board.api.limits[NAME] = {"limit": 5, "active_slots": 3}
    await slots.enter(Slot(SERVICE, 9))
    assert board.api.limits[NAME]["limit"] == 5

    board.api.limits[NAME]["active_slots"] = 0
    await slots.enter(Slot(SERVICE, 8))
    assert board.api.limits[NAME]["limit"] == 8


async def test_another_process_makes_the_limit_in_the_same_moment(slots, board):
    board.api.next = [404, 409]
    board.api.limits[NAME] = {"limit": 1, "active_slots": 0}
    await slots.enter(slot := Slot(SERVICE, 1))

    assert slot.lease is not None


@pytest.mark.parametrize("status", [[503], [404, 409, 500]])
async def test_with_the_api_away_the_count_of_the_process_holds(slots, board, status):
    board.api.next = list(status)
    await slots.enter(first := Slot(SERVICE, 1))
    assert first.lease is None
    waiting = asyncio.ensure_future(slots.enter(second := Slot(SERVICE, 1)))
    await asyncio.sleep(0.01)
    assert not waiting.done()

    await slots.leave(first)
    await waiting
    await slots.leave(second)

    assert not board.api.leases


async def test_leases_of_long_calls_are_renewed(slots, board, monkeypatch, caplog):
    await slots.enter(slot := Slot(SERVICE, 1))
    [renew] = board.chores
    await renew()
    assert not [line for line in board.api.asked if "renew" in line]

    monkeypatch.setattr(module, "_RENEW_SECONDS", -1.0)
    await renew()
    board.api.next = [500]
    await renew()  # away: the next turn tries again
    board.api.leases.clear()
    with caplog.at_level(logging.WARNING):
        await renew()
        await renew()

    assert len([line for line in board.api.asked if "renew" in line]) == 3
    assert [record.message for record in caplog.records] == [
        "a slot of http_api https://api was taken back while its call goes on"
    ]
    assert slot.lease is not None
