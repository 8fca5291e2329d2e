"""Versions of records as variables of a Prefect API."""

from __future__ import annotations

import pytest
from prefect.exceptions import PrefectHTTPStatusError

from leadagent_prefect.engine.shared.variables import Version, delete, read_all, write


async def test_one_of_two_writers_wins_and_the_old_versions_are_told(board):
    api = board.api
    assert await write(api, "leadagent-n", 1, {"n": 1}, "me") == (True, [])
    assert await write(api, "leadagent-n", 1, {"n": 2}, "you") == (False, [])
    assert await write(api, "leadagent-n", 1, {"n": 1}, "me") == (True, [])  # whose answer was lost

    won, old = await write(api, "leadagent-n", 2, {"n": 3}, "you")
    assert (won, old) == (True, [api.variables["leadagent-n-000001"]["id"]])
    await delete(api, [*old, "gone"])

    assert await read_all(api, "leadagent-") == {"leadagent-n": Version(2, {"n": 3, "by": "you"}, "you")}


async def test_who_slept_through_later_versions_has_lost(board):
    for number in (1, 2, 3):
        await write(board.api, "leadagent-n", number, {}, str(number))
    await delete(board.api, [board.api.variables[f"leadagent-n-00000{n}"]["id"] for n in (1, 2)])

    assert await write(board.api, "leadagent-n", 2, {}, "late") == (False, [])
    assert (await read_all(board.api, "leadagent-"))["leadagent-n"].number == 3


async def test_what_is_refused_for_another_reason_is_an_error(board):
    board.api.next = [403]
    with pytest.raises(PrefectHTTPStatusError):
        await write(board.api, "leadagent-n", 1, {}, "me")


async def test_many_records_and_foreign_ones(board):
    for n in range(250):
        await write(board.api, f"leadagent-{n}", 1, {"n": n}, "me")
    rows = board.api.variables
    rows["leadagent-odd"] = {"id": "1", "name": "leadagent-odd", "value": "x"}
    rows["my-leadagent-n-000001"] = {"id": "2", "name": "my-leadagent-n-000001", "value": {}}
    rows["leadagent-text-000001"] = {"id": "3", "name": "leadagent-text-000001", "value": '{"n": 1}'}
    rows["leadagent-list-000001"] = {"id": "4", "name": "leadagent-list-000001", "value": "[1]"}

    found = await read_all(board.api, "leadagent-")

    assert len(found) == 252
    assert found["leadagent-text"].data == {"n": 1}
    assert found["leadagent-list"] == Version(1)
