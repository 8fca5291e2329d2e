"""A sub-workflow: a Prefect flow run of its own, which is shown within the one that calls it.

Prefect finds the flow run of a subflow by the order of calls, and would give one the answer of another where
a run is executed again. So the flow run is made here, and found again by the key of the step that it is of:
tried once more or taken up, a sub-workflow goes on in the same flow run.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from prefect import Flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import FlowRunCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.flow_engine import run_flow_async
from prefect.states import Crashed, Pending, to_state_create

from leadagent_prefect.agents.errors_map import error_raised
from leadagent_prefect.engine.ending import Ending, conclude, go_through
from leadagent_prefect.engine.pool import shown_inputs
from leadagent_prefect.engine.process.stop import Stop, StopToken
from leadagent_prefect.engine.report import Reporter, now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.steps.call import StepCall
from leadagent_prefect.engine.steps.task import PLAIN_JSON, step_task
from leadagent_prefect.engine.values import Ready
from leadagent_prefect.errors import (
    AgentError,
    AgentMisconfigured,
    AgentTimeout,
    CallCancelled,
    ConfigurationError,
    InternalError,
)
from leadagent_prefect.inputs import check_inputs
from leadagent_prefect.naming import prefect_name
from leadagent_prefect.plan import Plan

#: Prefect refuses parameters of more than 512 KiB. These are but shown: nothing is read from them.
_MOST_SHOWN = 400_000
_LONGEST_SHOWN = 10_000


async def run_subflow(call: StepCall, plan: Plan, token: StopToken) -> tuple[Run, Ending]:
    """Runs ``plan`` with the parameters of ``call`` as its inputs; `AgentError` where it can't start."""
    ready = _ready(call, plan)
    found: list[tuple[Run, Ending]] = []
    starting = _Starting(call.run)

    async def run_workflow() -> State[Any]:
        run = _run(call, plan, ready, token)
        starting.leave()
        ending = await go_through(run)
        if run.acted.is_set():
            call.run.acted.set()
        found.append((run, ending))
        return conclude(run, ending)

    try:
        await starting.enter()
        if token.stop is not None:
            raise stopped(token.stop)
        flow = _flow(plan, run_workflow)
        async with get_client() as client:
            flow_run = await _flow_run(client, flow, call, shown_inputs(plan, ready), plan.workflow.tags)
        state: Any = await run_flow_async(flow, flow_run=flow_run, parameters={}, return_type="state")
    except AgentError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever Prefect's client raises is this step's failure
        found_out = error_raised(error)
        raise type(found_out)(call.run.redactor.text(found_out.message)) from None
    finally:
        starting.leave()
    if not found:
        raise InternalError(f'the flow run of "{plan.name}" did not start: {state.name}: {state.message}')
    return found[0]


def _ready(call: StepCall, plan: Plan) -> Ready:
    try:
        return replace(call.run.ready, inputs=check_inputs(plan.workflow, call.parameters))
    except ConfigurationError as error:
        message = call.run.redactor.text(f'the inputs of workflow "{plan.name}" do not fit it: {error}')
        raise AgentMisconfigured(message) from None


def _flow(plan: Plan, body: Callable[[], Awaitable[State[Any]]]) -> Flow[..., Any]:
    return Flow(
        body,
        name=prefect_name(plan.name),
        version=plan.workflow.version,
        # A flow run whose result is kept is never executed again; the step keeps it.
        persist_result=False,
        result_serializer=PLAIN_JSON,
        validate_parameters=False,
    )


def stopped(stop: Stop) -> AgentError:
    """The error of a step whose body was stopped from outside of it, or had no more time."""
    return AgentTimeout(stop.reason) if stop.kind == "timeout" else CallCancelled(stop.reason)


class _Starting:
    """A place among those that start; SQLite takes few at a time, and starts that it refuses take seconds."""

    def __init__(self, run: Run) -> None:
        self._gate, self._is_in = run.starts, False

    async def enter(self) -> None:
        await self._gate.acquire()
        self._is_in = True

    def leave(self) -> None:
        if self._is_in:
            self._is_in = False
            self._gate.release()


def _run(call: StepCall, plan: Plan, ready: Ready, token: StopToken) -> Run:
    context, outer = FlowRunContext.get(), call.run
    assert context is not None  # this is the body of a flow,
    assert context.flow_run is not None  # which has a run
    flow_run = context.flow_run
    return replace(
        outer,
        plan=plan,
        control=outer.control.within(token),
        ready=ready,
        report=Reporter(outer.report.notify, str(flow_run.id), plan.name),
        run_id=str(flow_run.id),
        run_name=flow_run.name,
        # Taken up again, templates see the same time as before.
        started_at=flow_run.start_time or now(),
        first_started_at=None,
        outcomes={},
        acted=asyncio.Event(),
        ending=(),
        came_to={},
        undoable=[],
        compensated=[],
        finish=None,
        around=call,
        context=copy_context(),
    )


async def _flow_run(
    client: PrefectClient, flow: Flow[..., Any], call: StepCall, inputs: Mapping[str, Any], tags: list[str]
) -> FlowRun:
    """The flow run of this call: a new one, or that which it has had before."""
    key = call.idempotency_key
    placeholder = copy.copy(step_task)
    placeholder.task_key = "leadagent-sub-workflow"
    context = FlowRunContext.get()
    assert context is not None  # the step is one of a flow,
    assert context.flow_run is not None  # which has a run
    parent = await client.create_task_run(placeholder, context.flow_run.id, dynamic_key=key, name=call.name)
    wanted = FlowRunCreate(
        flow_id=await client.create_flow(flow),
        flow_version=flow.version,
        name=f"{context.flow_run.name}.{call.name}",
        parameters=_shown(inputs),
        parent_task_run_id=parent.id,
        tags=tags,
        state=to_state_create(Pending()),
        idempotency_key=key,
    )
    # The client's own method takes no key, and makes a second one where an answer gets lost.
    response = await client.request(
        "POST", "/flow_runs/", json=wanted.model_dump(mode="json", exclude_unset=True)
    )
    flow_run = FlowRun.model_validate(response.json())
    state = flow_run.state
    if state is not None and not state.is_final() and not state.is_pending():
        # Whoever executed it is gone: Prefect lets no run begin that it takes for a running one.
        gone: State[Any] = Crashed(message="its process is gone")
        await client.set_flow_run_state(flow_run.id, gone, force=True)
        flow_run.state = gone
    return flow_run


def _shown(inputs: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {name: len(json.dumps(value)) for name, value in inputs.items()}
    if sum(sizes.values()) <= _MOST_SHOWN:
        return dict(inputs)
    return {
        name: f"({sizes[name]:,} bytes, not shown)" if sizes[name] > _LONGEST_SHOWN else value
        for name, value in inputs.items()
    }
