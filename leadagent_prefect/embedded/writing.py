"""Transactions on SQLite, one after another.

Prefect begins most of them as readers. SQLite then refuses the first write ("database is locked") as soon as
anybody else has written since, without any wait, and Prefect answers 503, whose clients come again after 2,
4, 8 seconds. Here each begins as a writer, and waits for its turn.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import ClassVar, TypeAlias

import anyio
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.server.utilities.database import get_dialect
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
from sqlalchemy.pool import ConnectionPoolEntry

#: Seconds after which a turn is no longer waited for: SQLite has a wait of its own, of a minute.
_PATIENCE = 20.0
#: KiB of the database that a connection keeps in memory. With the 80 MB of Prefect, for each of a dozen, the
#: server grows with the database; the system keeps the file in memory as well.
_CACHE = 2 * 1024
_Turns: TypeAlias = "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]"
_inside: ContextVar[bool] = ContextVar("leadagent_in_a_transaction", default=False)


class OneAfterAnother(AioSqliteConfiguration):
    """Prefect's own, but for the order of its transactions: that in which they begin."""

    _turns: ClassVar[_Turns] = weakref.WeakKeyDictionary()

    def setup_sqlite(self, conn: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        super().setup_sqlite(conn, record)
        cursor = conn.cursor()
        cursor.execute(f"PRAGMA cache_size = -{_CACHE}")
        cursor.close()

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        if _inside.get():  # the turn is that of the transaction around it, which waits for this one
            async with super().begin_transaction(session, with_for_update) as transaction:
                yield transaction
            return
        turn = self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        with anyio.move_on_after(_PATIENCE) as waiting:
            await turn.acquire()
        token = _inside.set(True)
        try:
            async with super().begin_transaction(session, with_for_update=True) as transaction:
                yield transaction
        finally:
            _inside.reset(token)
            if not waiting.cancelled_caught:
                turn.release()


def write_one_after_another() -> None:
    """Lets the Prefect server of this process do so, where its database is SQLite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if get_dialect(url).name == "sqlite":
        MODELS_DEPENDENCIES["database_config"] = OneAfterAnother(connection_url=url)
