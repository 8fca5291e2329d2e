"""One attempt of a step: the call, raced against its timeout and against the end of the run."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from leadagent_prefect.agents.base import Call, current_call
from leadagent_prefect.agents.errors_map import error_raised
from leadagent_prefect.engine.process.standstill import begins_below
from leadagent_prefect.engine.process.stop import StopToken
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.steps.arrival import take_in
from leadagent_prefect.engine.steps.call import StepCall
from leadagent_prefect.errors import (
    AgentError,
    AgentMisconfigured,
    AgentTimeout,
    CallCancelled,
    InternalError,
    InvalidOutput,
)
from leadagent_prefect.plan import Step
from leadagent_prefect.results import AgentResponse

_log = logging.getLogger(__name__)

#: Seconds for which an attempt that is over waits for its call to end too: a timeout is a promise.
_PATIENCE_SECONDS = 0.4
#: Seconds that a call which is cut short has to clean up; then it is ended where it stands.
_GRACE_SECONDS = 2.0


async def attempt(call: StepCall) -> dict[str, Any]:
    """Makes the call; gives ``{"result": ..., "metadata": ...}``, masked JSON data, or raises `AgentError`.

    The error's message and metadata are masked too, and it has no cause: nothing of a foreign exception,
    whose text may hold a credential, goes further than here. Limits and circuit breakers come first: the
    error is `CircuitOpen` where the call is not made.
    """
    return await call.run.guards.passed(call, partial(_attempt, call))


async def _attempt(call: StepCall) -> dict[str, Any]:
    try:
        response = await race(_call(call), call.step, call.token, call.run.pool.endings)
        return _answer(call.run, call.step, response)
    except AgentError as error:
        clean = _clean(error, call.run)
    except Exception as error:  # noqa: BLE001  # whatever an agent raises ends its attempt, no more
        clean = _clean(error_raised(error), call.run)
    raise clean


def _clean(error: AgentError, run: Run) -> AgentError:
    try:
        metadata = take_in(error.metadata, run.redactor, "metadata")
    except InvalidOutput:
        metadata = {}
    message = take_in(error.message, run.redactor)
    return type(error)(message, metadata=metadata, retry_after=error.retry_after)


async def _call(call: StepCall) -> AgentResponse:
    run, step = call.run, call.step
    agent = await run.pool.get(step.agent.name)
    parameters = call.real_parameters()
    current_call.set(
        Call(
            task=call.name,
            run_id=run.run_id,
            attempt=call.attempts,
            timeout=step.request_timeout,
            idempotency_key=call.idempotency_key,
            accept_status=frozenset(step.task.accept_status),
            upstream=run.upstream_results(step),
            redact=run.redactor.text,
        )
    )
    # A copy: an agent that changes its parameters must change neither the next attempt nor another's result.
    response = await agent.execute(step.action, copy.deepcopy(parameters))
    if isinstance(response, AgentResponse):
        return response.raise_for_error()
    raise AgentMisconfigured(
        f"{type(agent).__name__}.execute returned a {type(response).__name__}, not an AgentResponse: "
        "return AgentResponse(success=True, result=...)"
    )


begins_below(_call.__code__)


def _answer(run: Run, step: Step, response: AgentResponse) -> dict[str, Any]:
    result = take_in(response.result, run.redactor)
    hold_against_schema(step, result)
    return {"result": result, "metadata": take_in(response.metadata, run.redactor, "metadata")}


def hold_against_schema(step: Step, result: Any) -> None:
    """Raises `InvalidOutput` where the result does not fit the ``output_schema`` of its task."""
    schema = step.task.output_schema
    if schema is None:
        return
    import jsonschema

    checked = result
    if step.called is not None and step.called.type == "ai_agent" and isinstance(result, dict):
        if "data" not in result:
            raise InvalidOutput(
                "the answer has no data to hold against output_schema: ask for JSON with "
                "parameters.response_format, such as {type: json_object}"
            )
        checked = result["data"]
    error = next(jsonschema.Draft202012Validator(schema).iter_errors(checked), None)
    if error is not None:
        raise InvalidOutput(
            f"the answer does not fit output_schema at {error.json_path}: {error.message[:300]}"
        )


class _Call:
    """A call that can be broken off where it stands: one may swallow every cancellation."""

    def __init__(self, work: Coroutine[Any, Any, AgentResponse]) -> None:
        self._work = work
        self._broken = False

    async def run(self) -> AgentResponse:
        try:
            return await self._work
        except RuntimeError:
            if self._broken:  # it is awaited still, and can't go on
                raise asyncio.CancelledError from None
            raise

    def break_off(self) -> None:
        self._broken = True
        with suppress(Exception):  # what a call says to this is of no use to anybody
            self._work.close()


async def race(
    work: Coroutine[Any, Any, AgentResponse], step: Step, token: StopToken, endings: set[asyncio.Task[None]]
) -> AgentResponse:
    """The answer of ``work``, unless its timeout or the end of the run comes first.

    The work is a task of its own, so that one which swallows its cancellation can't hold the attempt; what
    sees to its end is among ``endings`` meanwhile.
    """
    call = _Call(work)
    task, began = asyncio.ensure_future(call.run()), asyncio.get_running_loop().time()
    try:
        either: set[asyncio.Future[Any]] = {task, token.future}
        await asyncio.wait(either, timeout=step.timeout, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not _is_late(began, step):
            return _result(task, step)
        if token.future.done():
            raise CallCancelled(token.future.result().reason)
        raise AgentTimeout(_too_late(step, held_up=task.done()))
    finally:
        if not task.done():
            task.add_done_callback(_look_at)
            task.cancel()
            ending = asyncio.ensure_future(_end(call, task, step))
            endings.add(ending)
            ending.add_done_callback(endings.discard)
            await asyncio.wait({ending}, timeout=_PATIENCE_SECONDS)


def _is_late(began: float, step: Step) -> bool:
    """Whether it came after its time, which takes code that holds up the loop: no timeout could end it."""
    if step.timeout is None:
        return False
    return asyncio.get_running_loop().time() - began > step.timeout + _PATIENCE_SECONDS


def _too_late(step: Step, *, held_up: bool) -> str:
    text = f'task "{step.name}" had no answer within its timeout of {step.timeout:g} s'
    return f"{text}: code that blocks in an `async def` held up the event loop" if held_up else text


def _result(task: asyncio.Task[AgentResponse], step: Step) -> AgentResponse:
    if task.cancelled():
        raise InternalError(f'the call of task "{step.name}" was cancelled by its own agent')
    return task.result()


async def _end(call: _Call, task: asyncio.Task[AgentResponse], step: Step) -> None:
    """Ends a cancelled call, at the latest with its loop, which it would hold."""
    try:
        await asyncio.wait({task}, timeout=_GRACE_SECONDS)
    finally:
        if not task.done():
            _log.warning('the call of task "%s" ignores that it was cancelled, and is broken off', step.name)
            call.break_off()
            task.cancel()


def _look_at(task: asyncio.Task[AgentResponse]) -> None:
    """The loop reports exceptions that nobody looked at."""
    if not task.cancelled():
        task.exception()
