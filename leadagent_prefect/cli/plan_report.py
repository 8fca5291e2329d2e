"""Plan -> what would run, as data: order, dependencies, retries, and the worst case. Pure; nothing is called.

What the worst cases are made of stands in `worst_case`. That of the run is of its tasks; ``on_failure``,
``finally`` and ``compensation`` have their own, and ``global_timeout`` bounds none of these.
"""

from __future__ import annotations

from typing import Any

from leadagent_prefect.cli.worst_case import Cost, items_of, of_attempt, of_task, of_tasks, of_undoing
from leadagent_prefect.plan import Plan, Step


def plan_report(plan: Plan, *, opened: bool = True) -> dict[str, Any]:
    """JSON data: ``tasks`` in an order in which they could run, ``worst_case`` in calls and seconds.

    The tasks of a sub-workflow, and those that stand inline, are under ``body`` where it is ``opened``.
    """
    workflow = plan.workflow
    return {
        "name": plan.name,
        "version": workflow.version,
        "parallel": workflow.parallel_execution,
        "tasks_at_a_time": plan.width,
        "failure_strategy": workflow.failure_strategy,
        "global_timeout": workflow.global_timeout,
        "agents": [{"name": agent.name, "type": agent.type} for agent in plan.agents.values()],
        "inputs": {name: {"type": i.type, "required": i.required} for name, i in workflow.inputs.items()},
        "secrets": sorted(plan.secrets),
        **_groups(plan, opened),
        "worst_case": _rounded(of_tasks(plan)),
        "compensation": _rounded(of_undoing(plan)),
    }


def _groups(plan: Plan, opened: bool) -> dict[str, Any]:
    """The tasks of a plan, and those at its end."""
    return {
        "tasks": [_task(step, opened) for step in plan.in_order],
        "on_failure": _group(plan.on_failure, opened),
        "finally": _group(plan.finally_, opened),
    }


def _group(plan: Plan | None, opened: bool) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {
        "tasks": [_task(step, opened) for step in plan.in_order],
        "worst_case": _rounded(of_tasks(plan)),
    }


def _task(step: Step, opened: bool) -> dict[str, Any]:
    body = step.body
    return {
        "name": step.name,
        "kind": step.kind,
        "agent": step.agent.name if step.kind == "call" else None,
        "action": step.action if step.kind == "call" else None,
        "workflow": body.file if body is not None else None,
        "waits_for": list(step.upstreams),
        "trigger_rule": step.task.trigger_rule,
        "when": step.task.when,
        "for_each": step.task.for_each,
        "items": items_of(step),
        "repeat": step.task.repeat.model_dump() if step.task.repeat is not None else None,
        "attempts": step.retry.attempts,
        "delays": step.retry.delays(),
        "max_delay": step.retry.max_delay if step.retry.attempts > 1 else None,
        "jitter": step.retry.jitter if step.retry.attempts > 1 else None,
        "retry_on": sorted(step.retry.retry_on),
        "attempt_seconds": round(of_attempt(step), 3),
        "continue_on_failure": step.task.continue_on_failure,
        "cache": step.task.cache.ttl if step.task.cache is not None else None,
        "compensate": _undo(step.undo) if step.undo is not None else None,
        "worst_case": _rounded(of_task(step)),
        "body": _groups(body.plan, opened) if body is not None and opened else None,
    }


def _undo(undo: Step) -> dict[str, Any]:
    return {
        "agent": undo.agent.name,
        "action": undo.action,
        "attempts": undo.retry.attempts,
        "attempt_seconds": of_attempt(undo),
    }


def _rounded(cost: Cost) -> dict[str, Any]:
    return {"calls": cost.calls, "seconds": round(cost.seconds, 3)}
