"""Cancelling a run from outside of its process."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Cancelling

from leadagent_prefect.engine.process.liveness import is_dead
from leadagent_prefect.engine.process.stop import ONCE_MORE

#: Seconds between two looks at a run that is waited for.
_PAUSE = 0.3


async def cancel(
    client: PrefectClient, run: FlowRun, *, wait: float | None = None, once_more: bool = True
) -> FlowRun:
    """Asks the run to end as cancelled; gives it as it is then, or within ``wait`` seconds has ended.

    One that waits to be started is cancelled at once, and so is one whose process is gone. One that is
    cancelling is asked again, if ``once_more``: then it undoes nothing more. One that has ended is let be.
    """
    run = await _ask(client, run, once_more)
    until = time.monotonic() + (wait or 0.0)
    while not _has_ended(run) and time.monotonic() < until:
        await asyncio.sleep(_PAUSE)
        run = await client.read_flow_run(run.id)
        if run.state is not None and not run.state.is_cancelling():  # it started while it was asked
            run = await _ask(client, run, once_more=False)
        elif is_dead(run):
            run = await _set(client, run, _gone(), force=True)
    return run


async def _ask(client: PrefectClient, run: FlowRun, once_more: bool) -> FlowRun:
    if _has_ended(run):
        return run
    if is_dead(run):
        return await _set(client, run, _gone(), force=True)
    if run.state is not None and run.state.is_cancelling():
        # Prefect's rules know of no second time.
        return await _set(client, run, Cancelling(message=ONCE_MORE), force=True) if once_more else run
    return await _set(client, run, Cancelling(message="Cancelled by leadagent."))


async def _set(client: PrefectClient, run: FlowRun, state: State[Any], *, force: bool = False) -> FlowRun:
    await client.set_flow_run_state(run.id, state, force=force)
    return await client.read_flow_run(run.id)


def _gone() -> State[Any]:
    return Cancelled(message="The process of the run was gone when it was cancelled.")


def _has_ended(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()
