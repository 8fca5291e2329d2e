"""Steps that call nobody: a value, a wait, and the two that end a run."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from prefect.context import TaskRunContext

from leadagent_prefect.engine.arrival import take_in
from leadagent_prefect.engine.run import Run
from leadagent_prefect.errors import CallCancelled, InternalError
from leadagent_prefect.plan import Step
from leadagent_prefect.templates.texts import to_text


async def without_agent(run: Run, step: Step, payload: Any, key: str) -> Any:
    """The result of the step; ``payload`` is what its key says, rendered, and ``key`` that of its result.

    Raises `AgentError`: a step that fails on purpose is ``internal``, one whose run is stopped is cancelled.
    """
    if step.kind == "wait":
        await _wait(run, float(payload), f"{key}-until")
        return None
    clean = take_in(payload, run.redactor, step.kind)
    if step.kind == "value":
        return clean
    if step.kind == "fail":
        raise InternalError(to_text(clean))
    return to_text(clean)


async def _wait(run: Run, seconds: float, key: str) -> None:
    """Until ``seconds`` after its first start, which is kept: a run that is taken up again waits the rest."""
    left = await _end_of_wait(key, seconds) - time.time()
    if left > 0:
        done, _ = await asyncio.wait({run.control.token.future}, timeout=left)
        if done:
            raise CallCancelled(run.control.token.future.result().reason)


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
