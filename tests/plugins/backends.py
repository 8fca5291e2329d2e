"""A PostgreSQL database and a Redis database of a test's own, on the servers that run on this machine.

Where one of them is missing the test is skipped, in words that begin with ``needs ``.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import secrets
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import asyncpg
import pytest
import redis
from redis.exceptions import RedisError

from leadagent_prefect.embedded.state import process_birth

T = TypeVar("T")

_POSTGRES = "127.0.0.1:5432"
_REDIS = "127.0.0.1:6379"
#: Held in a Redis database by the process that uses it.
_OWNER = "leadagent-tests:owner"


@contextlib.contextmanager
def postgres_database() -> Iterator[str]:
    """``user@host:port/name`` of a new, empty database, which is dropped at the end."""
    name = f"leadagent_tests_{secrets.token_hex(6)}"
    user = next((user for user in ("postgres", getpass.getuser()) if _answers(user)), None)
    if user is None:
        pytest.skip(f"needs a PostgreSQL server at {_POSTGRES} that trusts its local users")
    _wait_for(_execute(user, f"CREATE DATABASE {name}"))
    try:
        yield f"{user}@{_POSTGRES}/{name}"
    finally:
        _wait_for(_execute(user, f"DROP DATABASE {name} WITH (FORCE)"))


def query(database: str, text: str) -> list[tuple[Any, ...]]:
    """The rows of a query to a database that `postgres_database` gave."""

    async def ask() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(f"postgresql://{database}", timeout=10)
        try:
            return [tuple(row) for row in await connection.fetch(text)]
        finally:
            await connection.close()

    return _wait_for(ask())


async def _execute(user: str, statement: str) -> None:
    connection = await asyncpg.connect(f"postgresql://{user}@{_POSTGRES}/postgres", timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _answers(user: str) -> bool:
    try:
        _wait_for(_execute(user, "SELECT 1"))
    except (OSError, asyncio.TimeoutError, asyncpg.PostgresError):
        return False
    return True


def _wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


@contextlib.contextmanager
def redis_database() -> Iterator[str]:
    """``host:port/number`` of a Redis database that nobody else uses; it is emptied at the end.

    Prefect's names in Redis have no prefix (``events``), so two clusters can't share one.
    """
    try:
        count = int(_redis(0).config_get("databases")["databases"])
    except RedisError:
        pytest.skip(f"needs a Redis server at {_REDIS}")
    number = next((number for number in range(count - 1, 0, -1) if _claim(_redis(number))), None)
    if number is None:
        pytest.skip(f"needs an empty database of the Redis server at {_REDIS}")
    try:
        yield f"{_REDIS}/{number}"
    finally:
        _redis(number).flushdb()


def _redis(number: int) -> Any:
    host, port = _REDIS.split(":")
    return redis.Redis(host=host, port=int(port), db=number, decode_responses=True, socket_timeout=10)


def _claim(database: Any) -> bool:
    """Takes an empty database, or one whose owner is dead and could not empty it."""
    owner = database.get(_OWNER)
    if owner is not None:
        pid, _, birth = owner.partition(" ")
        if process_birth(int(pid)) == birth:
            return False
        database.flushdb()
    me = f"{os.getpid()} {process_birth(os.getpid())}"
    return database.dbsize() == 0 and bool(database.set(_OWNER, me, nx=True))
