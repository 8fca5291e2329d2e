"""Runs a plan now, in a thread with a loop of its own: the caller's signals and loop stay the caller's."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import httpx
from prefect import tags
from prefect._internal.result_records import ResultRecordMetadata
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.context import AsyncClientContext
from prefect.flow_engine import run_flow_async
from prefect.states import Cancelled

from leadagent_prefect.agents.threads import leave_threads_behind
from leadagent_prefect.embedded import PrefectApi, use_api
from leadagent_prefect.embedded.admission import Admission
from leadagent_prefect.engine.control import RunControl, current_control
from leadagent_prefect.engine.flow import build_flow
from leadagent_prefect.engine.pool import shown_inputs
from leadagent_prefect.engine.process.liveness import label_new_runs
from leadagent_prefect.engine.values import prepare
from leadagent_prefect.errors import InternalError, LeadAgentError, PrefectUnavailable
from leadagent_prefect.naming import TAG
from leadagent_prefect.plan import Plan
from leadagent_prefect.results import WorkflowResult

_log = logging.getLogger(__name__)

_OUT_OF_STEP = (
    "the Prefect API at %s was away when the run ended, and has it as running: once it is back, and this "
    "process has ended, `leadagent resume %s` tells it what the run came to, and calls nothing again"
)
#: What Prefect's client says, as a bare RuntimeError, where nothing listens.
_UNREACHED = "Failed to reach API"


def run_in_thread(
    plan: Plan,
    inputs: Mapping[str, Any],
    control: RunControl,
    api: PrefectApi,
    finish: Callable[[], None],
) -> concurrent.futures.Future[WorkflowResult]:
    """Starts the run; the future holds its result, or a `LeadAgentError` where it never started.

    ``finish`` is called in the run's thread before the future is done, whatever came of the run.
    """
    future: concurrent.futures.Future[WorkflowResult] = concurrent.futures.Future()
    future.set_running_or_notify_cancel()

    def work() -> None:
        try:
            future.set_result(_run_to_its_end(plan, inputs, control, api, finish))
        except BaseException as error:  # noqa: BLE001  # it is raised again by whoever waits for the future
            future.set_exception(error)

    threading.Thread(target=work, name=f"leadagent-run-{plan.name}", daemon=True).start()
    return future


def _run_to_its_end(
    plan: Plan, inputs: Mapping[str, Any], control: RunControl, api: PrefectApi, finish: Callable[[], None]
) -> WorkflowResult:
    try:
        with use_api(api):
            return asyncio.run(_run(plan, inputs, control, api))
    finally:
        finish()


async def _run(plan: Plan, inputs: Mapping[str, Any], control: RunControl, api: PrefectApi) -> WorkflowResult:
    leave_threads_behind()
    try:
        control.ready = await prepare(plan, inputs)
        admission = Admission(api)
        control.started = admission.close
        current_control.set(control)
        with closing(admission), tags(TAG, *plan.workflow.tags):
            await asyncio.to_thread(admission.enter)
            async with AsyncClientContext.get_or_create() as context:
                label_new_runs(context.client)
                state = await _execute(plan, control, shown_inputs(plan, control.ready))
                if state.is_cancelling():
                    await _conclude_cancelled(context.client, state, control)
    except (httpx.TransportError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and _UNREACHED not in str(error):
            raise
        if control.result is None:
            raise PrefectUnavailable(
                f"the Prefect API at {api.url} can't be reached: check that its server runs and that "
                "PREFECT_API_URL is right, or unset PREFECT_API_URL for the embedded one"
            ) from None
        _log.warning(_OUT_OF_STEP, api.url, control.result.flow_run_id)
    if control.result is not None:
        return control.result
    if isinstance(state.data, ResultRecordMetadata):  # whoever wrote it, it is not read
        raise InternalError(f"the run could not be taken up: {state.message or state.name}")
    cause = await state.aresult(raise_on_failure=False)
    raise cause if isinstance(cause, LeadAgentError) else InternalError(f"the run crashed: {state.message}")


async def _execute(plan: Plan, control: RunControl, parameters: dict[str, Any]) -> State[Any]:
    flow = build_flow(plan)
    flow_run = await control.take() if control.take is not None else None
    ending: Any = (
        flow(**parameters, return_state=True)
        if flow_run is None
        else run_flow_async(flow, flow_run=flow_run, parameters=parameters, return_type="state")
    )
    state: State[Any] = await ending
    return state


async def _conclude_cancelled(client: PrefectClient, state: State[Any], control: RunControl) -> None:
    """Cancelled as it was ending: Prefect takes no other end from it, and none at all if nobody says so."""
    assert state.state_details.flow_run_id is not None  # it is the state of a flow run
    cancelled: State[Any] = Cancelled(message="the run was cancelled as it was ending")
    await client.set_flow_run_state(state.state_details.flow_run_id, cancelled, force=True)
    control.result = control.result and control.result.model_copy(update={"status": "cancelled"})
