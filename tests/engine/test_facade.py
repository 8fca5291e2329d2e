"""LeadAgent and the flow it builds, from Python's side."""

from __future__ import annotations

import asyncio
import base64
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import leadagent_prefect
from leadagent_prefect import AgentResponse, ConfigurationError, LeadAgent, PrefectUnavailable
from leadagent_prefect.embedded import PrefectApi, use_api
from leadagent_prefect.engine.process.stop import Stop, StopToken
from leadagent_prefect.engine.values import References, TaskView
from leadagent_prefect.errors import InternalError
from leadagent_prefect.loader import load

FILE = """
name: from a file
inputs:
  n: {type: integer}
agents:
  - {name: probe, type: script, endpoint: "script://x"}
tasks:
  - {name: a, agent_name: probe, action: echo, parameters: {n: "{{ inputs.n }}"}}
"""


def test_code_without_a_loop_runs_files_and_dicts(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(FILE)
    assert LeadAgent().execute_workflow_from_file_sync(path, {"n": 3}).results == {"a": {"echo": {"n": 3}}}
    result = LeadAgent().execute_workflow_from_dict_sync(bench.workflow({"name": "a"}))
    assert result.results == {"a": {"echo": {}}}


def test_a_dict_finds_its_sub_workflows_in_the_working_folder(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part.yaml").write_text("name: part\ntasks: [{name: v, value: 1}]\n")
    whole = {"name": "whole", "tasks": [{"name": "p", "workflow": "part.yaml"}]}
    assert LeadAgent().execute_workflow_from_dict_sync(whole).results == {"p": {"v": 1}}


@pytest.mark.parametrize("kind", ["file", "dict"])
async def test_a_synchronous_call_where_a_loop_runs_says_what_to_await(kind: str) -> None:
    execute = getattr(LeadAgent(), f"execute_workflow_from_{kind}_sync")
    with pytest.raises(RuntimeError, match=rf"write `await agent\.execute_workflow_from_{kind}\(\.\.\.\)`"):
        execute({})


async def test_an_observer_of_an_entry_point_sees_the_run(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    lone = EntryPoint("lone", "collections:deque", "leadagent_prefect.observers")
    monkeypatch.setattr(EntryPoint, "load", lambda entry: lambda event: seen.append(event.type))
    monkeypatch.setattr("leadagent_prefect.observe.installed.entry_points", lambda *, group: [lone])
    await LeadAgent().execute_workflow_from_dict(bench.workflow({"name": "a"}))
    assert seen == ["workflow_started", "task_started", "task_completed", "workflow_finished"]


async def test_a_file_runs_by_its_path(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(FILE)
    result = await LeadAgent().execute_workflow_from_file(str(path), {"n": 3})
    assert result.results == {"a": {"echo": {"n": 3}}}


async def test_a_bad_file_raises_with_its_diagnostics(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(FILE.replace("agent_name: probe", "agent_name: prob"))
    with pytest.raises(ConfigurationError) as caught:
        await LeadAgent().execute_workflow_from_file(path)
    assert [d.code for d in caught.value.diagnostics if d.severity == "error"] == ["unknown-agent"]


async def test_a_built_flow_is_a_prefect_flow_with_the_inputs_as_its_parameters(
    bench: Any, prefect_api: PrefectApi, tmp_path: Path
) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(FILE)
    flow = LeadAgent().build_flow(path)
    schema = flow.parameters.model_dump()
    assert schema["properties"]["n"]["type"] == "integer"
    assert schema["required"] == ["n"]
    with use_api(prefect_api):
        state = await flow(n=4, return_state=True)
        assert (await state.aresult())["results"] == {"a": {"echo": {"n": 4}}}
        failed = await flow(n="four", return_state=True)
    assert failed.name == "Failed"
    assert "input \"n\": 'four' is not of type 'integer'" in failed.message


async def test_an_api_that_cannot_be_reached_is_told_with_its_remedy(bench: Any) -> None:
    from leadagent_prefect.engine.control import RunControl
    from leadagent_prefect.engine.runner import run_in_thread
    from leadagent_prefect.models import Workflow
    from leadagent_prefect.plan import build

    nowhere = PrefectApi(url="http://127.0.0.1:9/api", auth_string=None, embedded=False, ui_url="")
    plan = build(Workflow.model_validate(bench.workflow({"name": "a"})))
    with pytest.raises(
        PrefectUnavailable, match=r"http://127\.0\.0\.1:9/api can't be reached.*PREFECT_API_URL"
    ):
        await asyncio.wrap_future(run_in_thread(plan, {}, RunControl(), nowhere, lambda: None))


async def test_a_run_that_breaks_inside_the_engine_is_an_internal_error(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("leadagent_prefect.engine.schedule.skip_for", broken)
    with pytest.raises(InternalError, match=r"the run crashed: .*a bug"):
        await bench.run({"name": "a"})


async def test_no_step_outlives_a_scheduler_that_breaks(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    async def waits(agent: Any, given: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(agent.call.task)

    from leadagent_prefect.engine.schedule import Scheduler

    settle = Scheduler._settle

    def breaks(self: Any, step: Any, outcome: Any) -> None:
        settle(self, step, outcome)
        raise ZeroDivisionError("a bug")

    async def waits_for_it(agent: Any, given: Any) -> None:
        while not any(made.action == "waits" for made in bench.calls):  # noqa: ASYNC110  # set by no event
            await asyncio.sleep(0)

    monkeypatch.setattr(Scheduler, "_settle", breaks)
    bench.actions.update(waits=waits, quick=waits_for_it)
    with pytest.raises(InternalError, match="a bug"):
        await bench.run(
            {"name": "a", "action": "waits"}, {"name": "b", "action": "quick"}, parallel_execution=True
        )
    assert ended == ["a"]


async def test_an_await_cancelled_before_the_run_has_started_starts_nothing_for_long(
    bench: Any, tmp_path: Path
) -> None:
    running = asyncio.ensure_future(LeadAgent().execute_workflow_from_file(tmp_path / "missing.yaml"))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_the_package_names_what_it_has_and_nothing_else() -> None:
    assert set(leadagent_prefect.__all__) <= set(dir(leadagent_prefect))
    for name in leadagent_prefect.__all__:
        assert getattr(leadagent_prefect, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'LedAgent'"):
        leadagent_prefect.LedAgent  # noqa: B018  # reading it is the test


def test_a_stop_token_that_is_not_bound_says_so() -> None:
    token = StopToken()
    assert token.stop is None
    with pytest.raises(RuntimeError, match="bound to no run"):
        token.future  # noqa: B018  # reading it is the test


def test_views_of_a_run_are_mappings() -> None:
    references = References(["B", "A"])
    assert (sorted(references), len(references), references["A"]) == (["A", "B"], 2, "{{ secrets.A }}")
    with pytest.raises(KeyError):
        references["C"]
    assert (list(TaskView({})), len(TaskView({}))) == ([], 0)


async def test_a_run_that_is_executed_again_calls_no_completed_task_again(
    bench: Any, prefect_api: PrefectApi
) -> None:
    failing = iter([True, False])
    bench.actions["flaky"] = lambda agent, given: AgentResponse(success=not next(failing), result="at last")
    workflow = bench.workflow(
        {"name": "a", "parameters": {"n": 1}},
        {"name": "b", "action": "flaky", "parameters": {"x": "{{ tasks.a.result.echo.n }}"}},
        {"name": "c", "depends_on": ["b"]},
    )
    with use_api(prefect_api):
        from prefect import get_client
        from prefect.flow_engine import run_flow_async

        flow = LeadAgent().build_flow(workflow)
        first = await flow(return_state=True)
        async with get_client() as client:
            flow_run = await client.read_flow_run(first.state_details.flow_run_id)
        second: Any = await run_flow_async(flow, flow_run=flow_run, parameters={}, return_type="state")
        data = await second.aresult()
    assert first.name == "Failed"
    assert second.name == "Completed"
    assert data["results"] == {"a": {"echo": {"n": 1}}, "b": "at last", "c": {"echo": {}}}
    assert [made.call.task for made in bench.calls] == ["a", "b", "b", "c"]
    assert data["tasks"]["a"]["attempts"] == 0


async def test_many_failures_are_named_up_to_ten(bench: Any, recorded: Any) -> None:
    bench.actions["fail"] = lambda agent, given: AgentResponse(success=False, error="no")
    tasks = [{"name": f"t{n}", "action": "fail"} for n in range(12)]
    result = await bench.run(*tasks, failure_strategy="partial_completion_allowed", min_success=1)
    assert result.status == "failed"
    message = (await recorded.flow_run(result)).state.message
    assert message == "0/12 tasks completed; failed: t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, ..."


async def test_a_credential_of_basic_authentication_is_masked_as_a_whole(bench: Any) -> None:
    bench.actions["leak"] = lambda agent, given: base64.b64encode(b"someone:long password").decode()
    auth = {"type": "basic", "username": "someone", "password": "{{ inputs.password }}"}
    workflow = bench.workflow(
        {"name": "a", "action": "leak"},
        agents=[{"name": "probe", "type": "script", "endpoint": "x", "authentication": auth}],
        inputs={"password": {"type": "string"}},
    )
    result = await LeadAgent().execute_workflow_from_dict(workflow, {"password": "long password"})
    assert result.results == {"a": "***=="} or result.results == {"a": "***"}


async def test_a_bug_that_speaks_of_no_api_stays_what_it_is(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr("leadagent_prefect.engine.runner.build_flow", broken)
    with pytest.raises(RuntimeError, match="something else"):
        await bench.run({"name": "a"})


def test_the_class_of_a_custom_agent_may_stand_beside_its_workflow(
    prefect_api: PrefectApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", sys.path.copy())
    (tmp_path / "beside_the_workflow.py").write_text(
        "from leadagent_prefect import AgentResponse, BaseAgent\n"
        "class Beside(BaseAgent):\n"
        "    async def execute(self, action, parameters):\n"
        "        return AgentResponse(success=True, result=action)\n"
    )
    path = tmp_path / "flow.yaml"
    path.write_text(
        "name: beside\n"
        "agents: [{name: c, type: custom, custom_params: {class: 'beside_the_workflow:Beside'}}]\n"
        "tasks: [{name: a, agent_name: c, action: hello}]\n"
    )
    loaded = load(path)
    assert LeadAgent().execute_workflow_from_file_sync(path).results == {"a": "hello"}
    assert LeadAgent().start(loaded).result(60).results == {"a": "hello"}
    assert sys.path.count(str(tmp_path)) == 1


async def test_a_cancel_after_the_end_does_nothing(bench: Any) -> None:
    handle = await asyncio.to_thread(LeadAgent().start, bench.workflow({"name": "a"}))
    assert (await asyncio.to_thread(handle.result, 60)).status == "completed"
    handle.cancel()
    assert handle.result().status == "completed"


async def test_the_first_stop_counts() -> None:
    token = StopToken()
    token.bind()
    token.set(Stop("failed", "first"))
    token.set(Stop("cancelled", "second"))
    token.request("cancelled", "third")
    await asyncio.sleep(0)
    assert token.stop == Stop("failed", "first")
