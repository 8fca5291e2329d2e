"""The events of a run: frozen, in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

EventType = Literal[
    "workflow_started",
    "task_started",
    "task_retrying",
    "task_completed",
    "task_failed",
    "task_skipped",
    "task_cancelled",
    "circuit_opened",
    "circuit_half_opened",
    "circuit_closed",
    "compensation_started",
    "compensation_finished",
    "workflow_finished",
]


@dataclass(frozen=True)
class Event:
    """One thing that happened. ``name`` is the task's, or the workflow's for an event of the whole run.

    ``attempt`` counts from 1; ``execution_time`` is in seconds; for ``task_retrying`` it is the wait
    before the next attempt. ``compensation_started`` and ``compensation_finished`` tell of the undoing of
    one task, or one item; a ``task_retrying`` of it is named ``undo:NAME``. Times are aware datetimes in
    UTC. Errors are redacted.
    """

    type: EventType
    run_id: str
    workflow: str
    name: str
    item: str | None = None
    attempt: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    execution_time: float | None = None
    error: str | None = None
    error_class: str | None = None
