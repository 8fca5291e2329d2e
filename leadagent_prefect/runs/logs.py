"""The log of a run, as its API has it: masked when it was written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import LogFilter, TaskRunFilter
from prefect.client.schemas.objects import Log
from prefect.client.schemas.sorting import LogSort

_PAGE: Final = 200
#: Seconds between two looks, and for how long lines may still come that were written before.
_PAUSE, _LATE = 1.0, 5.0


@dataclass(frozen=True)
class LogLine:
    """``timestamp`` is ISO 8601 in UTC, ``level`` a word of Python's logging, ``task`` the name of the task
    run that wrote it; None for what the run itself wrote.
    """

    timestamp: str
    level: str
    message: str
    id: str
    task: str | None

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


async def read_logs(
    client: PrefectClient,
    run_id: UUID,
    *,
    offset: int = 0,
    limit: int | None = None,
    after: datetime | None = None,
) -> list[LogLine]:
    """Oldest first: ``limit`` lines from the ``offset``-th on, or all."""
    wanted: dict[str, Any] = {"flow_run_id": {"any_": [str(run_id)]}}
    if after is not None:
        wanted["timestamp"] = {"after_": after.isoformat()}
    lines: list[Log] = []
    names: dict[UUID, str] = {}
    while limit is None or len(lines) < limit:
        size = _PAGE if limit is None else min(_PAGE, limit - len(lines))
        page = await client.read_logs(
            log_filter=LogFilter.model_validate(wanted),
            sort=LogSort.TIMESTAMP_ASC,
            offset=offset + len(lines),
            limit=size,
        )
        lines += page
        names |= await _names(client, {log.task_run_id for log in page if log.task_run_id} - names.keys())
        if len(page) < size:
            break
    return [_line(log, names) for log in lines]


async def follow_logs(client: PrefectClient, run_id: UUID, pause: float = _PAUSE) -> AsyncIterator[LogLine]:
    """All that is there and all that comes, until the run has ended and nothing comes any more."""
    seen: set[str] = set()
    after: datetime | None = None
    while True:
        over = await _is_over(client, run_id)
        for line in await read_logs(client, run_id, after=after):
            if line.id not in seen:
                seen.add(line.id)
                after = datetime.fromisoformat(line.timestamp) - timedelta(seconds=_LATE)
                yield line
        if over:
            return
        await asyncio.sleep(pause)


async def _is_over(client: PrefectClient, run_id: UUID) -> bool:
    """Whether it ended long enough ago for all that it wrote to have come."""
    state = (await client.read_flow_run(run_id)).state
    if state is None or not state.is_final():
        return False
    return datetime.now(timezone.utc) - state.timestamp > timedelta(seconds=_LATE)


async def _names(client: PrefectClient, task_runs: set[UUID]) -> dict[UUID, str]:
    """Of no more task runs than a page of the log has lines."""
    if not task_runs:
        return {}
    wanted = TaskRunFilter.model_validate({"id": {"any_": [str(one) for one in task_runs]}})
    return {run.id: run.name for run in await client.read_task_runs(task_run_filter=wanted)}


def _line(log: Log, names: Mapping[UUID, str]) -> LogLine:
    return LogLine(
        timestamp=log.timestamp.astimezone(timezone.utc).isoformat(timespec="milliseconds"),
        level=logging.getLevelName(log.level),
        message=log.message,
        id=str(log.id),
        task=names.get(log.task_run_id) if log.task_run_id is not None else None,
    )
