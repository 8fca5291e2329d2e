"""``on_failure`` and ``finally``: the tasks that run when all else has ended, whatever it has come to.

Each group is a run of its own within the flow run: it has the agents, the secrets and the outcomes of the
tasks before it, and neither their strategy nor their time limit. Nothing in it changes what the run came to.

Results are kept under a number of the ending, so that an execution that was interrupted here goes on where
it stopped: what the run has come to is kept before (`engine.store.replay`), and no step of it is tried again.
One that has tried a step again comes to another ending, and all runs anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import anyio

from leadagent_prefect.engine.outcome import Outcome, Verdict, summary
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.schedule import Scheduler
from leadagent_prefect.engine.store.plain import storage
from leadagent_prefect.engine.undo import at_the_end
from leadagent_prefect.plan import Plan
from leadagent_prefect.results import WorkflowResult

_log = logging.getLogger(__name__)

#: Seconds that the number of an ending may take: what is due then must not wait for it.
_PATIENCE_SECONDS = 5.0


def hooks_of(plan: Plan, found: Verdict) -> Mapping[str, Plan]:
    """The groups that run after this verdict, by their names, in their order."""
    failed = found.status == "failed"
    groups = {"on_failure": plan.on_failure if failed else None, "finally": plan.finally_}
    return {name: group for name, group in groups.items() if group is not None}


async def run_hooks(run: Run, found: Verdict, *, acted: bool, again: bool) -> tuple[Verdict, bool]:
    """Runs the groups, one after the other; the verdict with those of their tasks that failed in its message,
    and whether they came to their end: a run that is cancelled has a limited time for them.

    ``acted`` says whether a step was tried in this execution, ``again`` whether this is the end that another
    one was interrupted at. Never raises for what a task does.
    """
    hooks = hooks_of(run.plan, found)
    if not hooks:
        return found, True
    message = found.message
    seen = _came_to(run, found)
    async with at_the_end(run) as token:
        number = await _number(run, acted, again, found.status != "completed")
        for name, plan in hooks.items():
            part = token.child()
            await Scheduler(run.at_its_end(plan, part, (name, number), seen)).execute()
            part.release()
            failed = [step.name for step in plan.steps if _failed(run.outcomes[step.name])]
            message += f"; {name} failed: {', '.join(failed)}" if failed else ""
        is_over = token.stop is None
        await _keep(run, number, is_over=is_over)
    return replace(found, message=message), is_over


def add_hooks(result: WorkflowResult, run: Run, found: Verdict) -> None:
    """Adds what came of the groups to the result. They are in no count."""
    for plan in hooks_of(run.plan, found).values():
        told = summary(plan, run.outcomes, found.status)
        result.results.update(told.results)
        result.errors.update(told.errors)
        result.tasks.update(told.tasks)


def _came_to(run: Run, found: Verdict) -> Mapping[str, Any]:
    """What templates see of ``run`` besides its id, its name and its start."""
    return {
        "status": found.status,
        "error": None if found.status == "completed" else found.message,
        "failed_tasks": [step.name for step in run.plan.steps if _failed(run.outcomes[step.name])],
    }


def _failed(outcome: Outcome) -> bool:
    return outcome.status == "failed"


async def _number(run: Run, acted: bool, again: bool, failed: bool) -> int:
    """That of the ending: the last one's where this execution takes up what interrupted that. A sub-workflow
    that has completed is entered again too, and has not ended once more.
    """
    last = await _kept(run)
    number = 1
    if last is not None:
        is_same = again and last.get("ending") == run.generations.undoings
        is_next = acted or again or (failed and bool(last["over"]))
        number = int(last["number"]) + (is_next and not is_same)
    await _keep(run, number, is_over=False)
    return number


async def _kept(run: Run) -> dict[str, Any] | None:
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            kept: dict[str, Any] = json.loads(await (await storage()).read_path(_place(run)))
            return kept
    except Exception:  # noqa: BLE001  # each storage says in its own way that there is none
        return None


async def _keep(run: Run, number: int, *, is_over: bool) -> None:
    kept = {"number": number, "over": is_over, "ending": run.generations.undoings}
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            await (await storage()).write_path(_place(run), json.dumps(kept).encode())
    except Exception as error:  # noqa: BLE001  # an execution that comes later does all of it again
        _log.warning("that the run has come to its end is not kept: %s", type(error).__name__)


def _place(run: Run) -> str:
    return hashlib.sha256(json.dumps(["ending", run.root_id, run.path]).encode()).hexdigest()
