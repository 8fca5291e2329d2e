"""What came of a step, and what the run comes to. Pure: the rules of the failure strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leadagent_prefect.engine.process.stop import Stop
from leadagent_prefect.plan import Plan
from leadagent_prefect.results import ItemCounts, RunStatus, TaskResult, TaskStatus, WorkflowResult


@dataclass(frozen=True)
class Outcome:
    """How a step ended. ``result`` and ``metadata`` are redacted JSON data, ``error`` is redacted.

    ``items`` and ``item_errors`` (``{key: {"class": ..., "message": ...}}``) are of a task with ``for_each``.
    ``tolerated``: a failure that ``continue_on_failure`` allows. ``from_failure``: a skip that a failure
    caused, which counts as a failure for the steps after it. ``cached``: a result that was reused from
    another call, which this run has not made; ``kept_at``: where one that it has made is kept for others.
    """

    status: TaskStatus
    result: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    error_class: str | None = None
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    tolerated: bool = False
    from_failure: bool = False
    cached: bool = False
    kept_at: str | None = None
    items: ItemCounts | None = None
    item_errors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def lets_dependents_run(self) -> bool:
        return self.status == "completed" or self.tolerated

    @property
    def counts_as_failed(self) -> bool:
        """For the tasks after it: a failure that nothing tolerates, or a skip that one has caused."""
        if self.status == "skipped":
            return self.from_failure
        return not self.lets_dependents_run

    @property
    def duration(self) -> float:
        """Seconds from the start of the first attempt to the end."""
        if self.started_at is None or self.ended_at is None:
            return 0.0
        return (self.ended_at - self.started_at).total_seconds()


def ends_the_run(plan: Plan, outcome: Outcome) -> bool:
    """Whether nothing more may start after this outcome."""
    strategy = plan.workflow.failure_strategy
    return strategy == "stop_on_first_failure" and outcome.status == "failed" and not outcome.tolerated


@dataclass(frozen=True)
class Verdict:
    """What the run came to: its status, the name of a Prefect state of its own where it has one, and why."""

    status: RunStatus
    state_name: str | None
    message: str


def verdict(plan: Plan, outcomes: Mapping[str, Outcome], stop: Stop | None) -> Verdict:
    """The status of a run all of whose steps have an outcome."""
    completed = sum(outcome.status == "completed" for outcome in outcomes.values())
    counts = f"{completed}/{len(outcomes)} tasks completed"
    if stop is not None and stop.kind == "finished":
        return Verdict("completed", None, f"{stop.reason}; {counts}")
    if stop is not None and stop.kind == "cancelled":
        return Verdict("cancelled", None, f"{stop.reason}; {counts}")
    if stop is not None and stop.kind == "timeout":
        return Verdict("failed", "TimedOut", f"{stop.reason}; {counts}")
    # In file order: the same run tells the same story, whichever of its tasks ended first.
    ordered = [(step.name, outcomes[step.name]) for step in plan.steps]
    failed = [name for name, o in ordered if o.status == "failed" and not o.tolerated]
    said = [name for name in failed if plan.by_name[name].kind == "fail"]
    if not failed:
        return Verdict("completed", None, counts)
    message = f"{counts}; failed: {', '.join(failed[:10])}{', ...' if len(failed) > 10 else ''}"
    if said:
        return Verdict("failed", None, f"{outcomes[said[0]].error}; {message}")
    if plan.workflow.failure_strategy == "partial_completion_allowed":
        counted = sum(outcome.status != "skipped" for outcome in outcomes.values())
        if completed >= plan.needed_successes(counted):
            return Verdict("completed", "PartiallyCompleted", message)
    return Verdict("failed", None, message)


def summary(plan: Plan, outcomes: Mapping[str, Outcome], status: RunStatus) -> WorkflowResult:
    """The run's result, but for its outputs, its id and its time."""
    ordered = [(step.name, outcomes[step.name]) for step in plan.steps]
    return WorkflowResult(
        status=status,
        results={name: o.result for name, o in ordered if o.status == "completed"},
        errors=_errors(ordered),
        tasks={name: _row(o) for name, o in ordered},
        total_tasks=len(ordered),
        completed_tasks=sum(o.status == "completed" for _, o in ordered),
        failed_tasks=sum(o.status == "failed" for _, o in ordered),
        skipped_tasks=sum(o.status == "skipped" for _, o in ordered),
    )


def _errors(ordered: Sequence[tuple[str, Outcome]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, outcome in ordered:
        if outcome.status == "failed":
            found[name] = outcome.error or ""
        found.update({f"{name}[{key}]": error["message"] for key, error in outcome.item_errors.items()})
    return found


def _row(outcome: Outcome) -> TaskResult:
    return TaskResult(
        status=outcome.status,
        attempts=outcome.attempts,
        duration=round(outcome.duration, 6),
        error=outcome.error,
        error_class=outcome.error_class,
        items=outcome.items,
    )
