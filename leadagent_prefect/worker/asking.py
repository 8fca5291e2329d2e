"""Asking for runs that are due: for as many as there is room for.

Prefect's client asks for 200, and where as many wait each answer takes the server as long as a run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import ObjectNotFound

#: What the API gives at most.
_PAGE = 200


def asking_for(
    client: PrefectClient, room: Callable[[], float]
) -> Callable[..., Awaitable[list[WorkerFlowRunResponse]]]:
    """``client.get_scheduled_flow_runs_for_work_pool``, but for the first ``room()`` of the runs."""

    async def ask(
        work_pool_name: str,
        work_queue_names: list[str] | None = None,
        scheduled_before: datetime | None = None,
    ) -> list[WorkerFlowRunResponse]:
        body: dict[str, Any] = {"limit": int(min(room(), _PAGE)), "scheduled_before": str(scheduled_before)}
        if work_queue_names:
            body["work_queue_names"] = work_queue_names
        pool = {"name": work_pool_name}
        try:
            found = await client.request(
                "POST", "/work_pools/{name}/get_scheduled_flow_runs", path_params=pool, json=body
            )
        except httpx.HTTPStatusError as error:
            if error.response.status_code == HTTPStatus.NOT_FOUND:
                raise ObjectNotFound(error) from error
            raise
        return WorkerFlowRunResponse.model_validate_list(found.json())

    return ask


def parted(
    found: list[WorkerFlowRunResponse], now: datetime
) -> tuple[list[WorkerFlowRunResponse], float | None]:
    """Those that are due, and the seconds until the first of the others is."""
    waits = {entry.flow_run.id: _seconds(entry, now) for entry in found}
    later = [seconds for seconds in waits.values() if seconds > 0]
    return [entry for entry in found if waits[entry.flow_run.id] <= 0], min(later, default=None)


def _seconds(entry: WorkerFlowRunResponse, now: datetime) -> float:
    due = entry.flow_run.next_scheduled_start_time or datetime.min.replace(tzinfo=timezone.utc)
    return (due - now).total_seconds()
