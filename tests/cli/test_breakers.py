"""``leadagent breakers``, on the server of all tests."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest

from leadagent_prefect.embedded import use_api
from leadagent_prefect.resilience.circuit import Circuit, circuit_of

NAME = "http-api-breakers-test-0a1b2c3d"
OPEN = Circuit(state="open", generation=1, failures=3, opened_at=1.7e9, opened=1, last_error="it broke")


@pytest.fixture
def records(prefect_api, monkeypatch):
    """Writes records of a kind that only this test knows; they are gone at the end."""
    from prefect import get_client

    from leadagent_prefect.engine.shared import breakers, variables

    kind = f"leadagent-test{time.time_ns()}-"
    monkeypatch.setattr(breakers, "KIND", kind)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    async def write(rows):
        async with get_client() as client:
            for name, data in rows.items():
                await variables.write(client, kind + name, 1, data, "test")

    async def clear():
        async with get_client() as client:
            await variables.delete(client, [row["id"] for row in await variables._rows(client, kind)])

    def make(rows):
        with use_api(prefect_api):
            asyncio.run(write(rows))

    yield make
    with use_api(prefect_api):
        asyncio.run(clear())


def test_they_are_listed_and_closed(leadagent, records):
    assert leadagent("breakers", "list").out == "No service has failed yet\n"
    records(
        {
            NAME: {**OPEN.as_json(), "service": "http_api https://breakers.test"},
            "odd-1": {"nonsense": 1},
            "one-1": replace(Circuit(), failures=1, last_error="once").as_json(),
        }
    )

    listed = leadagent("breakers", "list")
    assert listed.code == 0
    assert listed.out.splitlines() == [
        f"{NAME}  open        3 failures in a row; the last: it broke",
        "odd-1                            unreadable  0 failures in a row",
        "one-1                            closed      1 failure in a row; the last: once",
    ]
    first = leadagent("breakers", "list", "--json").json[0]
    assert first == {
        "name": NAME,
        "service": "http_api https://breakers.test",
        "state": "open",
        "failures": 3,
        "opened_at": "2023-11-14T22:13:20.000+00:00",
        "opened": 1,
        "last_error": "it broke",
        "epoch": 1,
    }

    closed = leadagent("breakers", "reset", NAME, NAME)
    assert (closed.code, closed.out) == (0, f"{NAME}  closed      0 failures in a row\n")
    everything = leadagent("breakers", "reset", "--all", "--json").json
    assert [(row["state"], row["failures"]) for row in everything] == [("closed", 0)] * 3
    assert [row["epoch"] for row in everything] == [3, 2, 2]


def test_what_is_not_there_is_said_and_nothing_is_closed(leadagent, records):
    records({NAME: OPEN.as_json()})

    done = leadagent("breakers", "reset", NAME, "nobody")

    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: no circuit breaker is named nobody; known: {NAME}\n"
    assert leadagent("breakers", "list", "--json").json[0]["state"] == "open"


@pytest.mark.parametrize("arguments", [[], ["x", "--all"]])
def test_which_to_close_is_said(leadagent, arguments):
    done = leadagent("breakers", "reset", *arguments)

    assert done.code == 2
    assert "name the breakers to close, or say --all" in done.err


def test_a_breaker_that_moves_while_it_is_closed_is_closed_all_the_same(records, prefect_api, monkeypatch):
    from leadagent_prefect.engine.shared import breakers, variables

    records({NAME: OPEN.as_json()})
    write, rivals = variables.write, [1]

    async def beaten(client, name, number, data, author):
        if rivals.pop() if rivals else False:
            again = replace(OPEN, generation=5).as_json()
            _, old = await write(client, name, number, again, "rival")
            await variables.delete(client, old)
        return await write(client, name, number, data, author)

    monkeypatch.setattr(variables, "write", beaten)
    with use_api(prefect_api):
        [closed] = asyncio.run(breakers.close_breakers([NAME]))

    assert closed.version == 3
    assert closed.circuit == replace(
        circuit_of(json.loads(json.dumps(OPEN.as_json()))), state="closed", generation=6, failures=0
    )
