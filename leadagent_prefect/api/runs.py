"""Runs as Prefect has them, in the words of this API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry

from leadagent_prefect.api.prefect_side import owner_tag
from leadagent_prefect.api.replies import LogLine, Logs
from leadagent_prefect.api.schemas import (
    Change,
    Created,
    Details,
    Execution,
    Executions,
    RunStatus,
    Status,
)
from leadagent_prefect.api.stored import use
from leadagent_prefect.naming import OWNER_TAG, TAG
from leadagent_prefect.results import WorkflowResult
from leadagent_prefect.runs import cancel, detail_of, read_logs
from leadagent_prefect.runs.detail import result_of
from leadagent_prefect.runs.listing import roots_that_are_due
from leadagent_prefect.runs.status import WORKFLOW_LABEL, workflow_names

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


class NotNow(Exception):
    """A run that has ended can't be cancelled any more, and one that has not can't be resumed."""


def status_of(run: FlowRun) -> RunStatus:
    return _WORDS[run.state.type.value] if run.state is not None else "queued"


class Runs:
    """The runs that one caller may see: those of ``owner``, or all where it is None."""

    def __init__(self, client: PrefectClient, owner: str | None) -> None:
        self._client, self._owner = client, owner

    async def find(self, execution_id: UUID) -> FlowRun | None:
        """None for a run that does not exist, or that is another's."""
        try:
            run = await self._client.read_flow_run(execution_id)
        except ObjectNotFound:
            return None
        mine = self._owner is None or owner_tag(self._owner) in run.tags
        return run if mine and TAG in run.tags else None

    async def page(self, page: int, page_size: int, status: RunStatus | None) -> Executions:
        mine = [owner_tag(self._owner)] if self._owner is not None else []
        wanted: dict[str, Any] = {**roots_that_are_due(), "tags": {"all_": [TAG, *mine]}}
        if status is not None:
            wanted["state"] = {"type": {"any_": _STATES[status]}}
        such = FlowRunFilter.model_validate(wanted)
        runs = await self._client.read_flow_runs(
            flow_run_filter=such,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=page_size,
            offset=(page - 1) * page_size,
        )
        total = await self._client.count_flow_runs(flow_run_filter=such)
        await self._name(runs)
        rows = [Execution(**_row(run, await result_of(self._client, run))) for run in runs]
        return Executions(workflows=rows, total=total, page=page, page_size=page_size)

    async def details(self, run: FlowRun) -> Details:
        await self._name([run])
        found = await detail_of(self._client, run)
        result = found.result or WorkflowResult(status="failed")
        said = result.model_dump(mode="json", include={"errors", "outputs", "compensated"})
        known = found.result is not None
        return Details(
            **_row(run, found.result),
            **said,
            tasks=found.tasks,
            started_at=run.start_time,
            message=found.message,
            failed_tasks=result.failed_tasks if known else None,
            skipped_tasks=result.skipped_tasks if known else None,
        )

    async def _name(self, runs: Sequence[FlowRun]) -> None:
        """Runs of other flows than the one of this server are named after their flow, as if by label."""
        others = [run for run in runs if WORKFLOW_LABEL not in run.labels]
        names = await workflow_names(self._client, (run.flow_id for run in others))
        for run in others:
            run.labels[WORKFLOW_LABEL] = names.get(run.flow_id, run.name)

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
        offset = (page - 1) * page_size
        lines = await read_logs(self._client, run.id, offset=offset, limit=page_size + 1)
        rows = [
            LogLine.model_validate(line.as_data())  # of which it takes what it tells
            for line in lines[:page_size]
        ]
        return Logs(
            execution_id=str(run.id),
            logs=rows,
            page=page,
            page_size=page_size,
            has_more=len(lines) > page_size,
        )

    async def cancel(self, run: FlowRun) -> Change:
        """Asks the run to end, once. `NotNow` for one that has ended otherwise."""
        status = status_of(run)
        if status in ("completed", "failed"):
            raise NotNow(f"the workflow execution has ended already: it has {status}")
        status = status_of(await cancel(self._client, run, once_more=False))
        message = "Workflow cancelled" if status == "cancelled" else "Workflow is being cancelled"
        return Change(execution_id=str(run.id), status=status, message=message)

    async def resume(self, run: FlowRun) -> Change:
        """Lets a run that has failed or was cancelled go on where it stopped. `NotNow` for any other."""
        status = status_of(run)
        if status not in ("failed", "cancelled"):
            raise NotNow(f"the workflow execution can't be resumed: it is {status}")
        await self._use(run)
        wanted: State[Any] = AwaitingRetry(message="resumed over HTTP")
        answer: Any = await self._client.set_flow_run_state(run.id, wanted)
        if answer.status != SetStateStatus.ACCEPT:
            raise NotNow(f"the workflow execution can't be resumed: {answer.details.reason}")
        return Change(execution_id=str(run.id), status="queued", message="Workflow queued")

    async def _use(self, run: FlowRun) -> None:
        """What it was taken on with is kept on; runs made elsewhere have no such thing."""
        document = run.parameters.get("document")
        if not any(tag.startswith(OWNER_TAG) for tag in run.tags) or not isinstance(document, str):
            return
        try:
            await use(self._client, document)
        except ObjectNotFound:
            raise NotNow("the workflow is no longer kept, it was not used for long: send it again") from None


def created(run: FlowRun) -> Created:
    """The answer to the request that made the run."""
    return Created(
        execution_id=str(run.id),
        name=_name(run),
        status=status_of(run),
        created_at=cast("Any", run.created),
        total_tasks=_total(run) or 0,
    )


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
    return str(run.labels.get(WORKFLOW_LABEL, run.name))


def _total(run: FlowRun) -> int | None:
    total = run.labels.get("leadagent.tasks")
    return int(total) if total is not None else None


def _message(run: FlowRun, status: RunStatus) -> str:
    said = run.state.message if run.state is not None and status in _ENDED else None
    return f"Workflow {status}: {said}" if said else f"Workflow {status}"
