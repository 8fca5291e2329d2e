"""Transactions that read and then write, side by side on one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

from leadagent_prefect.embedded import writing
from leadagent_prefect.embedded.writing import OneAfterAnother, write_one_after_another

READ, WRITE = sa.text("SELECT count(*) FROM t"), sa.text("INSERT INTO t VALUES (1)")


class Database:
    """Of one of Prefect's configurations, with one table."""

    def __init__(self, kind: type[AioSqliteConfiguration], folder: Path) -> None:
        self.made = kind(connection_url=f"sqlite+aiosqlite:///{folder}/x.db")

    async def __aenter__(self) -> Database:
        self.engine = await self.made.engine()
        async with self.engine.connect() as connection:
            await connection.execute(sa.text("CREATE TABLE t (n INTEGER)"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.dispose()

    async def count(self, pause: float = 0.0, *, inner: bool = False) -> int:
        """Reads, waits, and writes; gives what it has read."""
        async with await self.made.session(self.engine) as session, self.made.begin_transaction(session):
            found = int((await session.execute(READ)).scalar_one())
            if inner:
                async with await self.made.session(self.engine) as other, self.made.begin_transaction(other):
                    await other.execute(READ)
            await asyncio.sleep(pause)
            await session.execute(WRITE)
        return found


async def test_transactions_that_prefect_begins_as_readers_refuse_each_other_at_once(tmp_path):
    async with Database(AioSqliteConfiguration, tmp_path) as database:
        slow = asyncio.ensure_future(database.count(0.3))
        await asyncio.sleep(0.1)
        assert await database.count() == 0
        with pytest.raises(sa.exc.OperationalError, match="database is locked"):
            await slow


async def test_one_after_another_all_of_them_write_and_in_their_order(tmp_path):
    async with Database(OneAfterAnother, tmp_path) as database:
        counted = await asyncio.gather(*(database.count(0.02, inner=n == 3) for n in range(10)))
    assert counted == list(range(10))


async def test_a_connection_keeps_little_of_the_database_in_memory(tmp_path):
    async with Database(OneAfterAnother, tmp_path) as database, database.engine.connect() as connection:
        found = await connection.execute(sa.text("PRAGMA cache_size"))
        assert found.scalar_one() == -2048


def test_so_does_one_that_no_loop_has_made(tmp_path):
    """And without SQLAlchemy's greenlets its lines are counted."""
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        OneAfterAnother(connection_url="sqlite+aiosqlite://").setup_sqlite(connection, None)
        assert connection.execute("PRAGMA cache_size").fetchone() == (-2048,)


async def test_a_turn_that_does_not_come_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_PATIENCE", 0.05)
    async with Database(OneAfterAnother, tmp_path) as database:
        # The second one waits on in SQLite, and the first has given its turn back by itself.
        assert await asyncio.gather(database.count(0.3), database.count()) == [0, 1]
        assert await database.count() == 2


@pytest.mark.parametrize(
    ("url", "kind"),
    [("sqlite+aiosqlite:////nowhere/x.db", OneAfterAnother), ("postgresql+asyncpg://u@h/d", type(None))],
    ids=["sqlite", "postgresql"],
)
def test_a_server_on_sqlite_alone_is_told_so(monkeypatch, url, kind):
    monkeypatch.setitem(MODELS_DEPENDENCIES, "database_config", None)
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: url}):
        write_one_after_another()
    assert type(MODELS_DEPENDENCIES["database_config"]) is kind
