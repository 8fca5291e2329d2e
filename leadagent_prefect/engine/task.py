"""The one Prefect task of all steps: its options, its body, and the condition of its retries.

A step's retries are Prefect's: an attempt that is to be followed by another one raises, which Prefect
turns into ``AwaitingRetry``; the last one returns the state it ends in, under a name of its own
(``TimedOut``, ``Skipped``), so that no state is guessed from an exception.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prefect import Task, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.serializers import JSONSerializer
from prefect.states import Cancelled, Completed, Failed
from prefect.transactions import get_transaction
from prefect.utilities.engine import emit_task_run_state_change_event, link_state_to_task_run_result

from leadagent_prefect.engine.attempt import attempt
from leadagent_prefect.engine.local import without_agent
from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.errors import AgentError, CallCancelled, TemplateError
from leadagent_prefect.naming import prefect_name
from leadagent_prefect.plan import Step
from leadagent_prefect.resilience.retry import judge
from leadagent_prefect.templates import render

#: Plain JSON, both ways: Prefect's own "json" revives ``{"__class__": ...}`` in an answer by calling it.
PLAIN_JSON = JSONSerializer(object_encoder=None, object_decoder=None)

#: Prefect's states have names; these are ours, by error class. Everything else that fails is ``Failed``.
_STATE_NAMES = {"timeout": "TimedOut", "circuit_open": "CircuitOpen"}


class StepCall:
    """What a task run is given. A plain object: Prefect looks into dicts and lists, which costs seconds for
    large parameters, and into states, and would act on ``$ref`` in an agent's answer.
    """

    def __init__(self, run: Run, step: Step, skip: Outcome | None = None) -> None:
        self.run, self.step = run, step
        self.outcome = skip
        self.parameters: dict[str, Any] = {}
        self.problem: TemplateError | None = None
        self.key: str | None = None
        self.delay: float | None = None
        self.backing_off = False
        self.attempts = 0
        self.task_run: TaskRun | None = None
        self.started_at = now()
        if skip is None:
            self._prepare()

    def _prepare(self) -> None:
        """Judges the condition and renders the parameters, with secrets as references, for the key under
        which the result is kept.
        """
        scope = self.run.scope(secrets=self.run.references)
        try:
            if self.step.task.when is not None and not render(self.step.task.when, scope):
                self.outcome = Outcome("skipped", error=f"its condition does not hold: {self.step.task.when}")
                return
            self.parameters = render(self.step.payload, scope)
            endpoint = render(self.step.called.endpoint, scope) if self.step.called is not None else None
        except TemplateError as error:
            self.problem = error
            return
        self.key = result_key(self.run.run_id, self.step, endpoint, self.parameters)

    @property
    def idempotency_key(self) -> str:
        """The same for every request of this step in this run."""
        return hashlib.sha256(f"{self.run.run_id}/{self.step.name}".encode()).hexdigest()[:32]


def result_key(run_id: str, step: Step, endpoint: str | None, parameters: Mapping[str, Any]) -> str:
    """SHA-256 of all that makes a result this step's: never shared with another run, agent or step."""
    called = step.called.type if step.called is not None else step.kind
    parts: list[Any] = [run_id, [], step.name, None, called, endpoint, step.action, parameters]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


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
    if call.outcome is not None:
        return _not_kept(Completed(name="Skipped", message=call.outcome.error))
    call.backing_off = False
    context = TaskRunContext.get()
    assert context is not None  # Prefect runs every task in one
    call.task_run = context.task_run
    stop = call.run.control.token.stop
    if stop is not None:
        return _cancelled(call, stop.reason)
    call.attempts = context.task_run.run_count
    if call.attempts == 1:
        call.run.report.task_started(call.step.name, call.started_at)
    try:
        if call.problem is not None:
            raise call.problem
        answer = await _perform(call)
    except AgentError as error:
        return _failed(call, error)
    call.outcome = _outcome(call, "completed", answer["result"], answer["metadata"])
    return answer


async def _perform(call: StepCall) -> dict[str, Any]:
    if call.step.kind == "call":
        return await attempt(call.run, call.step, call.parameters, call.attempts, call.idempotency_key)
    result = await without_agent(call.run, call.step, call.parameters[call.step.kind], call.key or "")
    return {"result": result, "metadata": {}}


def _failed(call: StepCall, error: AgentError) -> State[Any]:
    """Raises where another attempt follows; otherwise the state in which the step ends."""
    step = call.step
    if isinstance(error, CallCancelled):
        return _cancelled(call, error.message)
    verdict = judge(step.retry, error, call.attempts, call.run.rng)
    if verdict.delay is not None:
        call.delay = verdict.delay
        call.run.report.task_retrying(
            step.name, call.attempts, verdict.delay, error.message, error.error_class
        )
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
        task.retry_delay_seconds = [0.0 if call.run.control.token.stop else call.delay]
        call.backing_off = True
        return True

    own = copy.copy(step_task)
    own.name = prefect_name(call.step.name)
    own.task_run_name = own.name.replace("{", "{{").replace("}", "}}")
    own.retries = 0 if call.outcome is not None else call.step.retry.attempts - 1
    own.retry_condition_fn = again
    return own


async def run_step(call: StepCall, upstreams: list[StepCall]) -> Outcome:
    """Runs a step as a Prefect task run, to its end. Prefect's UI draws its arrows from ``upstreams``."""
    try:
        state = await _own_task(call)(call, upstreams, return_state=True)
    except asyncio.CancelledError:
        stop = call.run.control.token.stop
        if stop is None or not call.backing_off:
            raise
        state = _cancelled_in_back_off(call, stop.reason)
    # Not the states themselves: Prefect would walk through all of their results, seconds for megabytes.
    link_state_to_task_run_result(state, call)
    if call.outcome is None:
        call.outcome = await _reused(call, state)
    call.parameters = {}  # may be large, and nobody reads them again
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
    return _outcome(call, "completed", answer["result"], answer["metadata"])
