"""A flow run from its first step to its final state: steps, outputs, undoing, last tasks, result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from leadagent_prefect.engine.hooks import add_hooks, run_hooks
from leadagent_prefect.engine.outcome import Verdict, summary, verdict
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.schedule import Scheduler
from leadagent_prefect.engine.undo import undo
from leadagent_prefect.errors import TemplateError
from leadagent_prefect.results import WorkflowResult
from leadagent_prefect.templates import render


@dataclass(frozen=True)
class Ending:
    """What a run came to: its verdict, and its outputs or the errors of those."""

    found: Verdict
    outputs: dict[str, Any] | None
    problems: dict[str, str]


async def go_through(run: Run) -> Ending:
    """Runs all steps, undoes what is to be undone, and runs what is due at the end."""
    run.report.workflow_started(run.started_at)
    try:
        await Scheduler(run).execute()
        acted = run.acted.is_set()
        ending = await end(run)
        return replace(ending, found=await run_hooks(run, ending.found, acted=acted))
    finally:
        await run.pool.close()


async def end(run: Run) -> Ending:
    """Judges a run all of whose steps have an outcome, and undoes one that did not complete."""
    found = verdict(run.plan, run.outcomes, run.stop)
    outputs, problems = _outputs(run, found)
    if problems:
        found = Verdict(
            "failed", None, f"{found.message}; outputs can't be rendered: {'; '.join(problems.values())}"
        )
    if found.status != "completed":
        await undo(run)
        if run.compensated:
            count = sum(one.status == "completed" for one in run.compensated)
            found = replace(found, message=f"{found.message}; undone: {count}/{len(run.compensated)}")
    return Ending(found, None if problems else outputs, problems)


def conclude(run: Run, ending: Ending) -> State[Any]:
    """The final state of the flow, said outright: Prefect's own guess from task states would be wrong."""
    found = ending.found
    result = summary(run.plan, run.outcomes, found.status)
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
