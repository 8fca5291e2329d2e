"""Workflow -> Plan. Each task becomes a step; what it reads of other tasks becomes what it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from leadagent_prefect.models import AgentConfig, TaskConfig, Workflow
from leadagent_prefect.plan.planned import Plan, roots
from leadagent_prefect.resilience.retry import merge
from leadagent_prefect.steps import Body, Loop, Step
from leadagent_prefect.templates import references

if TYPE_CHECKING:
    from leadagent_prefect.loader import Loaded


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
    last = workflow.model_copy(update={"failure_strategy": "continue_on_failure"})
    hooks = [_nested(last, tasks, None, parts or {}) for tasks in (workflow.on_failure, workflow.finally_)]
    on_failure, finally_ = hooks
    return Plan(workflow, steps, digest, filename, dict(lines or {}), on_failure, finally_)


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
    return _plan_of(loaded, {})


def _plan_of(loaded: Loaded, known: dict[int, Plan]) -> Plan:
    """``known`` are those of files that were met before: one that is included many times is planned once."""
    if id(loaded) in known:
        return known[id(loaded)]
    document = loaded.document
    spans = {task.name: document.value_span(("tasks", n)) for n, task in enumerate(loaded.workflow.tasks)}
    lines = {name: span.line for name, span in spans.items() if span is not None}
    parts = {written: _plan_of(part, known) for written, part in loaded.parts.items()}
    plan = build(loaded.workflow, digest=loaded.digest, filename=document.filename, lines=lines, parts=parts)
    known[id(loaded)] = replace(plan, loaded=loaded)
    return known[id(loaded)]


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
        secrets=roots("secrets", [task.parameters]),
        reads_secrets=bool(roots("secrets", [task.parameters], guarded=True)),
        undo=_undo(index, task, agents, names),
    )


def _read(task: TaskConfig) -> frozenset[str]:
    """The tasks that the templates of a task read, and those of its inline tasks from outside of them."""
    until = task.repeat.until if task.repeat is not None else None
    own = [task.parameters, task.inputs, task.when, task.value, task.fail, task.finish, task.for_each]
    read = roots("tasks", [*own, task.key, until, task.outputs], guarded=True)
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
