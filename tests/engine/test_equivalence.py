"""Two ways to one run: a workflow that is run as it was read, and the flow that was emitted of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conductor import Conductor, ProbeAgent, Recorder, conducting
from hypothesis import HealthCheck, given, settings
from nested_workflows import nested
from random_workflows import workflows, written
from reference import Reference
from reference_tasks import RefWorkflow

from leadagent_prefect import LeadAgent
from leadagent_prefect.emit import emitted
from leadagent_prefect.engine.flow import build_flow
from leadagent_prefect.loader import Loaded, load
from leadagent_prefect.plan import plan_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = int(os.environ.get("LEADAGENT_EQUIVALENCE_EXAMPLES", "200"))
#: What no two runs have in common.
OWN = {"flow_run_id", "execution_time"}


def emitted_body(loaded: Loaded) -> Callable[..., Any]:
    file = emitted(loaded, ROOT / "flows")
    module = ModuleType("emitted")
    exec(compile(file.text, "emitted.py", "exec"), module.__dict__)  # noqa: S102  # made a line before
    return getattr(module, file.function).fn


async def told(loaded: Loaded, body: Callable[[Loaded], Callable[..., Any]], conductor: Conductor) -> Any:
    """All that a run of the workflow comes to, and its calls in their order."""
    ProbeAgent.conductors[conductor.id] = conductor
    conducting.set(conductor)
    try:
        state = await asyncio.wait_for(body(loaded)(conductor=conductor.id), 120)
    finally:
        del ProbeAgent.conductors[conductor.id]
    result = {key: value for key, value in state.data.items() if key not in OWN}
    for task in result["tasks"].values():
        del task["duration"]
    return {"state": (state.type, state.name, state.message), "calls": conductor.calls, **result}


def live_body(loaded: Loaded) -> Callable[..., Any]:
    return build_flow(plan_of(loaded)).fn


def holds(examples: int, host: Any, strategy: Any, check: Callable[[Any], Any]) -> None:
    """``check`` finds nothing, in the host, with so many draws."""

    @given(strategy)
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def property_holds(drawn: Any) -> None:
        host.run(check(drawn))

    host(property_holds)


@pytest.mark.long
@pytest.mark.no_cover
@pytest.mark.timeout(480)
def test_random_workflows_run_the_same_once_emitted(probe: None, in_host: Any) -> None:
    async def run(workflow: RefWorkflow, body: Callable[[Loaded], Callable[..., Any]]) -> Any:
        conductor = Conductor()
        data = written(workflow, "{{ inputs.conductor }}")
        data["inputs"]["conductor"] = {"type": "string"}
        following = asyncio.ensure_future(conductor.follow(Reference(workflow).run().moments))
        try:
            return await told(load(data), body, conductor)
        finally:
            following.cancel()

    async def check(workflow: RefWorkflow) -> None:
        live = await run(workflow, live_body)
        assert await run(workflow, emitted_body) == live
        assert live["status"] == Reference(workflow).run().final

    holds(EXAMPLES * 3 // 4, in_host, workflows(), check)


@pytest.mark.no_cover
@pytest.mark.timeout(480)
def test_so_do_those_with_workflows_and_tasks_in_them(probe: None, in_host: Any) -> None:
    async def check(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
        loaded = load(drawn[0], parts=drawn[1])
        live = await told(loaded, live_body, Recorder())
        assert await told(loaded, emitted_body, Recorder()) == live

    holds(EXAMPLES // 4, in_host, nested(), check)


PATHS = sorted((ROOT / "examples").rglob("*.yaml"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.parent.name + "-" + path.stem)
async def test_an_example_runs_the_same_from_flows(
    path: Path, recorded: Any, services: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-key")
    loaded = load(path)
    file = emitted(loaded, ROOT / "flows")
    compiled = ROOT / "flows" / f"{loaded.workflow.name}.py"
    assert compiled.read_text(encoding="utf-8") == file.text
    known = {"services": services.url, "tools": services.tools_url, "news_url": services.url}
    known |= {"ai_url": f"{services.url}/v1", "edition": uuid.uuid4().hex}
    inputs = {name: value for name, value in known.items() if name in loaded.workflow.inputs}

    before = len(services.requests)
    live = await LeadAgent(cache=False).execute_workflow_from_file(path, inputs)
    middle = len(services.requests)
    flow: Any = load_flow_from_entrypoint(f"{compiled}:{file.function}")
    state = await flow(**inputs, return_state=True)
    run_id = str(state.state_details.flow_run_id)

    assert unnumbered(services.requests[before:middle]) == unnumbered(services.requests[middle:])
    assert facts(await state.aresult(raise_on_failure=False)) == facts(live.model_dump(mode="json"))
    await states_are_equal(recorded, live.flow_run_id, run_id)


def unnumbered(requests: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """In any order, without the numbers that a service gives to what it stores."""
    return sorted((method, re.sub(r"(?<=s/)\d+$", "", path)) for method, path in requests)


def facts(result: dict[str, Any]) -> dict[str, Any]:
    """A result without times, and without the numbers of what is stored."""
    tasks = {name: (row["status"], row["attempts"], row["error"]) for name, row in result["tasks"].items()}
    counts = {key: result[key] for key in ("status", "errors", "completed_tasks", "failed_tasks")}
    found = {**counts, "tasks": tasks, "results": result["results"], "outputs": result["outputs"]}
    plain: dict[str, Any] = json.loads(re.sub(r'("id": |s/)\d+', r"\g<1>0", json.dumps(found)))
    return plain


async def states_are_equal(recorded: Any, first: str, second: str) -> None:
    """The names of the states of two runs and of their task runs, one after another, as the server has them.

    It learns of task runs a moment later.
    """
    for last in [False] * 200 + [True]:
        one, other = [await states_of(recorded, run_id) for run_id in (first, second)]
        if last or (one == other and one["tasks"] and all(map(_has_ended, one["tasks"].values()))):
            assert one == other
            return
        await asyncio.sleep(0.05)


def _has_ended(states: list[str]) -> bool:
    return states[-1] not in ("Pending", "Running", "AwaitingRetry")


async def states_of(recorded: Any, run_id: str) -> dict[str, Any]:
    from prefect.client.schemas.filters import FlowRunFilter

    run = await recorded.client.read_flow_run(uuid.UUID(run_id))
    mine = FlowRunFilter.model_validate({"id": {"any_": [run_id]}})
    found = await recorded.client.read_task_runs(flow_run_filter=mine)
    return {
        "run": (run.state.type, run.state.name, run.state.message),
        "tasks": {task.name: await recorded.states(task) for task in found},
    }
