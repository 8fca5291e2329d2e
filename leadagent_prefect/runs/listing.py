"""The runs of workflows, newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from leadagent_prefect.engine.process.liveness import is_dead
from leadagent_prefect.naming import TAG
from leadagent_prefect.runs.status import STATUSES, RunRow, row_of, workflow_names

#: As many as Prefect's API gives at a time.
_PAGE = 200


async def list_runs(
    client: PrefectClient,
    *,
    workflow: str | None = None,
    statuses: Iterable[str] = (),
    limit: int | None = None,
    stale: bool = False,
) -> list[RunRow]:
    """Newest first, sub-workflows and what a schedule has for later left out.

    ``statuses`` are keys of `STATUSES`; ``stale`` wants those alone whose process is gone.
    """
    wanted = ("running", "cancelling") if stale else tuple(statuses)
    types = [type.value for status in wanted for type in STATUSES[status]]
    such: dict[str, Any] = {"state": {"type": {"any_": types}}} if types else {}
    found: list[FlowRun] = []
    async for run in runs_of_leadagent(client, such, workflow):
        if not stale or is_dead(run):
            found.append(run)
        if len(found) == limit:
            break
    names = await workflow_names(client, (run.flow_id for run in found))
    return [row_of(run, names.get(run.flow_id, "?")) for run in found]


async def runs_of_leadagent(
    client: PrefectClient, such: dict[str, Any], workflow: str | None = None
) -> AsyncIterator[FlowRun]:
    """Root runs of workflows that are due, the newest first; ``such`` is more for Prefect's filter."""
    ours = {"tags": {"all_": [TAG]}, **roots_that_are_due()}
    offset = 0
    while True:
        page = await client.read_flow_runs(
            flow_filter=FlowFilter.model_validate({"name": {"any_": [workflow]}}) if workflow else None,
            flow_run_filter=FlowRunFilter.model_validate({**ours, **such}),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=_PAGE,
            offset=offset,
        )
        for run in page:
            yield run
        if len(page) < _PAGE:
            return
        offset += _PAGE


def roots_that_are_due() -> dict[str, Any]:
    """A part of Prefect's filter: no sub-workflows, and not what a schedule has for later."""
    due = (datetime.now(timezone.utc) + timedelta(seconds=10)).isoformat()
    return {"parent_task_run_id": {"is_null_": True}, "expected_start_time": {"before_": due}}
