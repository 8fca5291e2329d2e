"""Steps that call nobody: a value, a wait, and the two that end a run."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from prefect.context import TaskRunContext

from leadagent_prefect.engine.process.stop import StopToken
from leadagent_prefect.engine.steps.arrival import take_in
from leadagent_prefect.engine.steps.call import StepCall
from leadagent_prefect.errors import CallCancelled, InternalError
from leadagent_prefect.templates.texts import to_text


async def without_agent(call: StepCall, payload: Any) -> Any:
    """The result of the step; ``payload`` is what its key says, rendered.

    Raises `AgentError`: a step that fails on purpose is ``internal``, one whose run is stopped is cancelled.
    """
    kind = call.step.kind
    if kind == "wait":
        await _wait(call.token, float(payload), f"{call.key}-until")
        return None
    clean = take_in(payload, call.run.redactor, kind)
    if kind == "value":
        return clean
    if kind == "fail":
        raise InternalError(to_text(clean))
    return to_text(clean)


async def _wait(token: StopToken, seconds: float, key: str) -> None:
    """Until ``seconds`` after its first start, which is kept: a run that is taken up again waits the rest."""
    left = await _end_of_wait(key, seconds) - time.time()
    if left > 0:
        await asyncio.wait({token.future}, timeout=left)
        if token.stop is not None:
            raise CallCancelled(token.stop.reason)


async def _end_of_wait(key: str, seconds: float) -> float:
    """Seconds since the epoch; of the first start where an earlier execution of the run has made one."""
    context = TaskRunContext.get()
    assert context is not None  # every step runs in a task run
    store = context.result_store
    if await store.aexists(key):
        kept: float = (await store.aread(key)).result
        # A clock that was set back in between must not make it longer.
        return min(kept, time.time() + seconds)
    until = time.time() + seconds
    await store.awrite(until, key=key)
    return until
