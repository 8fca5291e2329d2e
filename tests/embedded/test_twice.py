"""Events that a server gets once more, on an empty database like that of the server of the tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from own_server import empty_database
from prefect.server.database import provide_database_interface
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import temporary_database_config
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.events.storage import database

from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.embedded.twice import write_each_once


@pytest.fixture
async def db(prefect_api: PrefectApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setattr(database, "_write_sqlite_events", database._write_sqlite_events)
    empty_database(Path(os.environ["PREFECT_HOME"], "prefect.db"), tmp_path / "x.db")
    config = AioSqliteConfiguration(connection_url=f"sqlite+aiosqlite:///{tmp_path}/x.db")
    with temporary_database_config(config):
        found = provide_database_interface()
        yield found
        await (await found.engine()).dispose()


def event(number: int) -> ReceivedEvent:
    resource = {"prefect.resource.id": f"number-{number}"}
    return ReceivedEvent(id=uuid4(), occurred=datetime.now(timezone.utc), event="x", resource=resource)


async def write(db: Any, *events: ReceivedEvent) -> int:
    """How many the database has then."""
    async with db.session_context() as session:
        await database.write_events(session=session, events=list(events))
        await session.commit()
        return int((await session.execute(sa.select(sa.func.count()).select_from(db.Event))).scalar_one())


async def test_prefect_loses_what_comes_with_events_that_it_has(db: Any) -> None:
    known = event(0)
    assert await write(db, known) == 1
    with pytest.raises(sa.exc.IntegrityError):
        await write(db, known)


async def test_each_is_written_once_however_often_it_comes(db: Any) -> None:
    write_each_once()
    known, new = event(0), event(1)
    assert await write(db, known) == 1
    assert await write(db, known) == 1
    assert await write(db, known, new, new) == 2
