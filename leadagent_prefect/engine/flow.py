"""Plan -> Prefect flow, and the body of that flow."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TagsContext

from leadagent_prefect.embedded.lasting import send_lasting_events
from leadagent_prefect.engine.bodies import enter
from leadagent_prefect.engine.control import RunControl, current_control
from leadagent_prefect.engine.ending import conclude, go_through
from leadagent_prefect.engine.pool import credentials
from leadagent_prefect.engine.process.away import outlast
from leadagent_prefect.engine.process.logs import masked_logs
from leadagent_prefect.engine.process.watch import watched
from leadagent_prefect.engine.report import Reporter, now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.signals import on_sigterm
from leadagent_prefect.engine.steps.task import PLAIN_JSON
from leadagent_prefect.engine.store.generations import Generations
from leadagent_prefect.engine.store.plain import read_plain_json_alone
from leadagent_prefect.engine.store.private import keep_private
from leadagent_prefect.engine.store.record import take_up
from leadagent_prefect.engine.values import Ready, prepare
from leadagent_prefect.models import InputConfig
from leadagent_prefect.naming import prefect_name
from leadagent_prefect.observe.dispatch import Dispatcher
from leadagent_prefect.observe.events import Event
from leadagent_prefect.observe.installed import installed_observers
from leadagent_prefect.plan import Plan

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
}


def build_flow(plan: Plan) -> Flow[..., Any]:
    """A Prefect flow that runs ``plan``; its keyword-only parameters are the workflow's inputs.

    The flow never raises for what a step does: it returns the state the run ends in, whose data is the
    `WorkflowResult` as JSON.
    """

    async def run_workflow(**inputs: Any) -> State[Any]:
        return await execute(plan, inputs)

    run_workflow.__name__ = run_workflow.__qualname__ = "run_workflow"
    run_workflow.__signature__ = signature(plan.workflow.inputs)  # type: ignore[attr-defined]  # how a signature is given to a function
    return Flow(
        run_workflow,
        name=prefect_name(plan.name),
        version=plan.workflow.version,
        description=plan.workflow.description,
        persist_result=True,
        result_serializer=PLAIN_JSON,
        # Inputs are validated by their own JSON Schema; Prefect would load a block for a "$ref" in one.
        validate_parameters=False,
    )


def signature(inputs: Mapping[str, InputConfig]) -> inspect.Signature:
    """Keyword-only parameters, typed: the Prefect UI makes its form of them."""
    return inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if config.required else config.default,
                annotation=_TYPES[config.type],
            )
            for name, config in inputs.items()
        ]
    )


async def execute(plan: Plan, parameters: Mapping[str, Any]) -> State[Any]:
    """The body of every workflow's flow: runs all steps and states what the run came to."""
    control = current_control.get() or RunControl(answers_signals=True)
    # A workflow that an agent of this run calls in turn is a run of its own.
    current_control.set(None)
    control.token.bind()
    control.started()
    ready = control.ready or await prepare(plan, parameters)
    async with _observed(control) as notify:
        run = _run(plan, control, ready, notify)
        await take_up(run)
        # The run's tags are not its tasks': Prefect asks its API for a limit of each tag of each task run.
        with (
            masked_logs(run.redactor),
            TagsContext(current_tags=set()),
            on_sigterm(control),
            watched(control.token),
        ):
            return conclude(run, await go_through(run))


@asynccontextmanager
async def _observed(control: RunControl) -> AsyncIterator[Callable[[Event], None]]:
    """Who is told of events: the caller in this process, or the observers of installed packages."""
    if control.notify is not None:
        yield control.notify
        return
    dispatcher = Dispatcher(installed_observers())
    try:
        yield dispatcher
    finally:
        await asyncio.to_thread(dispatcher.close)


def _run(plan: Plan, control: RunControl, ready: Ready, notify: Callable[[Event], None]) -> Run:
    context = FlowRunContext.get()
    assert context is not None  # this is the body of a flow,
    assert context.flow_run is not None  # which Prefect made a run for
    read_plain_json_alone(context)
    keep_private()
    outlast(context.client)
    send_lasting_events()
    run_id, run_name = str(context.flow_run.id), context.flow_run.name
    report, generations = Reporter(notify, run_id, plan.name), Generations(run_id)
    run = Run(
        plan,
        control,
        ready,
        report,
        run_id=run_id,
        run_name=run_name,
        started_at=now(),
        generations=generations,
        enter=enter,
    )
    for agent in plan.agents.values():
        run.redactor.add(*credentials(agent, run.scope()))
    return run
