"""The most calls and seconds that a plan can take. Pure arithmetic.

These formulas hold where every attempt but the last one fails as late as it can, and no round of a repeated
task but the last one ends it:

- calls of a task: items x rounds x attempts x calls of one attempt: 1 where it calls an agent, 0 where it
  calls nobody, otherwise the sum over the tasks in it, and over the ``on_failure`` and ``finally`` of a
  sub-workflow;
- seconds of a task: items / (items at a time), rounded up, x (rounds x (attempts x seconds of one attempt +
  (attempts - 1) x ``max_delay``) + (rounds - 1) x ``every``). One attempt takes the task's ``timeout``,
  otherwise its agent's for one request, otherwise what the tasks in it take by the next formula; the
  ``on_failure`` and ``finally`` of a sub-workflow come on top. A wait between attempts counts as
  ``max_delay``, since a ``Retry-After`` of the service may ask for as much;
- seconds of many tasks, with C the sum over all where they run one at a time, otherwise that of the costliest
  chain of dependencies: C, where no more task runs can meet than there may be at a time. Otherwise
  S / W + (1 - 1 / W) x C (Graham's bound for a scheduler that leaves no slot idle), with W the task runs at
  a time and S the seconds of all of them one after the other. Never more than ``global_timeout``. The tasks
  that stand inline are of the run around them in all this; a sub-workflow has slots of its own;
- undoing, besides all that: one call after the other, each task once, and those in the body of a task once
  for every item, round and attempt, unless the task has a ``compensate`` and its last attempt completed.

A map over what only the run will know counts as if it had one item. A task that calls nobody takes no time,
but for one that waits; a task that may be skipped, or answered from the cache, is counted.

Time that leadagent and Prefect need for themselves, and a service's own waits for a free slot, are not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import ceil
from typing import Any, NamedTuple, TypeVar

from leadagent_prefect.plan import Plan, Step

T = TypeVar("T")


def _once(rule: Callable[..., T]) -> Callable[..., T]:
    """Asks a rule once of each plan: ten levels of sub-workflows with ten calls each are ten plans, and ten
    billion calls.
    """

    @wraps(rule)
    def asked(plan: Plan, *more: Any) -> T:
        known: dict[Any, T] = vars(plan).setdefault(f"worst case {rule.__name__}", {})  # as cached_property
        if more not in known:
            known[more] = rule(plan, *more)
        return known[more]

    return asked


class Cost(NamedTuple):
    """``seconds`` are one after the other in sums, and side by side where tasks are."""

    calls: int
    seconds: float


def items_of(step: Step) -> int | None:
    """How many times a step runs; None for a map over what only the run will know."""
    if step.loop is None:
        return 1
    return None if isinstance(step.task.for_each, str) else len(step.task.for_each)


@_once
def of_tasks(plan: Plan) -> Cost:
    """All tasks of a plan, without those at its end."""
    return Cost(sum(map(_calls, plan.steps)), _seconds(plan))


def of_task(step: Step) -> Cost:
    return Cost(_calls(step), _waves(step) * _again(step, of_attempt(step)))


def of_attempt(step: Step) -> float:
    """The seconds of one attempt of a task, or of an item or a round of it."""
    if step.body is None:
        return _alone(step)
    return _bounded(step, _seconds(step.body.plan))


@_once
def of_undoing(plan: Plan) -> Cost:
    """Undoing all of a plan, and whatever the bodies of its tasks undo by themselves."""
    found = [_undoing(step) for one in (plan, *plan.at_the_end) for step in one.steps]
    return Cost(sum(cost.calls for cost in found), sum(cost.seconds for cost in found))


def _times(step: Step) -> int:
    items = items_of(step)
    return 1 if items is None else items


def _rounds(step: Step) -> int:
    return step.task.repeat.max_times if step.task.repeat is not None else 1


def _waves(step: Step) -> int:
    """So many of its items after one another as do not run side by side."""
    return ceil(_times(step) / (step.loop.limit if step.loop is not None else 1))


def _calls(step: Step) -> int:
    one = 1 if step.kind == "call" else 0
    if step.body is not None:
        plan = step.body.plan
        one = sum(of_tasks(part).calls for part in (plan, *plan.at_the_end))
    return _times(step) * _rounds(step) * step.retry.attempts * one


def _alone(step: Step) -> float:
    if step.kind != "call":
        return step.task.wait or 0.0
    return step.request_timeout if step.timeout is None else step.timeout


def _again(step: Step, attempt: float) -> float:
    rounds, attempts = _rounds(step), step.retry.attempts
    every = step.task.repeat.every if step.task.repeat is not None else 0.0
    return rounds * (attempts * attempt + (attempts - 1) * step.retry.max_delay) + (rounds - 1) * every


def _bounded(step: Step, seconds: float, width: int = 1) -> float:
    """Of an attempt of a body, whose time limit does not bound what runs at the end of a sub-workflow."""
    assert step.body is not None
    within = seconds if step.timeout is None else min(seconds, step.timeout * width)
    return within + sum(_seconds(last) for last in step.body.plan.at_the_end)


@_once
def _seconds(plan: Plan) -> float:
    width, chain = plan.workflow.max_parallel_tasks, _chain(plan)
    bound = chain if _peak(plan) <= width else _work(plan, width) / width + (1 - 1 / width) * chain
    return min(bound, plan.workflow.global_timeout or bound)


@_once
def _chain(plan: Plan) -> float:
    """The seconds where there is a slot for every task run."""
    costs = {step.name: _waves(step) * _again(step, _chained(step)) for step in plan.steps}
    if not plan.workflow.parallel_execution:
        return sum(costs.values())
    ends: dict[str, float] = {}
    for step in plan.in_order:
        ends[step.name] = costs[step.name] + max((ends[name] for name in step.upstreams), default=0.0)
    return max(ends.values())


def _chained(step: Step) -> float:
    if step.body is None or step.body.file is not None:
        return of_attempt(step)
    return _bounded(step, _chain(step.body.plan))


@_once
def _work(plan: Plan, width: int) -> float:
    """The seconds of all task runs and waits one after the other."""
    return sum(_times(step) * _again(step, _worked(step, width)) for step in plan.steps)


def _worked(step: Step, width: int) -> float:
    if step.body is None or step.body.file is not None:
        return of_attempt(step)
    return _bounded(step, _work(step.body.plan, width), width)


@_once
def _peak(plan: Plan) -> int:
    """How many task runs can meet that need a slot of the run: a task with a body holds none itself."""
    met = [_met(step) for step in plan.steps]
    return sum(met) if plan.workflow.parallel_execution else max(met)


def _met(step: Step) -> int:
    one = 1
    if step.body is not None:
        one = _peak(step.body.plan) if step.body.file is None else 0
    return one * (min(_times(step), step.loop.limit) if step.loop is not None else 1)


def _undoing(step: Step) -> Cost:
    own, inner = Cost(0, 0.0), Cost(0, 0.0)
    if step.undo is not None:
        own = Cost(step.undo.retry.attempts, _again(step.undo, of_attempt(step.undo)))
    if step.body is not None:
        inner = of_undoing(step.body.plan)
    cut = _rounds(step) * step.retry.attempts
    if step.undo is not None:  # of each round the last attempt completed, but for one that may not have
        cut = _rounds(step) * (step.retry.attempts - 1)
        own = Cost(max(own.calls, inner.calls), max(own.seconds, inner.seconds))
    times = _times(step)
    seconds = times * (cut * inner.seconds + own.seconds)
    return Cost(times * (cut * inner.calls + own.calls), seconds)
