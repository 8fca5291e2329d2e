"""What came of a call, of a task and of a run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from leadagent_prefect.errors import AgentError, error_for

TaskStatus = Literal["completed", "failed", "skipped", "cancelled"]
RunStatus = Literal["completed", "failed", "cancelled"]


class AgentResponse(BaseModel):
    """The answer of one call to an agent.

    ``result`` and ``metadata`` are plain JSON data. ``error_class`` is a word of
    `leadagent_prefect.errors`; a failure without one counts as ``internal``.
    Returning ``AgentResponse(success=False, ...)`` and raising an `AgentError` are the same to the engine.
    """

    model_config = ConfigDict(extra="forbid")

    success: bool
    result: Any = None
    error: str | None = None
    error_class: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    retry_after: float | None = None

    def raise_for_error(self) -> AgentResponse:
        """This response, or the `AgentError` it stands for."""
        if self.success:
            return self
        raise self.as_error()

    def as_error(self) -> AgentError:
        kind = error_for(self.error_class or "internal")
        return kind(
            self.error or "the agent gave no reason", metadata=self.metadata, retry_after=self.retry_after
        )


class ItemCounts(BaseModel):
    """How the items of a task with ``for_each`` ended; those that were skipped or cancelled are in total."""

    total: int
    completed: int
    failed: int


class TaskResult(BaseModel):
    """One row of ``tasks`` in a run's result. ``duration`` is in seconds over all attempts and waits.

    Of a task with ``for_each``, ``attempts`` is the sum over its items, which ``items`` counts.
    """

    status: TaskStatus
    attempts: int = 0
    duration: float = 0.0
    error: str | None = None
    error_class: str | None = None
    items: ItemCounts | None = Field(None, exclude_if=lambda items: items is None)


class Compensation(BaseModel):
    """How the undoing of one completed task ended, or of the item ``key`` of it.

    ``unknown``: its call, or that which was to be undone, was cut short, so that nobody can tell what it did.
    """

    task: str
    key: str | None = None
    status: Literal["completed", "failed", "unknown"]
    error: str | None = None


class WorkflowResult(BaseModel):
    """What a run came to; ``model_dump(mode="json")`` is what ``leadagent run --json`` prints.

    ``results`` holds completed tasks only; ``errors`` maps every failed task and item (``NAME[KEY]``) to its
    message, tolerated ones too; ``compensated`` lists what was undone, newest completion first.
    ``execution_time`` is in seconds.
    """

    status: RunStatus
    results: dict[str, Any] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    tasks: dict[str, TaskResult] = Field(default_factory=dict)
    total_tasks: int = 0
    completed_tasks: int = 0
    failed_tasks: int = 0
    skipped_tasks: int = 0
    compensated: list[Compensation] = Field(default_factory=list)
    execution_time: float = 0.0
    flow_run_id: str | None = None
