"""Runs as Prefect has them, in the words of this API."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    LogFilter,
    TaskRunFilter,
)
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.sorting import FlowRunSort, LogSort, TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

from leadagent_prefect.api.flow import DEPLOYMENT, FLOW
from leadagent_prefect.api.prefect_side import owner_tag
from leadagent_prefect.api.replies import LogLine, Logs
from leadagent_prefect.api.results import result_of
from leadagent_prefect.api.schemas import (
    Cancelled,
    Created,
    Details,
    Execution,
    Executions,
    RunStatus,
    Status,
)
from leadagent_prefect.results import WorkflowResult

_STATES: Mapping[RunStatus, list[str]] = {
    "queued": ["SCHEDULED", "PENDING"],
    "running": ["RUNNING", "CANCELLING", "PAUSED"],
    "completed": ["COMPLETED"],
    "failed": ["FAILED", "CRASHED"],
    "cancelled": ["CANCELLED"],
}
_WORDS: Mapping[str, RunStatus] = {state: status for status, states in _STATES.items() for state in states}
_ENDED = frozenset({"completed", "failed", "cancelled"})
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


class NotRunning(Exception):
    """A run that has ended can't be cancelled any more."""


def status_of(run: FlowRun) -> RunStatus:
    return _WORDS[run.state.type.value] if run.state is not None else "queued"


class Runs:
    """The runs that one caller may see: those of ``owner``, or all where it is None."""

    def __init__(self, client: PrefectClient, owner: str | None) -> None:
        self._client, self._owner = client, owner

    async def find(self, execution_id: str) -> FlowRun | None:
        """None for a run that does not exist, that is another's, or whose id is none."""
        try:
            run = await self._client.read_flow_run(UUID(execution_id))
        except (ValueError, ObjectNotFound):
            return None
        mine = self._owner is None or owner_tag(self._owner) in run.tags
        return run if mine and "leadagent.workflow" in run.labels else None

    async def page(self, page: int, page_size: int, status: RunStatus | None) -> Executions:
        wanted: dict[str, Any] = {}
        if self._owner is not None:
            wanted["tags"] = {"all_": [owner_tag(self._owner)]}
        if status is not None:
            wanted["state"] = {"type": {"any_": _STATES[status]}}
        filters: dict[str, Any] = {
            "flow_run_filter": FlowRunFilter.model_validate(wanted),
            "flow_filter": FlowFilter.model_validate({"name": {"any_": [FLOW]}}),
            "deployment_filter": DeploymentFilter.model_validate({"name": {"any_": [DEPLOYMENT]}}),
        }
        runs = await self._client.read_flow_runs(
            **filters,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=page_size,
            offset=(page - 1) * page_size,
        )
        total = await self._client.count_flow_runs(**filters)
        rows = [await _execution(run) for run in runs]
        return Executions(workflows=rows, total=total, page=page, page_size=page_size)

    async def status(self, run: FlowRun) -> Status:
        status = status_of(run)
        progress, current = (100.0 if status == "completed" else 0.0), None
        if status != "completed" and status != "queued":
            progress, current = await self._progress(run)
        return Status(
            execution_id=str(run.id),
            status=status,
            progress=progress,
            current_task=current if status == "running" else None,
            message=_message(run, status),
        )

    async def _progress(self, run: FlowRun) -> tuple[float, str | None]:
        """Percent of its tasks that have ended, and the one that began last of those under way."""
        found = await self._client.read_task_runs(
            flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [str(run.id)]}}),
            sort=TaskRunSort.END_TIME_DESC,
            limit=200,
        )
        rows = [row for row in found if "[" not in row.name]  # of a map the whole counts, not its items
        ended = {row.name for row in rows if row.state is not None and row.state.is_final()}
        under_way = [row for row in rows if row.state is not None and row.state.is_running()]
        latest = max(under_way, key=lambda row: row.start_time or _LONG_AGO, default=None)
        total = max(_total(run) or 0, len({row.name for row in rows}), 1)
        return round(100 * len(ended) / total, 1), latest.name if latest is not None else None

    async def logs(self, run: FlowRun, page: int, page_size: int) -> Logs:
        wanted = LogFilter.model_validate({"flow_run_id": {"any_": [str(run.id)]}})
        offset = (page - 1) * page_size
        lines = await self._client.read_logs(
            wanted, limit=page_size + 1, offset=offset, sort=LogSort.TIMESTAMP_ASC
        )
        names = await self._names([line.task_run_id for line in lines if line.task_run_id is not None])
        rows = [
            LogLine(
                timestamp=line.timestamp,
                level=_level(line.level),
                message=line.message,
                task=names.get(line.task_run_id) if line.task_run_id is not None else None,
            )
            for line in lines[:page_size]
        ]
        return Logs(
            execution_id=str(run.id),
            logs=rows,
            page=page,
            page_size=page_size,
            has_more=len(lines) > page_size,
        )

    async def _names(self, ids: list[UUID]) -> Mapping[UUID, str]:
        if not ids:
            return {}
        wanted = TaskRunFilter.model_validate({"id": {"any_": [str(one) for one in set(ids)]}})
        found: list[TaskRun] = await self._client.read_task_runs(task_run_filter=wanted)
        return {row.id: row.name for row in found}

    async def cancel(self, run: FlowRun) -> Cancelled:
        """Asks the run to end, once. `NotRunning` for one that has ended otherwise."""
        status = status_of(run)
        if status in ("completed", "failed"):
            raise NotRunning(f"the workflow execution has ended already: it has {status}")
        if status != "cancelled" and not (run.state is not None and run.state.is_cancelling()):
            answer: Any = await self._client.set_flow_run_state(
                run.id, Cancelling(message="cancelled over HTTP")
            )
            run.state = answer.state or run.state
            status = status_of(run)
        message = "Workflow cancelled" if status == "cancelled" else "Workflow is being cancelled"
        return Cancelled(execution_id=str(run.id), status=status, message=message)


