"""Random workflows come out of the engine as they come out of the reference, call by call."""

from __future__ import annotations

import asyncio
import math
import os
import uuid
from typing import Any

import pytest
from conductor import Conductor, ProbeAgent, conducting
from hypothesis import HealthCheck, given, settings
from random_workflows import workflows, written
from reference import Reference
from reference_tasks import RefWorkflow

from leadagent_prefect.models import Workflow
from leadagent_prefect.plan import Plan, build

EXAMPLES = int(os.environ.get("LEADAGENT_ORACLE_EXAMPLES", "1000"))
#: Tests that share them: side by side they take less time.
PARTS = 4


async def execute_in_host(plan: Plan) -> dict[str, Any]:
    """Runs a plan inside the one flow run that hosts all examples, on Prefect's task engine."""
    from leadagent_prefect.engine.bodies import enter
    from leadagent_prefect.engine.control import RunControl
    from leadagent_prefect.engine.ending import conclude, end
    from leadagent_prefect.engine.report import Reporter, now
    from leadagent_prefect.engine.run import Run
    from leadagent_prefect.engine.schedule import Scheduler
    from leadagent_prefect.engine.store.generations import Generations
    from leadagent_prefect.engine.values import prepare

    control = RunControl()
    control.token.bind()
    report = Reporter(lambda event: None, "x", plan.name)
    ready = await prepare(plan, {})
    run_id = uuid.uuid4().hex
    run = Run(
        plan,
        control,
        ready,
        report,
        run_id=run_id,
        run_name="x",
        started_at=now(),
        generations=Generations(run_id),
        enter=enter,
    )
    await Scheduler(run).execute()
    ending = await end(run)
    await run.pool.close()
    state = conclude(run, ending)
    return {"state": state.type.value, "name": state.name, **state.data}


async def check(workflow: RefWorkflow) -> None:
    expected = Reference(workflow).run()
    conductor = Conductor()
    ProbeAgent.conductors[conductor.id] = conductor
    conducting.set(conductor)
    following = asyncio.ensure_future(conductor.follow(expected.moments))
    try:
        actual = await asyncio.wait_for(
            execute_in_host(build(Workflow.model_validate(written(workflow, conductor.id)))), 30
        )
    finally:
        following.cancel()
        del ProbeAgent.conductors[conductor.id]
    assert set(conductor.calls) == {call for calls, _ in expected.moments for call in calls}
    assert {name: row["status"] for name, row in actual["tasks"].items()} == expected.status
    assert actual["results"] == expected.results
    assert actual["status"] == expected.final
    compensated = [(one["task"], one["key"], one["status"]) for one in actual["compensated"]]
    assert compensated == expected.compensated
    attempts = {name: row["attempts"] for name, row in actual["tasks"].items() if row["attempts"]}
    assert attempts == {name: count for name, count in expected.attempts.items() if count}
    items = {name: tuple(row["items"].values()) for name, row in actual["tasks"].items() if "items" in row}
    assert items == expected.items


@pytest.mark.long
@pytest.mark.no_cover
@pytest.mark.timeout(480)
@pytest.mark.parametrize("part", range(PARTS))
def test_random_workflows_end_as_the_reference_says(probe: None, in_host: Any, part: int) -> None:
    share = math.ceil(EXAMPLES / PARTS)

    @given(workflow=workflows())
    @settings(max_examples=share, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def property_holds(workflow: RefWorkflow) -> None:
        in_host.run(check(workflow))

    in_host(property_holds)
