"""A step with ``repeat``: one round after the other, until its expression is true."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.steps.call import Round, StepCall
from leadagent_prefect.engine.steps.task import run_step
from leadagent_prefect.errors import AgentError, InvalidOutput, TemplateError
from leadagent_prefect.models import RepeatConfig
from leadagent_prefect.plan import on_one_line
from leadagent_prefect.templates import render


async def run_rounds(call: StepCall, upstreams: list[StepCall]) -> Outcome:
    """Runs every round as a task run of its own, to the end of the last; ``call`` is that of the first.

    ``attempts`` of what comes of it are those of all rounds.
    """
    repeat = call.step.task.repeat
    assert repeat is not None  # it is repeated
    first = await run_step(call, upstreams)
    outcome, attempts = first, first.attempts
    while outcome.status == "completed" and not _is_done(call.latest, repeat):
        outcome = await _pause(call.latest, repeat)
        if outcome.status == "completed":
            call.latest = _next(call.latest)
            outcome = await run_step(call.latest, upstreams)
            attempts += outcome.attempts
    completed, outcome = outcome.status == "completed", _ended(call.latest)
    if completed and outcome.error_class == "invalid_output":  # taken up again, it begins with the first
        await call.run.generations.close(call)
    return replace(outcome, attempts=attempts, started_at=first.started_at)


def _ended(call: StepCall) -> Outcome:
    assert call.outcome is not None  # it has ended
    return call.outcome


def _is_done(call: StepCall, repeat: RepeatConfig) -> bool:
    """Whether no round follows; where there should, and may not, the last one has failed."""
    assert call.round is not None  # it is one
    scope = {**call.run.scope(secrets=call.run.references), **call.names, "result": _ended(call).result}
    try:
        if render(repeat.until, scope):
            return True
    except TemplateError as error:
        _fail(call, error)
        return True
    if call.round.number >= repeat.max_times:
        until = on_one_line(repeat.until)
        _fail(call, InvalidOutput(f"not done after {repeat.max_times} rounds: {until} is not true"))
        return True
    return False


def _fail(call: StepCall, error: AgentError) -> None:
    message = call.run.redactor.text(error.message)
    tolerated = call.step.task.continue_on_failure
    call.outcome = replace(
        _ended(call),
        status="failed",
        result=None,
        error=message,
        error_class=error.error_class,
        tolerated=tolerated,
    )


async def _pause(call: StepCall, repeat: RepeatConfig) -> Outcome:
    """The rest of the time between two rounds: of a round before an interruption all of it may be over."""
    outcome = _ended(call)
    assert outcome.ended_at is not None  # it has run
    left = repeat.every - (now() - outcome.ended_at).total_seconds()
    if left > 0:
        await asyncio.wait({call.token.future}, timeout=left)
    stop = call.token.stop
    if stop is not None:
        # Its call is not cut short: there is nothing that may be in effect.
        call.attempts = 0
        call.outcome = replace(
            outcome, status="cancelled", result=None, error=stop.reason, error_class="cancelled"
        )
    return _ended(call)


def _next(call: StepCall) -> StepCall:
    assert call.round is not None  # it is one
    turn = Round(call.round.number + 1, _ended(call).result)
    following = StepCall(call.run, call.step, item=call.item, token=call.token, turn=turn)
    following.has_arrows = call.has_arrows
    return following