def created(run: FlowRun) -> Created:
    """The answer to the request that made the run."""
    return Created(
        execution_id=str(run.id),
        name=_name(run),
        status=status_of(run),
        created_at=cast("Any", run.created),
        total_tasks=_total(run) or 0,
    )


async def details(run: FlowRun) -> Details:
    result = await result_of(run.state)
    row = _row(run, result)
    if result is None:
        result = WorkflowResult(status="failed")
        row.update(failed_tasks=None, skipped_tasks=None)
    else:
        row.update(failed_tasks=result.failed_tasks, skipped_tasks=result.skipped_tasks)
    said = result.model_dump(mode="json", include={"errors", "outputs", "tasks", "compensated"})
    return Details(**row, **said, started_at=run.start_time, message=run.state.message if run.state else None)


async def _execution(run: FlowRun) -> Execution:
    return Execution(**_row(run, await result_of(run.state)))


def _row(run: FlowRun, result: WorkflowResult | None) -> dict[str, Any]:
    ended = status_of(run) in _ENDED
    return {
        "execution_id": str(run.id),
        "name": _name(run),
        "status": status_of(run),
        "created_at": run.created,
        "completed_at": run.end_time if ended else None,
        "execution_time": round(run.total_run_time.total_seconds(), 3) if ended else None,
        "total_tasks": result.total_tasks if result is not None else _total(run),
        "completed_tasks": result.completed_tasks if result is not None else None,
        "results": result.results if result is not None else None,
    }


def _name(run: FlowRun) -> str:
    return str(run.labels.get("leadagent.workflow", run.name))


def _total(run: FlowRun) -> int | None:
    total = run.labels.get("leadagent.tasks")
    return int(total) if total is not None else None


def _message(run: FlowRun, status: RunStatus) -> str:
    said = run.state.message if run.state is not None and status in _ENDED else None
    return f"Workflow {status}: {said}" if said else f"Workflow {status}"


def _level(number: int) -> str:
    return logging.getLevelName(number)
