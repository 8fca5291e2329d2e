"""Runs as this API tells of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

RunStatus = Literal["queued", "running", "completed", "failed", "cancelled"]
#: A text, which is a UUID.
RunId = Annotated[
    str, Field(examples=["123e4567-e89b-12d3-a456-426614174000"], json_schema_extra={"format": "uuid"})
]


class Created(BaseModel):
    """A run that has been taken on."""

    execution_id: RunId
    name: str = Field(examples=["simple_test_workflow"])
    status: RunStatus = Field(examples=["queued"])
    created_at: datetime = Field(examples=["2026-01-15T10:30:00Z"])
    total_tasks: int = Field(examples=[1])


class Status(BaseModel):
    """How far a run is. ``progress`` is in percent of its tasks."""

    execution_id: RunId
    status: RunStatus = Field(examples=["running"])
    progress: float = Field(ge=0, le=100, examples=[50.0])
    current_task: str | None = Field(examples=["fetch_data"])
    message: str = Field(examples=["Workflow running"])


class Execution(BaseModel):
    """A run as the list has it; what is not known before its end is null until then."""

    execution_id: RunId
    name: str = Field(examples=["simple_test_workflow"])
    status: RunStatus = Field(examples=["completed"])
    created_at: datetime = Field(examples=["2026-01-15T10:30:00Z"])
    completed_at: datetime | None = Field(examples=["2026-01-15T10:31:30Z"])
    execution_time: float | None = Field(description="seconds", examples=[90.5])
    total_tasks: int | None = Field(examples=[1])
    completed_tasks: int | None = Field(examples=[1])
    results: dict[str, Any] | None = Field(examples=[{"fetch_data": {"id": 1}}])


class Executions(BaseModel):
    """A page of runs, newest first. ``total`` counts those of all pages."""

    workflows: list[Execution]
    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    page_size: int = Field(examples=[10])


class Details(Execution):
    """All there is to know of a run."""

    started_at: datetime | None = Field(examples=["2026-01-15T10:30:01Z"])
    message: str | None = Field(examples=["1/1 tasks completed"])
    failed_tasks: int | None = Field(examples=[0])
    skipped_tasks: int | None = Field(examples=[0])
    errors: dict[str, str] = Field(examples=[{}])
    outputs: dict[str, Any] | None = Field(examples=[None])
    tasks: dict[str, Any] = Field(examples=[{"fetch_data": {"status": "completed", "attempts": 1}}])
    compensated: list[dict[str, Any]] = Field(examples=[[]])


class Change(BaseModel):
    """What came of asking a run to end, or to go on: ``running`` is one that undoes what it did."""

    execution_id: RunId
    status: RunStatus = Field(examples=["cancelled"])
    message: str = Field(examples=["Workflow cancelled"])
