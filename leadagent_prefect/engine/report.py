"""Prefect's states -> events: to the observers of this process, and to Prefect for its automations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from prefect.events import emit_event

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.errors import AgentError
from leadagent_prefect.observe.events import Event, EventType

_ENDS: dict[str, EventType] = {
    "completed": "task_completed",
    "failed": "task_failed",
    "skipped": "task_skipped",
    "cancelled": "task_cancelled",
}


def now() -> datetime:
    return datetime.now(timezone.utc)


class Reporter:
    """Makes the events of one run."""

    def __init__(self, notify: Callable[[Event], None], run_id: str, workflow: str) -> None:
        self.notify, self._run_id, self._workflow = notify, run_id, workflow

    def task_started(self, name: str, item: str | None, started_at: datetime) -> None:
        self._tell("task_started", name, item=item, attempt=1, started_at=started_at)

    def task_retrying(
        self, name: str, item: str | None, attempt: int, delay: float, error: AgentError
    ) -> None:
        """``attempt`` failed and is followed by another one in ``delay`` seconds."""
        self._tell(
            "task_retrying",
            name,
            item=item,
            attempt=attempt,
            ended_at=now(),
            execution_time=delay,
            error=error.message,
            error_class=error.error_class,
        )

    def task_ended(self, name: str, outcome: Outcome, item: str | None = None) -> None:
        self._ended(_ENDS[outcome.status], name, outcome, item)

    def _ended(self, type: EventType, name: str, outcome: Outcome, item: str | None) -> None:
        self._tell(
            type,
            name,
            item=item,
            attempt=outcome.attempts or None if outcome.items is None else None,
            started_at=outcome.started_at,
            ended_at=outcome.ended_at,
            execution_time=outcome.duration,
            error=outcome.error,
            error_class=outcome.error_class,
        )

    def compensation_started(self, name: str, item: str | None, started_at: datetime) -> None:
        self._tell("compensation_started", name, item=item, attempt=1, started_at=started_at)

    def compensation_finished(self, name: str, item: str | None, outcome: Outcome) -> None:
        self._ended("compensation_finished", name, outcome, item)

    def circuit(self, type: EventType, agent: str, error: str | None) -> None:
        """This run has moved the circuit breaker of an agent."""
        self._tell(type, agent, ended_at=now(), error=error)

    def workflow_started(self, started_at: datetime) -> None:
        self._tell("workflow_started", self._workflow, started_at=started_at)

    def workflow_finished(self, started_at: datetime, error: str | None) -> None:
        ended_at = now()
        seconds = (ended_at - started_at).total_seconds()
        self._tell(
            "workflow_finished",
            self._workflow,
            started_at=started_at,
            ended_at=ended_at,
            execution_time=seconds,
            error=error,
        )

    def _tell(self, type: EventType, name: str, **facts: Any) -> None:
        event = Event(type, self._run_id, self._workflow, name, **facts)
        self.notify(event)
        emit_event(
            event=f"leadagent.{type}",
            resource={
                "prefect.resource.id": f"prefect.flow-run.{self._run_id}",
                "prefect.resource.name": self._workflow,
                "leadagent.name": name,
            },
            payload={key: _plain(value) for key, value in asdict(event).items() if value is not None},
        )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
