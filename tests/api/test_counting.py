"""How often somebody has asked: in one process, and in all that share a Redis."""

from __future__ import annotations

import sys

import pytest
from backends import redis_database
from limits import parse

from leadagent_prefect.api.counting import Counting
from leadagent_prefect.api.settings import read_settings
from leadagent_prefect.errors import ConfigurationError

TWO = parse("2/minute")


async def asked(counting: Counting, times: int) -> list[bool]:
    """Which of so many requests of one caller may come."""
    return [await counting.wait(TWO, "key", "127.0.0.1") is None for _ in range(times)]


async def test_processes_count_for_themselves():
    one, other = Counting(None), Counting(None)
    assert await asked(one, 3) == [True, True, False]
    assert await asked(other, 1) == [True]
    assert 1 <= (await one.wait(TWO, "key", "127.0.0.1") or 0) <= 60
    assert await one.wait(TWO, "key", "127.0.0.2") is None


async def test_with_a_redis_they_count_together():
    with redis_database() as place:
        one, other = (Counting(f"redis://{place}") for _ in range(2))
        assert await asked(one, 1) + await asked(other, 2) == [True, True, False]
        assert 1 <= (await one.wait(TWO, "key", "127.0.0.1") or 0) <= 60
        for counting in (one, other):
            await closed(counting)


async def test_while_redis_is_away_each_counts_for_itself(unused_tcp_port, caplog):
    counting = Counting(f"redis://127.0.0.1:{unused_tcp_port}")
    assert await asked(counting, 3) == [True, True, False]
    assert caplog.text.count("since Redis fails") == 1
    await closed(counting)


async def closed(counting: Counting) -> None:
    """Its connections, which a server keeps to its end."""
    assert counting._shared is not None
    storage: object = counting._shared.storage
    await storage.bridge.storage.aclose()  # type: ignore[attr-defined]  # Redis's own client


@pytest.mark.parametrize("text", ["127.0.0.1:6379", "http://127.0.0.1"])
def test_what_is_no_redis_is_refused(text):
    with pytest.raises(ConfigurationError, match="redis://"):
        read_settings({"rate_limit_redis": text})


def test_a_redis_takes_its_package(monkeypatch):
    assert read_settings({"rate_limit_redis": None}).rate_limit_redis is None
    assert read_settings({"rate_limit_redis": "redis://127.0.0.1:6379/1"}).rate_limit_redis
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match="pip install"):
        read_settings({"rate_limit_redis": "redis://127.0.0.1:6379/1"})
