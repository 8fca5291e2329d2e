"""Plan -> what would run, as data: order, dependencies, retries, and the worst case. Pure; nothing is called.

The worst case holds under these formulas, in which every attempt but the last one fails as late as it can:

- calls of a task: its attempts; of the run: their sum;
- seconds of a task: attempts x seconds of one attempt + (attempts - 1) x ``max_delay``. One attempt takes the
  task's ``timeout``, otherwise its agent's for one request. A wait counts as ``max_delay``, since a
  ``Retry-After`` of the service may ask for as much;
- seconds of the run, with S the sum over all tasks, C that of the costliest chain of dependencies and W the
  tasks at a time: S where W is 1, C where W is no fewer than there are tasks, otherwise
  S / W + (1 - 1 / W) x C (Graham's bound for a scheduler that leaves no slot idle); never more than
  ``global_timeout``.

A map counts with all its items; one over what only the run will know (``items`` is null) as if it had one.
A task that calls nobody takes no time, but for one that waits; a task that may be skipped, or answered
from the cache, is counted.

``compensation`` of the run is the worst case of undoing all of it, one task after the other, besides that;
``global_timeout`` does not bound it.

Time that leadagent and Prefect need for themselves, and a service's own waits for a free slot, are not in it.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from leadagent_prefect.plan import Plan, Step


def plan_report(plan: Plan) -> dict[str, Any]:
    """JSON data: ``tasks`` in an order in which they could run, ``worst_case`` in calls and seconds."""
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
        "tasks": [_task(step) for step in plan.in_order],
        "worst_case": {
            "calls": sum(_calls(step) for step in plan.steps),
            "seconds": round(_seconds(plan), 3),
        },
        "compensation": {
            "calls": sum(_calls(undo) for undo in plan.undos),
            "seconds": round(sum(_worst(undo) for undo in plan.undos), 3),
        },
    }


def _task(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "kind": step.kind,
        "agent": step.agent.name if step.kind == "call" else None,
        "action": step.action if step.kind == "call" else None,
        "waits_for": list(step.upstreams),
        "trigger_rule": step.task.trigger_rule,
        "when": step.task.when,
        "for_each": step.task.for_each,
        "items": _items(step),
        "attempts": step.retry.attempts,
        "delays": step.retry.delays(),
        "max_delay": step.retry.max_delay if step.retry.attempts > 1 else None,
        "jitter": step.retry.jitter if step.retry.attempts > 1 else None,
        "retry_on": sorted(step.retry.retry_on),
        "attempt_seconds": _attempt(step),
        "continue_on_failure": step.task.continue_on_failure,
        "cache": step.task.cache.ttl if step.task.cache is not None else None,
        "compensate": _undo(step.undo) if step.undo is not None else None,
        "worst_case": {"calls": _calls(step), "seconds": round(_worst(step), 3)},
    }


def _undo(undo: Step) -> dict[str, Any]:
    return {
        "agent": undo.agent.name,
        "action": undo.action,
        "attempts": undo.retry.attempts,
        "attempt_seconds": _attempt(undo),
    }


def _items(step: Step) -> int | None:
    """How many times a step runs; None for a map over what only the run will know."""
    if step.loop is None:
        return 1
    return None if isinstance(step.task.for_each, str) else len(step.task.for_each)


def _times(step: Step) -> int:
    items = _items(step)
    return 1 if items is None else items


def _calls(step: Step) -> int:
    return step.retry.attempts * _times(step) if step.kind == "call" else 0


def _attempt(step: Step) -> float:
    if step.kind != "call":
        return step.task.wait or 0.0
    return step.request_timeout if step.timeout is None else step.timeout


def _each(step: Step) -> float:
    attempts = step.retry.attempts
    return attempts * _attempt(step) + (attempts - 1) * step.retry.max_delay


def _worst(step: Step) -> float:
    """Of a map: so many of its items after one another as do not run side by side."""
    return _each(step) * ceil(_times(step) / (step.loop.limit if step.loop is not None else 1))


def _seconds(plan: Plan) -> float:
    alone = not plan.workflow.parallel_execution
    total = sum(_worst(step) if alone else _each(step) * _times(step) for step in plan.steps)
    ends: dict[str, float] = {}
    for step in plan.in_order:
        ends[step.name] = _worst(step) + max((ends[name] for name in step.upstreams), default=0.0)
    chain, width = max(ends.values()), plan.width
    bound = chain if width >= sum(map(_times, plan.steps)) else total / width + (1 - 1 / width) * chain
    return min(bound, plan.workflow.global_timeout or bound)
