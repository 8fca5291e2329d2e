"""Workflow -> Plan: every step with its agent, dependencies, delays and timeouts. Pure; nothing is called.

The engine runs a plan, the emitter writes one down, ``leadagent plan`` and ``graph`` show it: all three
see the same steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any

from leadagent_prefect.models import AgentConfig, TaskConfig, Workflow
from leadagent_prefect.resilience.retry import merge
from leadagent_prefect.steps import Body as Body
from leadagent_prefect.steps import Loop as Loop
from leadagent_prefect.steps import Step as Step
from leadagent_prefect.steps import on_one_line as on_one_line
from leadagent_prefect.templates import references

if TYPE_CHECKING:
    from leadagent_prefect.loader import Loaded


@dataclass(frozen=True)
class Plan:
    """A workflow with everything resolved that can be before it runs.

    ``steps`` are in file order. ``line`` of a step (1-based) is in ``lines`` where the file is known;
    ``digest`` is the SHA-256 of the workflow's text. ``on_failure`` and ``finally_`` are the tasks that run
    when all else has ended, as plans of their own: what they read of other tasks is no dependency.
    """

    workflow: Workflow
    steps: tuple[Step, ...]
    digest: str = ""
    filename: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    on_failure: Plan | None = None
    finally_: Plan | None = None

    @property
    def name(self) -> str:
        return self.workflow.name

    @property
    def width(self) -> int:
        """How many task runs there may be at a time."""
        return self.workflow.max_parallel_tasks if self.workflow.parallel_execution else 1

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        return {step.name: step for step in self.steps}

    @cached_property
    def agents(self) -> Mapping[str, AgentConfig]:
        """The agents that are called, to undo as well, by name, in file order."""
        used = {step.called.name for step in [*self.steps, *self.undos] if step.called is not None}
        return {agent.name: agent for agent in self.workflow.agents if agent.name in used}

    @property
    def undos(self) -> list[Step]:
        """The calls that undo tasks, in file order."""
        return [step.undo for step in self.steps if step.undo is not None]

    @cached_property
    def required_secrets(self) -> frozenset[str]:
        """Names of the secrets without which the run can't start: those that have no default."""
        return _roots("secrets", self._templated)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Names of all secrets that agents and parameters read."""
        return _roots("secrets", self._templated, guarded=True)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names of all Prefect Variables that are read anywhere."""
        return _roots("vars", [*self._templated, self.workflow.outputs], guarded=True)

    @property
    def _templated(self) -> list[Any]:
        agents: list[Any] = [agent.model_dump(exclude={"name", "type"}) for agent in self.agents.values()]
        return agents + [step.payload for step in [*self.steps, *self.undos]]

    @cached_property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Names by depth: level 0 waits for nothing. A picture of the order, not how it runs."""
        depth: dict[str, int] = {}
        for step in self.in_order:
            depth[step.name] = 1 + max((depth[name] for name in step.upstreams), default=-1)
        rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for step in self.steps:
            rows[depth[step.name]].append(step.name)
        return tuple(map(tuple, rows))

    @cached_property
    def in_order(self) -> tuple[Step, ...]:
        """The steps so that each stands behind all it waits for, otherwise in file order."""
        waiting = {step.name: set(step.upstreams) for step in self.steps}
        dependents = self.dependents
        ready = deque(step for step in self.steps if not step.upstreams)
        order: list[Step] = []
        while ready:
            step = ready.popleft()
            order.append(step)
            for name in dependents[step.name]:
                waiting[name].discard(step.name)
                if not waiting[name]:
                    ready.append(self.by_name[name])
        return tuple(order)

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """Who waits for each task, in file order."""
        rows: dict[str, list[str]] = {step.name: [] for step in self.steps}
        for step in self.steps:
            for name in step.upstreams:
                rows[name].append(step.name)
        return {name: tuple(row) for name, row in rows.items()}

    def needed_successes(self, counted: int) -> int:
        """``min_success`` as a count, where ``counted`` tasks were not skipped."""
        wanted = self.workflow.min_success
        if wanted is None:
            return 1
        if isinstance(wanted, int):
            return wanted
        # Through a whole number of tenths of a percent, so that 10% of 10 is 1 and not 1.0000000000000002.
        return ceil(round(float(wanted[:-1]) * counted, 6) / 100)


def build(
    workflow: Workflow,
    *,
    digest: str = "",
    filename: str | None = None,
    lines: Mapping[str, int] | None = None,
    parts: Mapping[str, Plan] | None = None,
) -> Plan:
    """The plan of a checked workflow: its references exist and form no cycle. ``parts`` are the plans of its
    sub-workflows, by what ``workflow:`` says.
    """
    agents = {agent.name: agent for agent in workflow.agents}
    names = {task.name: index for index, task in enumerate(workflow.tasks)}
    widest = workflow.max_parallel_tasks
    usual = widest if workflow.parallel_execution else 1
    steps = tuple(
        replace(
            _step(index, task, agents, names),
            loop=_loop(task, usual, widest),
            body=_body(task, workflow, parts or {}),
        )
        for index, task in enumerate(workflow.tasks)
    )
    hooks = [
        _nested(workflow, tasks, None, parts or {}) for tasks in (workflow.on_failure, workflow.finally_)
    ]
    return Plan(workflow, steps, digest, filename, dict(lines or {}), *hooks)


def _body(task: TaskConfig, workflow: Workflow, parts: Mapping[str, Plan]) -> Body | None:
    if task.workflow is not None:
        return Body(parts[task.workflow], task.workflow)
    nested = _nested(workflow, task.tasks or [], task.outputs, parts)
    return Body(nested) if nested is not None else None


def _nested(
    workflow: Workflow, tasks: list[TaskConfig], outputs: dict[str, Any] | None, parts: Mapping[str, Plan]
) -> Plan | None:
    """Tasks within a workflow as a plan: its agents and settings, but for those that are of the whole run."""
    if not tasks:
        return None
    partial = workflow.failure_strategy == "partial_completion_allowed"
    whole: dict[str, Any] = {
        "tasks": tasks,
        "outputs": outputs,
        "on_failure": [],
        "finally_": [],
        "min_success": None,
        "global_timeout": None,
        # How many of a run's tasks must complete is not a question about some of them.
        "failure_strategy": "continue_on_failure" if partial else workflow.failure_strategy,
    }
    return build(workflow.model_copy(update=whole), parts=parts)


def plan_of(loaded: Loaded) -> Plan:
    """The plan of a file that was read, with the line of every task."""
    document = loaded.document
    spans = {task.name: document.value_span(("tasks", n)) for n, task in enumerate(loaded.workflow.tasks)}
    lines = {name: span.line for name, span in spans.items() if span is not None}
    parts = {written: plan_of(part) for written, part in loaded.parts.items()}
    return build(loaded.workflow, digest=loaded.digest, filename=document.filename, lines=lines, parts=parts)


def _step(index: int, task: TaskConfig, agents: Mapping[str, AgentConfig], names: Mapping[str, int]) -> Step:
    agent = agents[task.agent_name] if task.agent_name is not None else None
    waited = (_read(task) | set(task.depends_on)) & names.keys()
    upstreams = tuple(sorted(waited, key=names.__getitem__))
    named = tuple(name for name in upstreams if name in task.depends_on)
    return Step(
        index=index,
        task=task,
        called=agent,
        upstreams=upstreams,
        judged=named if named and task.trigger_rule != "all_success" else upstreams,
        retry=merge(agent.retry_config if agent else None, task.retry_config),
        timeout=task.timeout,
        request_timeout=_request_timeout(agent, task),
        secrets=_roots("secrets", [task.parameters]),
        reads_secrets=bool(_roots("secrets", [task.parameters], guarded=True)),
        undo=_undo(index, task, agents, names),
    )


def _read(task: TaskConfig) -> frozenset[str]:
    """The tasks that the templates of a task read, and those of its inline tasks from outside of them."""
    until = task.repeat.until if task.repeat is not None else None
    own = [task.parameters, task.inputs, task.when, task.value, task.fail, task.finish, task.for_each]
    read = _roots("tasks", [*own, task.key, until, task.outputs], guarded=True)
    inner = task.tasks or []
    return read.union(*map(_read, inner)) - {one.name for one in inner}


def _undo(
    index: int, task: TaskConfig, agents: Mapping[str, AgentConfig], names: Mapping[str, int]
) -> Step | None:
    """The compensation as a step. What its templates read of other tasks is no dependency: it comes last."""
    if task.compensate is None:
        return None
    compensate = task.compensate
    config = TaskConfig(
        name=task.name,
        agent_name=compensate.agent_name or task.agent_name,
        action=compensate.action,
        parameters=compensate.parameters,
        timeout=compensate.timeout,
        retry_config=compensate.retry_config,
    )
    return replace(_step(index, config, agents, names), upstreams=(), judged=())


def _loop(task: TaskConfig, usual: int, widest: int) -> Loop | None:
    if "for_each" not in task.model_fields_set:
        return None
    name = task.as_ or "item"
    roots = {reference.root for _, reference in references(task.when)}
    limit = min(task.max_concurrency or usual, widest)
    return Loop(name, limit, when_per_item=bool(roots & {name, "item", "index"}))


def _request_timeout(agent: AgentConfig | None, task: TaskConfig) -> float:
    if agent is None:
        return 0.0
    written = "timeout" in agent.model_fields_set or task.timeout is None
    return agent.timeout if written or task.timeout is None else task.timeout


def _roots(root: str, values: Iterable[Any], *, guarded: bool = False) -> frozenset[str]:
    """The first names behind ``root`` in all templates of ``values``; ``guarded``: under a default too."""
    return frozenset(
        str(reference.path[0])
        for value in values
        for _, reference in references(value)
        if reference.root == root and reference.path and (guarded or not reference.guarded)
    )
