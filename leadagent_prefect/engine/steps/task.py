"""The one Prefect task of all steps: its options, its body, and the condition of its retries.

A step's retries are Prefect's: an attempt that is to be followed by another one raises, which Prefect
turns into ``AwaitingRetry``; the last one returns the state it ends in, under a name of its own
(``TimedOut``, ``Skipped``), so that no state is guessed from an exception.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from prefect import Task, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.states import Cancelled, Completed, Failed
from prefect.transactions import get_transaction
from prefect.utilities.engine import emit_task_run_state_change_event, link_state_to_task_run_result

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.steps.cache import answered
from leadagent_prefect.engine.steps.call import StepCall
from leadagent_prefect.engine.steps.local import without_agent
from leadagent_prefect.engine.store.plain import PLAIN_JSON as PLAIN_JSON
from leadagent_prefect.engine.store.replay import replayed
from leadagent_prefect.errors import AgentError, CallCancelled
from leadagent_prefect.naming import prefect_name
from leadagent_prefect.resilience.retry import judge

#: Prefect's states have names; these are ours, by error class. Everything else that fails is ``Failed``.
_STATE_NAMES = {"timeout": "TimedOut", "circuit_open": "CircuitOpen"}


def _stored_under(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    call: StepCall = parameters["call"]
    return call.key


@task(
    persist_result=True,
    result_serializer=PLAIN_JSON,
    cache_policy=CacheKeyFnPolicy(cache_key_fn=_stored_under),
)
async def step_task(call: StepCall, upstreams: list[StepCall]) -> Any:
    """One attempt of a step, or the state it ends in. ``upstreams`` are there for Prefect to see."""
    if call.outcome is not None:  # there is nothing to do
        name = "Skipped" if call.outcome.status == "skipped" else "Completed"
        return _not_kept(Completed(name=name, message=call.outcome.error))
    call.backing_off = False
    context = TaskRunContext.get()
    assert context is not None  # Prefect runs every task in one
    call.task_run = context.task_run
    stop = call.token.stop
    if stop is not None:
        return _cancelled(call, stop.reason)
    call.attempts = context.task_run.run_count
    if call.step.body is None:  # whether one with a body does anything, its own steps will tell
        call.run.acted.set()
    if call.attempts == 1:
        call.tell_started()
    try:
        if call.problem is not None:
            raise call.problem
        answer = await _perform(call)
    except AgentError as error:
        return _failed(call, error)
    if answer.get("cached"):
        call.attempts = 0
    # When it ended is kept with it: what is undone first, after an interruption too, is what was done last.
    answer = {"ended_at": now().isoformat(), **answer}
    call.outcome = _completed(call, answer)
    if call.key is None:  # a body that is entered again by whoever takes up the run
        return _not_kept(Completed())
    # A reused result is this run's too: taken up again, it goes on from the same.
    return Completed(name="Cached", data=answer) if call.outcome.cached else answer


async def _perform(call: StepCall) -> dict[str, Any]:
    if call.step.kind in ("call", "workflow"):
        return await answered(call)
    if call.step.kind == "tasks":
        return await call.run.enter(call)
    result = await without_agent(call, call.parameters[call.step.kind])
    return {"result": result, "metadata": {}}


def _failed(call: StepCall, error: AgentError) -> State[Any]:
    """Raises where another attempt follows; otherwise the state in which the step ends."""
    step = call.step
    if isinstance(error, CallCancelled):
        return _cancelled(call, error.message)
    verdict = judge(step.retry, error, call.attempts, call.run.rng)
    if verdict.delay is not None:
        call.delay = verdict.delay
        call.tell_retrying(verdict.delay, error)
        raise error
    message = f"{error.message} ({verdict.reason})" if verdict.reason else error.message
    call.delay = None
    call.outcome = replace(
        _outcome(call, "failed", metadata=error.metadata),
        error=message,
        error_class=error.error_class,
        tolerated=step.task.continue_on_failure,
    )
    return _not_kept(Failed(name=_STATE_NAMES.get(error.error_class, "Failed"), message=message))


def _completed(call: StepCall, answer: Mapping[str, Any]) -> Outcome:
    outcome = _outcome(call, "completed", answer["result"], answer["metadata"])
    ended_at = datetime.fromisoformat(answer["ended_at"])
    started_at = min(call.started_at, ended_at)  # where an earlier execution of the run has done it
    kept = {"cached": answer.get("cached", False), "kept_at": answer.get("kept_at")}
    return replace(outcome, started_at=started_at, ended_at=ended_at, **kept)


def _cancelled(call: StepCall, reason: str) -> State[Any]:
    call.outcome = replace(_outcome(call, "cancelled"), error=reason, error_class="cancelled")
    return _not_kept(Cancelled(message=reason))


def _outcome(
    call: StepCall, status: Any, result: Any = None, metadata: Mapping[str, Any] | None = None
) -> Outcome:
    return Outcome(
        status,
        result=result,
        metadata=metadata or {},
        attempts=call.attempts,
        started_at=call.started_at,
        ended_at=now(),
    )


def _not_kept(state: State[Any]) -> State[Any]:
    """``state``, without a record in the result store, which a resume would take for a completed step."""
    transaction = get_transaction()
    assert transaction is not None  # every task run is one
    transaction.write_on_commit = False
    return state


def _own_task(call: StepCall) -> Task[..., Any]:
    """The generic task with this step's name and retries, as an object of its own: a retry sets its delay.

    A plain copy: ``with_options`` reads the source of the body again, which costs as much as all the rest.
    """

    def again(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
        if call.delay is None:
            return False
        # Prefect reads the delay after it has asked this condition, which is what lets a Retry-After count.
        # A run that is being stopped goes round at once, to end in the body as cancelled.
        task.retry_delay_seconds = [0.0 if call.token.stop else call.delay]
        call.backing_off = True
        return True

    own = copy.copy(step_task)
    own.name = prefect_name(call.name)
    own.task_run_name = own.name.replace("{", "{{").replace("}", "}}")
    own.retries = 0 if call.outcome is not None else call.step.retry.attempts - 1
    own.retry_condition_fn = again
    return own


async def run_step(call: StepCall, upstreams: list[StepCall]) -> Outcome:
    """Runs a step as a Prefect task run, to its end. Prefect's UI draws its arrows from ``upstreams``."""
    generations = call.run.generations
    if generations.survey is not None:
        return await generations.survey(call)
    if call.outcome is None:
        await generations.settle(call)
        if generations.is_replayed and not call.undoes and (left := await replayed(call)) is not None:
            call.outcome = left
            return left
    try:
        state = await _own_task(call)(call, upstreams, return_state=True)
    except asyncio.CancelledError:
        stop = call.token.stop
        if stop is None or not call.backing_off:
            raise
        state = _cancelled_in_back_off(call, stop.reason)
    if call.has_arrows:
        # Not the states themselves: Prefect would walk through all of their results, seconds for megabytes.
        link_state_to_task_run_result(state, call)
    if call.outcome is None:
        call.outcome = await _reused(call, state)
    elif call.outcome.attempts and (call.outcome.status != "completed" or call.key is None):
        await generations.note(call, call.outcome)
    call.parameters, call.task_run = {}, None  # may be large, and nobody reads them again
    return call.outcome


def _cancelled_in_back_off(call: StepCall, reason: str) -> State[Any]:
    """A wait between attempts can only be ended from outside, which Prefect takes for a crash: set right."""
    state: State[Any] = Cancelled(message=reason)
    assert call.task_run is not None  # an attempt has been made
    crashed = call.task_run.state
    state.state_details.task_run_id = call.task_run.id
    state.state_details.flow_run_id = call.task_run.flow_run_id
    call.task_run.state = state
    emit_task_run_state_change_event(task_run=call.task_run, initial_state=crashed, validated_state=state)
    call.outcome = replace(_outcome(call, "cancelled"), error=reason, error_class="cancelled")
    return state


async def _reused(call: StepCall, state: State[Any]) -> Outcome:
    """The outcome of a step whose result an earlier execution of this run has stored."""
    answer = await state.aresult()
    ended_at = datetime.fromisoformat(answer["ended_at"])
    return replace(_completed(call, answer), started_at=ended_at, ended_at=ended_at)
