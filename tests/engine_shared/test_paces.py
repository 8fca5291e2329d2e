"""Who waits for a pace, in which order, and who no longer does."""

from __future__ import annotations

import asyncio

import pytest

from leadagent_prefect.engine.shared.paces import _FORM, Paces
from leadagent_prefect.resilience.pace import Rate
from leadagent_prefect.resilience.service import Service

SERVICE = Service("api-1", "http_api https://api")


async def test_calls_are_let_go_in_order_and_none_for_who_has_left(board):
    paces, order = Paces(board), []

    async def call(name):
        await paces.wait(SERVICE, Rate(20, 1.0))
        order.append(name)

    calls = [asyncio.ensure_future(call(name)) for name in "abcd"]
    await asyncio.sleep(0)
    calls[1].cancel()
    calls[3].cancel()
    await asyncio.wait({calls[0]})
    assert order == ["a"]
    await asyncio.wait(calls)

    assert order == ["a", "c"]
    await paces.wait(SERVICE, Rate(40, 1.0))


async def test_one_that_leaves_while_it_is_decided_takes_nobodys_place(board):
    paces = Paces(board)
    gate = asyncio.Event()

    async def write(*_):
        await gate.wait()
        return True

    board.write = write
    calls = [asyncio.ensure_future(paces.wait(SERVICE, Rate(40, 1.0))) for _ in range(2)]
    await asyncio.sleep(0.01)
    for call in calls:
        call.cancel()
    gate.set()
    await asyncio.wait(calls)
    await asyncio.sleep(0.01)

    assert all(call.cancelled() for call in calls)
    await paces.wait(SERVICE, Rate(40, 1.0))


@pytest.mark.parametrize("data", [None, {}, {"due": "soon"}])
def test_anything_else_is_no_pace(data):
    with pytest.raises(ValueError, match="no time"):
        _FORM.read(data)
    assert _FORM.read(_FORM.write(3.5)) == 3.5
