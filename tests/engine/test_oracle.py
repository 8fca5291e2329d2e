"""Random workflows come out of the engine as they come out of the reference, call by call."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from conductor import Conductor, ProbeAgent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Reference, RefTask, RefWorkflow

from leadagent_prefect.agents.registry import AgentFactory
from leadagent_prefect.embedded import PrefectApi, use_api
from leadagent_prefect.models import Workflow
from leadagent_prefect.plan import Plan, build

EXAMPLES = int(os.environ.get("LEADAGENT_ORACLE_EXAMPLES", "1000"))


ENDS = ["ok", "ok", "server_error", "client_error", "timeout"]
STRATEGIES = ["stop_on_first_failure", "continue_on_failure", "partial_completion_allowed"]


@st.composite
def workflows(draw: st.DrawFn) -> RefWorkflow:
    names = [f"t{n}" for n in range(draw(st.integers(1, 12)))]
    order = draw(st.permutations(names))  # dependencies point up and down the file
    rank = {name: n for n, name in enumerate(order)}
    tasks = [
        RefTask(
            name=name,
            needs=sorted(
                draw(st.sets(st.sampled_from(order[: rank[name]]), max_size=3)) if rank[name] else []
            ),
            script=draw(
                st.lists(
                    st.sampled_from(["ok", "ok", "server_error", "client_error", "timeout"]),
                    min_size=1,
                    max_size=3,
                )
            ),
            duration=draw(st.integers(1, 5)),
            attempts=draw(st.sampled_from([1, 1, 2, 3])),
            tolerate=draw(st.booleans()),
        )
        for name in names
    ]
    strategy = draw(
        st.sampled_from(["stop_on_first_failure", "continue_on_failure", "partial_completion_allowed"])
    )
    wanted: Any = None
    if strategy == "partial_completion_allowed":
        wanted = draw(st.sampled_from([None, 0, 1, 3, "50%", "80%", "100%"]))
    return RefWorkflow(tasks, draw(st.booleans()), draw(st.sampled_from([1, 2, 50])), strategy, wanted)


def _retry(attempts: int) -> dict[str, int]:
    return {"max_attempts": attempts, "initial_delay": 0}


def plan_for(workflow: RefWorkflow, conductor_id: str) -> Plan:
    agent = {"name": "probe", "type": "probe", "endpoint": conductor_id}
    tasks = [
        {
            "name": task.name,
            "agent_name": "probe",
            "action": "go",
            # Half of the dependencies are said, half are read from the templates.
            "depends_on": task.needs[::2],
            "parameters": {
                "script": task.script,
                "result": {
                    "name": task.name,
                    "from": {name: f"{{{{ tasks.{name}.result }}}}" for name in task.needs},
                },
            },
            "continue_on_failure": task.tolerate,
            **(
                {"retry_config": {"max_attempts": task.attempts, "initial_delay": 0}}
                if task.attempts > 1
                else {}
            ),
        }
        for task in workflow.tasks
    ]
    data = {
        "name": "oracle",
        "agents": [agent],
        "tasks": tasks,
        "parallel_execution": workflow.parallel,
        "max_parallel_tasks": workflow.width,
        "failure_strategy": workflow.strategy,
        **({} if workflow.min_success is None else {"min_success": workflow.min_success}),
    }
    return build(Workflow.model_validate(data))


async def execute_in_host(plan: Plan) -> dict[str, Any]:
    """Runs a plan inside the one flow run that hosts all examples, on Prefect's task engine."""
    from leadagent_prefect.engine.control import RunControl
    from leadagent_prefect.engine.flow import conclude
    from leadagent_prefect.engine.report import Reporter, now
    from leadagent_prefect.engine.run import Run
    from leadagent_prefect.engine.schedule import Scheduler
    from leadagent_prefect.engine.values import prepare

    control = RunControl()
    control.token.bind()
    report = Reporter(lambda event: None, "x", plan.name)
    ready = await prepare(plan, {})
    run = Run(plan, control, ready, report, run_id=uuid.uuid4().hex, run_name="x", started_at=now())
    await Scheduler(run).execute()
    await run.pool.close()
    state = conclude(run)
    return {"state": state.type.value, "name": state.name, **state.data}


@pytest.fixture(scope="module")
def probe() -> Iterator[None]:
    AgentFactory.register_agent_type("probe", ProbeAgent)
    yield
    AgentFactory.unregister_agent_type("probe")


async def check(workflow: RefWorkflow) -> None:
    expected = Reference(workflow).run()
    conductor = Conductor()
    conductor_id = uuid.uuid4().hex
    ProbeAgent.conductors[conductor_id] = conductor
    following = asyncio.ensure_future(conductor.follow(expected.moments))
    try:
        actual = await asyncio.wait_for(execute_in_host(plan_for(workflow, conductor_id)), 30)
    finally:
        following.cancel()
        del ProbeAgent.conductors[conductor_id]
    assert set(conductor.calls) == {call for calls, _ in expected.moments for call in calls}
    assert {name: row["status"] for name, row in actual["tasks"].items()} == expected.status
    assert actual["results"] == expected.results
    assert actual["status"] == expected.final
    attempts = {name: row["attempts"] for name, row in actual["tasks"].items() if row["attempts"]}
    assert attempts == expected.attempts


@pytest.mark.timeout(480)
def test_random_workflows_end_as_the_reference_says(probe: None, prefect_api: PrefectApi) -> None:
    from prefect import flow
    from prefect.events.clients import NullEventsClient
    from prefect.events.worker import EventsWorker

    @given(workflow=workflows())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def property_holds(workflow: RefWorkflow) -> None:
        asyncio.run_coroutine_threadsafe(check(workflow), loop).result()

    @flow(name="oracle-host")
    async def host() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(property_holds)

    loop: asyncio.AbstractEventLoop
    with use_api(prefect_api):
        # What the server records of ten thousand task runs is not what this test is about.
        EventsWorker.set_client_override(NullEventsClient)
        logging.disable(logging.CRITICAL)
        try:
            asyncio.run(host())
        finally:
            logging.disable(logging.NOTSET)
