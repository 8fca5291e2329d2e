"""Prefect's states in the words of leadagent, and a run as a row of a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter
from prefect.client.schemas.objects import FlowRun, State, StateType

#: Which workflow it is that a run of the flow ``leadagent`` is of: one flow runs all that come over HTTP.
WORKFLOW_LABEL: Final = "leadagent.workflow"
#: What a run can be, and the types of Prefect's states for it.
STATUSES: Final[Mapping[str, tuple[StateType, ...]]] = {
    "queued": (StateType.SCHEDULED, StateType.PENDING),
    "running": (StateType.RUNNING,),
    "paused": (StateType.PAUSED,),
    "cancelling": (StateType.CANCELLING,),
    "completed": (StateType.COMPLETED,),
    "failed": (StateType.FAILED,),
    "cancelled": (StateType.CANCELLED,),
    "crashed": (StateType.CRASHED,),
}
_WORDS = {type: word for word, types in STATUSES.items() for type in types}


def status_of(state: State[Any] | None) -> str:
    """A key of `STATUSES`. ``crashed``: its process ended before it had."""
    return _WORDS[state.type] if state is not None else "queued"


@dataclass(frozen=True)
class RunRow:
    """``started_at`` is ISO 8601 in UTC, ``duration`` in seconds up to now or the end; both None before."""

    id: str
    name: str
    workflow: str
    status: str
    started_at: str | None
    duration: float | None

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def row_of(run: FlowRun, workflow: str, now: datetime | None = None) -> RunRow:
    return RunRow(
        id=str(run.id),
        name=run.name,
        workflow=str(run.labels.get(WORKFLOW_LABEL, workflow)),
        status=status_of(run.state),
        started_at=run.start_time.astimezone(timezone.utc).isoformat() if run.start_time else None,
        duration=seconds_between(run.start_time, run.end_time, now),
    )


def seconds_between(
    start: datetime | None, end: datetime | None, now: datetime | None = None
) -> float | None:
    """Up to ``now`` of what has not ended; None of what has not started."""
    if start is None:
        return None
    until = end or now or datetime.now(timezone.utc)
    return round(max((until - start).total_seconds(), 0.0), 3)


async def workflow_names(client: PrefectClient, flows: Iterable[UUID]) -> dict[UUID, str]:
    """The names of the workflows that runs are of, by their ``flow_id``."""
    wanted = sorted(str(flow) for flow in set(flows))
    if not wanted:
        return {}
    wanted_flows = FlowFilter.model_validate({"id": {"any_": wanted}})
    return {flow.id: flow.name for flow in await client.read_flows(flow_filter=wanted_flows)}
