"""What a step runs in place of a call: a sub-workflow, or inline tasks."""

from __future__ import annotations

import asyncio
from typing import Any

from leadagent_prefect.engine.ending import Ending, end
from leadagent_prefect.engine.process.stop import Stop, StopToken
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.schedule import Scheduler
from leadagent_prefect.engine.steps.attempt import hold_against_schema
from leadagent_prefect.engine.steps.call import StepCall
from leadagent_prefect.engine.subflow import run_subflow, stopped
from leadagent_prefect.engine.undo import undo
from leadagent_prefect.errors import AgentError, InvalidOutput, TemplateError, error_for


async def enter(call: StepCall) -> dict[str, Any]:
    """Runs the body of a step, to its end: ``{"result": ..., "metadata": ..., "ended_at": ...}``.

    Raises `AgentError` where it fails or is cut short; what it has done is undone then.
    """
    token = call.token.child(cuts=True)
    timer = _timer(call, token)
    try:
        # Outside of the step's task run: Prefect keeps results of what runs in one only when that has ended.
        return await call.run.context.run(asyncio.ensure_future, _run(call, token))
    finally:
        token.release()
        if timer is not None:
            timer.cancel()


def _timer(call: StepCall, token: StopToken) -> asyncio.TimerHandle | None:
    timeout = call.step.timeout
    if timeout is None:
        return None
    stop = Stop("timeout", f'task "{call.step.name}" was not done within its timeout of {timeout:g} s')
    return asyncio.get_running_loop().call_later(timeout, token.set, stop)


async def _run(call: StepCall, token: StopToken) -> dict[str, Any]:
    body = call.step.body
    assert body is not None  # it has one
    metadata: dict[str, Any] = {}
    if body.file is None:
        run = call.run.inside(call, body.plan, token)
        await Scheduler(run).execute()
        ending = await end(run)
    else:
        run, ending = await run_subflow(call, body.plan, token)
        metadata = {"flow_run_id": run.run_id}
    if (error := _failure(run, ending)) is not None:
        error.metadata.update(metadata)
        raise error
    result = _result(run, ending)
    try:
        hold_against_schema(call.step, result)
    except InvalidOutput:
        await undo(run, by=call.run)
        raise
    if call.step.undo is None:
        call.run.undoable += run.undoable
    return {"result": result, "metadata": metadata, "ended_at": _ended_at(run)}


def _result(run: Run, ending: Ending) -> Any:
    if run.plan.workflow.outputs is not None:
        return ending.outputs
    ordered = [(step.name, run.outcomes[step.name]) for step in run.plan.steps]
    return {name: outcome.result for name, outcome in ordered if outcome.status == "completed"}


def _ended_at(run: Run) -> str:
    """That of its last task: one that is entered again has ended when it did the first time."""
    times = [outcome.ended_at for outcome in run.outcomes.values() if outcome.ended_at is not None]
    return max(times, default=now()).isoformat()


def _failure(run: Run, ending: Ending) -> AgentError | None:
    """The error of the step whose body has not completed."""
    if ending.found.status == "completed":
        return None
    stop = run.stop
    if stop is not None and stop.kind in ("cancelled", "timeout"):
        return stopped(stop)
    if ending.problems:
        return TemplateError("; ".join(ending.problems.values()))
    ordered = [run.outcomes[step.name] for step in run.plan.steps]
    first = next(outcome for outcome in ordered if outcome.status == "failed" and not outcome.tolerated)
    return error_for(first.error_class or "internal")(first.error or "", metadata=first.metadata)
