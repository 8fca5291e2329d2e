"""One run as it is: from its result where it has ended, from its task runs while it goes on."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final

from prefect._internal.result_records import ResultRecordMetadata
from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun
from prefect.filesystems import LocalFileSystem, WritableFileSystem
from prefect.settings import get_current_settings

from leadagent_prefect.engine.process.liveness import is_dead
from leadagent_prefect.results import WorkflowResult
from leadagent_prefect.runs.status import RunRow, row_of, seconds_between, workflow_names

_PAGE: Final = 200
_NEVER: Final = datetime.min.replace(tzinfo=timezone.utc)
_WORDS: Final = {
    StateType.RUNNING: "running",
    StateType.COMPLETED: "completed",
    StateType.FAILED: "failed",
    StateType.CANCELLED: "cancelled",
    StateType.CRASHED: "crashed",
}
_CLASSES: Final = {"TimedOut": "timeout", "CircuitOpen": "circuit_open", "Cancelled": "cancelled"}


class RunDetail:
    """``result`` is that of a run that has ended, where it can be read from here; otherwise None.

    ``tasks`` are rows of ``status``, ``attempts``, ``duration``, ``error`` and ``error_class``; those of a
    run without a result are as Prefect has them. ``message`` is that of its state; ``stale``: it goes on no
    more, since its process is gone.
    """

    def __init__(
        self, run: FlowRun, row: RunRow, result: WorkflowResult | None, tasks: dict[str, Any]
    ) -> None:
        self.row, self.result, self.tasks = row, result, tasks
        self.message = run.state.message if run.state is not None else None
        self.stale = is_dead(run)

    def as_data(self) -> dict[str, Any]:
        """What ``leadagent run --json`` prints, of a run that has a result, and whose it is."""
        whose = {"id": self.row.id, "name": self.row.name, "workflow": self.row.workflow}
        if self.result is None:
            more = {"message": self.message, "stale": self.stale, "tasks": self.tasks}
            return {**self.row.as_data(), **more, "flow_run_id": self.row.id}
        # What Prefect says counts: it may have been set since.
        said = {**self.result.model_dump(mode="json"), "status": self.row.status}
        return {**whose, "started_at": self.row.started_at, **said, "flow_run_id": self.row.id}


async def detail_of(client: PrefectClient, run: FlowRun) -> RunDetail:
    names = await workflow_names(client, [run.flow_id])
    row = row_of(run, names.get(run.flow_id, "?"))
    result = await result_of(client, run)
    if result is not None:
        return RunDetail(run, row, result, result.model_dump(mode="json")["tasks"])
    return RunDetail(run, row, None, await _tasks(client, run))


async def result_of(client: PrefectClient, run: FlowRun) -> WorkflowResult | None:
    """None of a run that goes on or came to none, and where its storage is not this machine's."""
    record = run.state.data if run.state is not None and run.state.is_final() else None
    if not isinstance(record, ResultRecordMetadata) or record.storage_key is None:
        return None
    try:
        storage = await _storage(client, record)
        # As JSON, whatever the record says: it names what is to read it, pickle too.
        return WorkflowResult.model_validate_json(await storage.read_path(record.storage_key))
    except (OSError, ValueError):
        return None


async def _storage(client: PrefectClient, record: ResultRecordMetadata) -> WritableFileSystem:
    if record.storage_block_id is None:
        return LocalFileSystem(basepath=str(get_current_settings().results.local_storage_path))
    found: Any = await Block.aload_from_ref(record.storage_block_id, client=client)
    storage: WritableFileSystem = found
    return storage


async def _tasks(client: PrefectClient, run: FlowRun) -> dict[str, Any]:
    """In the order of their starts; of a run that was executed again the last of each name."""
    mine = FlowRunFilter.model_validate({"id": {"any_": [str(run.id)]}})
    found: list[TaskRun] = []
    while True:
        page = await client.read_task_runs(flow_run_filter=mine, limit=_PAGE, offset=len(found))
        found += page
        if len(page) < _PAGE:
            break
    ordered = sorted(found, key=lambda task: task.start_time or task.created or _NEVER)
    rows: dict[str, Any] = {}
    for task in ordered:
        rows.pop(task.name, None)
        rows[task.name] = _row(task)
    return rows


def _row(task: TaskRun) -> dict[str, Any]:
    state = task.state
    name = state.name if state is not None else ""
    status = "waiting"
    if state is not None:
        status = "skipped" if name == "Skipped" else _WORDS.get(state.type, "waiting")
    over = status not in ("running", "waiting", "completed")
    return {
        "status": status,
        "attempts": task.run_count,
        "duration": seconds_between(task.start_time, task.end_time) or 0.0,
        "error": state.message if state is not None and over else None,
        "error_class": _CLASSES.get(name or ""),
    }
