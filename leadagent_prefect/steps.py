"""A task as planned: whom it calls, what it waits for, how it is tried again. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import TYPE_CHECKING, Any, Literal

from leadagent_prefect.models import AgentConfig, TaskConfig
from leadagent_prefect.resilience.retry import RetryPolicy

if TYPE_CHECKING:
    from leadagent_prefect.plan import Plan

#: What a step does: it calls an agent, it runs a body of steps, or it is one of those that call nobody.
Kind = Literal["call", "workflow", "tasks", "value", "wait", "fail", "finish"]
_WITHOUT_AGENT: tuple[Kind, ...] = ("workflow", "tasks", "value", "wait", "fail", "finish")


@dataclass(frozen=True)
class Loop:
    """How a task runs once for each item: ``name`` is the item's in templates, ``limit`` how many may run at
    a time. ``when_per_item`` says that the condition names the item, and so is each item's own.
    """

    name: str
    limit: int
    when_per_item: bool


@dataclass(frozen=True)
class Body:
    """What a step runs in place of a call: a sub-workflow, or the tasks that stand inline.

    ``file`` is the sub-workflow's as it is written in ``workflow:``; inline tasks have none. Their plan has
    the settings of the workflow around it (how many at a time, the failure strategy), and the ``outputs`` of
    the task.
    """

    plan: Plan
    file: str | None = None

    @cached_property
    def is_undoable(self) -> bool:
        """Whether any task in it, however deep, has a ``compensate``."""
        return any(
            step.undo is not None or (step.body is not None and step.body.is_undoable)
            for step in self.plan.steps
        )


@dataclass(frozen=True)
class Step:
    """A task as planned.

    ``upstreams`` are the names of all tasks it waits for, in file order: those of ``depends_on`` and those
    its templates read; ``judged`` are those among them whose ends its trigger rule is about. ``timeout``
    bounds one attempt, ``request_timeout`` one request (seconds). ``secrets`` are the names of secrets its
    parameters need, ``reads_secrets`` says whether they read any. ``undo`` is the call that undoes it, as a
    step of the same name that waits for nothing.
    """

    index: int
    task: TaskConfig
    called: AgentConfig | None
    upstreams: tuple[str, ...]
    judged: tuple[str, ...]
    retry: RetryPolicy
    timeout: float | None
    request_timeout: float
    secrets: frozenset[str]
    reads_secrets: bool
    loop: Loop | None = None
    undo: Step | None = None
    body: Body | None = None

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def action(self) -> str:
        return self.task.action or ""

    @property
    def kind(self) -> Kind:
        return next((kind for kind in _WITHOUT_AGENT if kind in self.task.model_fields_set), "call")

    @property
    def agent(self) -> AgentConfig:
        """Whom it calls. Of a step that calls nobody there is none, and nobody asks."""
        assert self.called is not None
        return self.called

    @property
    def payload(self) -> dict[str, Any]:
        """What it is rendered of before it runs: the parameters of a call, or the one key of its kind."""
        if self.kind == "call":
            return self.task.parameters
        if self.kind in ("workflow", "tasks"):
            return self.task.inputs or {}
        return {self.kind: getattr(self.task, self.kind)}

    @property
    def templated(self) -> list[Any]:
        """All of it that may hold templates, but for its undo and its body."""
        task = self.task
        until = task.repeat.until if task.repeat is not None else None
        return [self.payload, task.when, task.for_each, task.key, until]

    @property
    def shown(self) -> str:
        """What it does, in a few words."""
        if self.kind == "call":
            return f"{self.agent.name}: {self.action}"
        if self.body is not None:
            count = len(self.body.plan.steps)
            return f"workflow: {self.body.file}" if self.body.file else f"{count} task{'s' * (count > 1)}"
        return f"wait {self.task.wait:g} s" if self.kind == "wait" else self.kind

    @property
    def condition(self) -> str:
        """When it runs, in a few words; empty for one that runs when all it waits for has completed."""
        rule = self.task.trigger_rule
        words: list[str] = [rule] if rule != "all_success" else []
        if self.loop is not None:
            over = self.task.for_each
            words.insert(0, f"for each of {on_one_line(over) if isinstance(over, str) else len(over)}")
        if self.task.when is not None:
            words.append(f"when {on_one_line(self.task.when)}")
        return ", ".join(words)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else there is to say of it in a picture, each in a few words."""
        undo = (f"undone by {self.undo.shown}",) if self.undo is not None else ()
        return ((self.condition,) if self.condition else ()) + self._rounds + undo

    @property
    def _rounds(self) -> tuple[str, ...]:
        repeat = self.task.repeat
        if repeat is None:
            return ()
        pause = f", {repeat.every:g} s apart" if repeat.every else ""
        return (f"until {on_one_line(repeat.until)}, at most {repeat.max_times} times{pause}",)

    def tolerated(self, total: int) -> int:
        """How many of ``total`` items may fail; a percentage is rounded down."""
        wanted = self.task.tolerated_failures
        if wanted is None or isinstance(wanted, int):
            return wanted or 0
        return floor(round(float(wanted[:-1]) * total, 6) / 100)


def on_one_line(condition: str | bool) -> str:
    """A condition as it may stand in a file, wherever its author broke its line."""
    return " ".join(condition.split()) if isinstance(condition, str) else str(condition).lower()
