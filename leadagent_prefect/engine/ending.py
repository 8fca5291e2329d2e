"""A flow run from its first step to its final state: steps, outputs, undoing, last tasks, result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from leadagent_prefect.engine.hooks import add_hooks, hooks_of, run_hooks
from leadagent_prefect.engine.outcome import Verdict, summary, verdict
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.schedule import Scheduler
from leadagent_prefect.engine.store.replay import Undoing, begin, end_undoing, keep_undoing
from leadagent_prefect.engine.undo import due, undo
from leadagent_prefect.errors import TemplateError
from leadagent_prefect.results import WorkflowResult
from leadagent_prefect.templates import render


@dataclass(frozen=True)
class Ending:
    """What a run came to: its verdict, and its outputs or the errors of those."""

    found: Verdict
    outputs: dict[str, Any] | None
    problems: dict[str, str]
    before: Undoing | None = None


async def go_through(run: Run) -> Ending:
    """Runs all steps, undoes what is to be undone, and runs what is due at the end."""
    run.report.workflow_started(run.started_at)
    before = await begin(run)
    try:
        await Scheduler(run).execute()
        if before is not None:
            run.generations.is_replayed = False
        acted = run.acted.is_set()
        ending = _judged(run) if before is None else _as_before(run, before)
        is_kept = _goes_on_at_the_end(run, ending.found)
        if is_kept:
            await keep_undoing(run, before or _undoing(run, ending))
        ending = await _undone(run, ending)
        found, is_over = await run_hooks(run, ending.found, acted=acted, again=before is not None)
        if is_kept and run.is_undone and is_over:
            await end_undoing(run)
        return replace(ending, found=found)
    finally:
        await run.pool.close()


async def end(run: Run) -> Ending:
    """Judges inline tasks all of which have an outcome, and undoes them where they did not complete."""
    return await _undone(run, _judged(run))


def _goes_on_at_the_end(run: Run, found: Verdict) -> bool:
    """Whether an execution that is interrupted from now on is taken up here. A body is entered again, and
    goes on from what it has.
    """
    is_undone = found.status != "completed" and due(run) != []
    return run.around is None and (is_undone or bool(hooks_of(run.plan, found)))


async def _undone(run: Run, ending: Ending) -> Ending:
    if ending.found.status == "completed":
        return ending
    await undo(run)
    if not run.compensated:
        return ending
    count = sum(one.status == "completed" for one in run.compensated)
    message = f"{ending.found.message}; undone: {count}/{len(run.compensated)}"
    return replace(ending, found=replace(ending.found, message=message))


def _judged(run: Run) -> Ending:
    found = verdict(run.plan, run.outcomes, run.stop)
    outputs, problems = _outputs(run, found)
    if not problems:
        return Ending(found, outputs, {})
    message = f"{found.message}; outputs can't be rendered: {'; '.join(problems.values())}"
    return Ending(Verdict("failed", None, message), None, problems)


def _as_before(run: Run, before: Undoing) -> Ending:
    """What an earlier execution has judged, which was interrupted at its end."""
    outputs, _ = _outputs(run, before.found)
    return Ending(before.found, outputs, before.problems, before)


def _undoing(run: Run, ending: Ending) -> Undoing:
    run.generations.undoings += 1
    result = summary(run.plan, run.outcomes, ending.found.status)
    return Undoing(ending.found, ending.problems, result.model_dump(mode="json", exclude={"results"}))


def conclude(run: Run, ending: Ending) -> State[Any]:
    """The final state of the flow, said outright: Prefect's own guess from task states would be wrong."""
    found = ending.found
    result = summary(run.plan, run.outcomes, found.status)
    if ending.before is not None:  # the tasks that were not called have nothing else to say
        result = WorkflowResult(results=result.results, **ending.before.told)
    result.outputs, result.compensated = ending.outputs, run.compensated
    result.errors.update(ending.problems)
    add_hooks(result, run, found)
    result.flow_run_id = run.run_id
    result.execution_time = round((now() - run.started_at).total_seconds(), 6)
    run.control.result = result
    run.report.workflow_finished(run.started_at, None if found.status == "completed" else found.message)
    return _state(found, result)


def _outputs(run: Run, found: Verdict) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """The run's outputs, and the errors of those that can't be rendered (by ``outputs.NAME``)."""
    written = run.plan.workflow.outputs
    if written is None or found.status != "completed":
        return None, {}
    outputs: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, template in written.items():
        try:
            outputs[name] = run.redactor.data(render(template, run.scope()))
        except TemplateError as error:
            problems[f"outputs.{name}"] = run.redactor.text(error.message)
    return outputs, problems


def _state(found: Verdict, result: WorkflowResult) -> State[Any]:
    data = result.model_dump(mode="json")
    if found.status == "cancelled":
        return Cancelled(message=found.message, data=data)
    if found.status == "failed":
        return Failed(name=found.state_name or "Failed", message=found.message, data=data)
    return Completed(name=found.state_name or "Completed", message=found.message, data=data)
