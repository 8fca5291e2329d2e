"""`LeadAgent.build_flow`, and flows that were emitted and changed: called, served, deployed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect import ConfigurationError, Event, LeadAgent
from leadagent_prefect.embedded import client_environment, use_api
from leadagent_prefect.emit import emitted
from leadagent_prefect.loader import load

SHELF = Path(__file__).resolve().parents[2] / "examples" / "scheduled" / "workflow.yaml"

SERVE = """
import sys
from leadagent_prefect import LeadAgent
LeadAgent().build_flow(sys.argv[1]).serve(name="served", parameters={"item": "pears"})
"""


@pytest.fixture
async def client(prefect_api: Any) -> AsyncIterator[Any]:
    with use_api(prefect_api):
        from prefect import get_client

        async with get_client() as client:
            yield client


async def test_the_flow_may_be_called_in_a_running_loop(client: Any, tmp_path: Path) -> None:
    flow: Any = LeadAgent().build_flow(SHELF)
    state = await flow(item="pears", enough=31, return_state=True)
    result = await state.aresult()
    assert result["outputs"] == {"left": 30, "advice": "order more"}


async def test_of_a_dict_too_with_agents_of_this_process(client: Any, bench: Any) -> None:
    flow: Any = LeadAgent().build_flow(bench.workflow({"name": "a"}, {"name": "b", "depends_on": ["a"]}))
    state = await flow(return_state=True)
    assert (await state.aresult())["results"] == {"a": {"echo": {}}, "b": {"echo": {}}}


async def test_classes_of_a_sub_workflow_stand_beside_its_own_file(client: Any, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "beside_the_part.py").write_text(
        "from leadagent_prefect import AgentResponse, BaseAgent\n\n\n"
        "class Doubler(BaseAgent):\n"
        "    async def execute(self, action, parameters):\n"
        "        return AgentResponse(success=True, result=parameters['n'] * 2)\n"
    )
    (tmp_path / "sub" / "part.yaml").write_text(
        "name: part\ninputs: {n: {type: integer}}\n"
        "agents: [{name: d, type: custom, custom_params: {class: 'beside_the_part:Doubler'}}]\n"
        "tasks: [{name: t, agent_name: d, action: go, parameters: {n: '{{ inputs.n }}'}}]\n"
        "outputs: {n: '{{ tasks.t.result }}'}\n"
    )
    file = tmp_path / "whole.yaml"
    file.write_text(
        "name: whole\ntasks:\n"
        "  - {name: each, for_each: [1, 2], workflow: sub/part.yaml, inputs: {n: '{{ item }}'}}\n"
        "outputs: {all: '{{ tasks.each.result }}'}\n"
    )
    text = emitted(load(file), tmp_path / "flows").text
    assert "code=" in text
    assert 'parts={"sub/part.yaml": part}' in text
    flow: Any = LeadAgent().build_flow(file)
    before = list(sys.path)
    try:
        state = await flow(return_state=True)
        result = await LeadAgent().execute_workflow_from_file(file)
    finally:
        sys.path[:] = before
    assert (await state.aresult())["outputs"] == result.outputs == {"all": [{"n": 2}, {"n": 4}]}


def test_equal_workflows_share_a_file_that_only_its_owner_reads(prefect_api: Any) -> None:
    flows = Path(os.environ["PREFECT_HOME"], "leadagent", "flows")
    LeadAgent().build_flow(SHELF)
    before = {path.name: path.stat().st_mtime_ns for path in flows.glob("stock_watch-*.py")}
    LeadAgent().build_flow(SHELF)
    assert {path.name: path.stat().st_mtime_ns for path in flows.glob("stock_watch-*.py")} == before
    assert {path.stat().st_mode & 0o777 for path in flows.glob("*.py")} == {0o600}


async def test_the_flow_can_be_deployed(client: Any) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate

    await client.create_work_pool(WorkPoolCreate(name="of-build-flow", type="process"), overwrite=True)
    flow: Any = LeadAgent().build_flow(SHELF)
    made = await flow.deploy(
        "by-hand", work_pool_name="of-build-flow", build=False, print_next_steps=False, ignore_warnings=True
    )
    found = await client.read_deployment(made)
    path, _, function = found.entrypoint.rpartition(":")
    assert path.startswith(f"{os.environ['PREFECT_HOME']}/leadagent/flows/stock_watch-")
    assert function == "stock_watch"
    steps = found.pull_steps[0]["prefect.deployments.steps.set_working_directory"]
    assert steps == {"directory": str(Path.cwd())}
    assert found.parameter_openapi_schema["properties"]["item"]["enum"] == ["apples", "pears"]


@pytest.fixture
def serving(prefect_api: Any, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(SHELF)],
        env={**os.environ, **client_environment(prefect_api)},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield process
    os.killpg(process.pid, signal.SIGINT)
    process.wait(60)


@pytest.mark.timeout(180)
async def test_the_flow_can_be_served(client: Any, serving: subprocess.Popen[bytes]) -> None:
    deployment = await _deployment(client, "stock_watch/served", serving)
    run = await client.create_flow_run_from_deployment(deployment.id)
    while not (run.state and run.state.is_final()):
        assert serving.poll() is None
        await asyncio.sleep(0.1)
        run = await client.read_flow_run(run.id)
    assert run.state.name == "Completed"
    assert run.parameters["item"] == "pears"


async def _deployment(client: Any, name: str, process: subprocess.Popen[bytes]) -> Any:
    from prefect.exceptions import ObjectNotFound

    while True:
        assert process.poll() is None
        try:
            return await client.read_deployment_by_name(name)
        except ObjectNotFound:
            await asyncio.sleep(0.1)


def changed(old: str, new: str) -> Any:
    """The flow of the scheduled example, with a change by hand."""
    file = emitted(load(SHELF), SHELF.parent)
    assert old in file.text
    module = {"__name__": "changed", "__file__": str(SHELF.parent / "flow.py")}
    exec(file.text.replace(old, new), module)  # noqa: S102  # made a line before
    return module[file.function]


async def test_an_emitted_flow_may_be_changed_by_hand(client: Any) -> None:
    flow = changed('"enough": "{{ inputs.enough }}"', '"enough": 100')
    state = await flow(return_state=True)
    assert (await state.aresult())["outputs"]["advice"] == "order more"


async def test_a_mistake_made_by_hand_is_said_as_that_of_a_file(client: Any) -> None:
    state = await changed("tasks.count.result", "tasks.cuont.result")(return_state=True)
    assert state.name == "Failed"
    with pytest.raises(ConfigurationError) as caught:
        await state.aresult()
    assert {problem.code for problem in caught.value.diagnostics} == {"unknown-task"}
    assert 'did you mean "count"?' in str(caught.value)


async def test_installed_observers_see_the_runs_of_emitted_flows(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Event] = []
    monkeypatch.setattr("leadagent_prefect.engine.flow.installed_observers", lambda: [seen.append])
    state = await changed("pears", "pears")(return_state=True)
    assert state.name == "Completed"
    assert [event.type for event in seen if event.name == "stock_watch"] == [
        "workflow_started",
        "workflow_finished",
    ]
    assert [event.name for event in seen if event.type == "task_completed"] == ["count", "advise"]
