"""Events that come twice: whose server was killed sends again what it does not know to be written.

On SQLite, Prefect looks for the events it has, and then fails where none of a part is new: all that is to be
written with it is tried five times, and dropped.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from prefect.server.database import PrefectDBInterface, db_injector
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.events.storage import database
from sqlalchemy.ext.asyncio import AsyncSession

#: Prefect's own, which takes events that are new.
_write: Any = database._write_sqlite_events
_AT_ONCE = 500


@db_injector
async def write_new(db: PrefectDBInterface, session: AsyncSession, events: list[ReceivedEvent]) -> None:
    """Writes each event once, whatever is there and however often it came."""
    new = {event.id: event for event in events}
    ids = list(new)
    for begin in range(0, len(ids), _AT_ONCE):
        known = sa.select(db.Event.id).where(db.Event.id.in_(ids[begin : begin + _AT_ONCE]))
        for found in (await session.scalars(known)).all():
            del new[found]
    if new:
        await _write(session=session, events=list(new.values()))


def write_each_once() -> None:
    """Lets the Prefect server of this process do so, where its database is SQLite."""
    server: Any = database
    server._write_sqlite_events = write_new
