"""Results reused over runs: what is the same call, what is kept and for how long, and what is never seen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect import AgentResponse, LeadAgent, WorkflowResult
from leadagent_prefect.embedded import PrefectApi, use_api
from leadagent_prefect.engine.steps import cache
from leadagent_prefect.engine.store import seal

STORAGE = Path(os.environ["PREFECT_HOME"]) / "storage"
TASK: dict[str, Any] = {"name": "a", "action": "count", "parameters": {"q": 1}, "cache": {"ttl": "1h"}}


def _readable(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Other processes of the tests keep theirs there too, and break them."""
    for path in folder.iterdir():
        with contextlib.suppress(ValueError, RecursionError, FileNotFoundError):
            record = json.loads(path.read_bytes())
            if isinstance(record, dict) and "result" in record:
                yield path, record


@dataclass
class Desk:
    """Runs `TASK` with changes, at an endpoint of the test's own; "count" answers with the calls so far."""

    bench: Any
    test: str

    @property
    def calls(self) -> int:
        return len(self.bench.calls)

    def agent(self, **changes: Any) -> dict[str, Any]:
        return {"name": "probe", "type": "script", "endpoint": f"script://{self.test}", **changes}

    async def run(
        self, task: Any = None, agent: Any = None, use: bool = True, **settings: Any
    ) -> WorkflowResult:
        given = settings.pop("given", None)
        workflow = self.bench.workflow(
            TASK | (task or {}), **{"agents": [self.agent(**(agent or {}))], **settings}
        )
        lead = LeadAgent([self.bench.events.append], cache=use)
        return await lead.execute_workflow_from_dict(workflow, given)

    def records(self) -> dict[int, tuple[Path, dict[str, Any]]]:
        """Those of this test, by the number of the call."""
        found = list(_readable(STORAGE / cache.FOLDER))
        mine = [(path, kept) for path, kept in found if self.test in str(kept["result"])]
        return {kept["result"][self.test]: (path, kept) for path, kept in mine}

    async def attempts(self, number: int) -> list[int]:
        """Of so many tasks in one run, each with a parameter of its own and the same for every run."""
        tasks = [TASK | {"name": str(n), "parameters": {"q": n}} for n in range(number)]
        result = await self.bench.run(*tasks, agents=[self.agent()])
        return [task.attempts for task in result.tasks.values()]


@pytest.fixture
def desk(bench: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for module in (
        cache,
        seal,
    ):  # a server that other tests keep busy is slow, and that is not what this is about
        monkeypatch.setattr(module, "_PATIENCE_SECONDS", 60.0)
    desk = Desk(bench, request.node.name)
    bench.actions["count"] = lambda agent, given: AgentResponse(
        success=True, result={desk.test: desk.calls}, metadata={"status": 200}
    )
    return desk


async def test_a_second_run_makes_no_call_and_prefect_shows_it_as_cached(desk: Desk, recorded: Any) -> None:
    first = await desk.run()
    second = await desk.run(outputs={"status": "{{ tasks.a.metadata.status }}"})
    assert first.results == second.results == {"a": {desk.test: 1}}
    assert desk.calls == 1
    assert (first.tasks["a"].attempts, second.tasks["a"].attempts) == (1, 0)
    assert (second.status, second.tasks["a"].status) == ("completed", "completed")
    assert second.outputs == {"status": 200}
    state = (await recorded.task_runs(second, 1))["a"].state
    assert (state.name, state.type.value) == ("Cached", "COMPLETED")
    assert desk.bench.event_types("a") == ["task_started", "task_completed"] * 2
    # What a resume of the second run finds: its own result, and that it has not made the call.
    kept = await state.aresult()
    assert (kept["result"], kept["metadata"], kept["cached"]) == ({desk.test: 1}, {"status": 200}, True)


OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "action": ({"action": "echo"}, {}),
    "parameters": ({"parameters": {"q": 1.0}}, {}),
    "statuses that are answers": ({"accept_status": [404]}, {}),
    "shape of the answer": ({"output_schema": {"type": "object"}}, {}),
    "endpoint": ({}, {"endpoint": "script://elsewhere"}),
    "custom_params": ({}, {"custom_params": {"user_agent": "x"}}),
    "credential": ({}, {"authentication": {"type": "bearer", "token": "{{ secrets.CACHE_TOKEN }}"}}),
    "way to show it": ({}, {"authentication": {"type": "api_key", "key": "{{ secrets.CACHE_TOKEN }}"}}),
}


async def test_another_call_is_another_result(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [({}, {}), *OTHERS.values()]
    agents = [desk.agent(**{"name": str(n), **agent}) for n, (_, agent) in enumerate(changes)]
    tasks = [{**TASK, "name": str(n), "agent_name": str(n), **task} for n, (task, _) in enumerate(changes)]
    attempts = []
    for token in ("first-of-the-tokens", "first-of-the-tokens", "second-of-the-tokens"):
        monkeypatch.setenv("CACHE_TOKEN", token)
        result = await desk.bench.run(*tasks, agents=agents)
        attempts.append([task.attempts for task in result.tasks.values()])
    with_credential = [int("credential" in what or "show" in what) for what in ("", *OTHERS)]
    assert attempts == [[1] * len(tasks), [0] * len(tasks), with_credential]


async def test_names_times_and_retries_do_not_make_another_call(desk: Desk) -> None:
    await desk.run()
    task = {"name": "b", "agent_name": "other", "timeout": 7, "retry_config": {}, "description": "x"}
    result = await desk.run(task, {"name": "other", "timeout": 9}, name="another")
    await desk.run({"parameters": {"q": "{{ inputs.q }}"}}, inputs={"q": {"type": "integer", "default": 1}})
    assert result.results == {"b": {desk.test: 1}}
    assert desk.calls == 1


async def test_equal_tasks_of_one_run_share_a_call_only_where_they_say_so(desk: Desk) -> None:
    plain = {key: value for key, value in TASK.items() if key != "cache"}
    await desk.bench.run(plain, plain | {"name": "b"}, agents=[desk.agent()])
    assert desk.calls == 2
    await desk.bench.run(TASK, TASK | {"name": "b"}, agents=[desk.agent()])
    assert desk.calls == 3


async def test_each_item_of_a_map_is_a_call_of_its_own(desk: Desk, recorded: Any) -> None:
    items = {"for_each": "{{ inputs.of }}", "parameters": {"q": "{{ item }}"}}
    inputs = {"of": {"type": "array"}}
    await desk.run(items, inputs=inputs, given={"of": [1, 2]})
    result = await desk.run(items, inputs=inputs, given={"of": [2, 3]})
    assert result.results == {"a": [{desk.test: 2}, {desk.test: 3}]}
    assert result.tasks["a"].attempts == 1
    task_runs = await recorded.task_runs(result, 2)
    assert {name: run.state.name for name, run in task_runs.items()} == {
        "a[0]": "Cached",
        "a[1]": "Completed",
    }


async def test_a_secret_makes_another_call_and_stands_in_no_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = {"q": "{{ 'on' if secrets.CACHE_KEY else 'off' }}", "key": "{{ secrets.CACHE_KEY }}"}
    desk.bench.actions["count"] = lambda agent, given: [desk.calls, given["key"]]
    for number in (1, 2):
        monkeypatch.setenv("CACHE_KEY", f"canary-of-the-cache-{number}")
        results = [(await desk.run({"parameters": parameters})).results["a"] for _ in "ab"]
        assert results == [[number, "***"]] * 2
    files = [path for path in STORAGE.rglob("*") if path.is_file()]
    assert [path for path in files if b"canary-of-the-cache" in path.read_bytes()] == []
    assert [path for path in files if "canary-of-the-cache" in path.name] == []


async def test_a_reused_result_is_masked_by_the_run_that_reuses_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.bench.actions["count"] = lambda agent, given: "it is plain-to-others"
    await desk.run()
    monkeypatch.setenv("CACHE_PLAIN", "plain-to-others")
    agents = [desk.agent(), desk.agent(name="b", endpoint="script://{{ secrets.CACHE_PLAIN }}")]
    result = await desk.bench.run(TASK, {"name": "b", "agent_name": "b"}, agents=agents)
    assert result.results["a"] == "it is ***"
    assert desk.calls == 2


async def test_after_its_time_the_call_is_made_again(desk: Desk) -> None:
    now = time.time()
    ages = [
        {},
        {"stored_at": now - 3601, "expires_at": now - 1},
        {"expires_at": now - 1},  # by a task that had less time
        {"stored_at": now - 7200, "expires_at": now + 60},  # by a task that had more
        {"stored_at": now + 60},  # by a clock that has been set back since
    ]
    assert await desk.attempts(len(ages)) == [1] * len(ages)
    records = desk.records()
    for number, age in enumerate(ages, start=1):
        path, record = records[number]
        assert record["expires_at"] - record["stored_at"] == pytest.approx(3600)
        path.write_text(json.dumps(record | age))
    assert await desk.attempts(len(ages)) == [0, 1, 1, 1, 1]
    assert await desk.attempts(len(ages)) == [0] * len(ages)


class Trap:
    def __reduce__(self) -> Any:
        return Path.touch, (STORAGE / "touched",)


async def test_what_is_no_record_of_ours_is_not_there(desk: Desk) -> None:
    await desk.attempts(6)
    records = desk.records()
    record = records[1][1]
    assert sorted(record) == ["expires_at", "metadata", "result", "stored_at"]
    no_mapping = json.dumps(record | {"metadata": 7})
    not_plain = json.dumps(record | {"result": float("nan")})
    texts = [b"{", b"\xff", pickle.dumps(Trap()), b"[" * 100_000, no_mapping.encode(), not_plain.encode()]
    for (path, _), text in zip(records.values(), texts, strict=True):
        path.write_bytes(text)
    assert await desk.attempts(6) == [1] * 6
    assert await desk.attempts(6) == [0] * 6
    assert not (STORAGE / "touched").exists()


async def test_without_the_cache_nothing_is_reused_and_nothing_kept(desk: Desk) -> None:
    await desk.run(use=False)
    await desk.run()
    await desk.run(use=False)
    assert desk.calls == 3
    assert list(desk.records()) == [2]


async def test_a_failure_is_not_kept_and_a_retry_that_succeeds_is(desk: Desk) -> None:
    def fails(agent: Any, given: dict[str, Any]) -> AgentResponse:
        if desk.calls < 3:
            return AgentResponse(success=False, error="no", error_class="server_error")
        return AgentResponse(success=True, result="at last")

    desk.bench.actions["count"] = fails
    retries = {"retry_config": {"initial_delay": 0, "max_attempts": 2}}
    results = [await desk.run(task) for task in ({}, retries, {})]
    assert [result.status for result in results] == ["failed", "completed", "completed"]
    assert [result.tasks["a"].attempts for result in results] == [1, 2, 0]


async def test_a_reused_result_is_not_undone_and_one_that_was_undone_is_not_reused(
    desk: Desk,
) -> None:
    desk.bench.actions["fails"] = lambda agent, given: AgentResponse(success=False, error="no")
    tasks = [
        TASK | {"compensate": {"action": "take_back"}, "parameters": {"q": "{{ inputs.q }}"}},
        {"name": "b", "action": "fails", "when": "{{ inputs.bad }}"},
    ]
    inputs = {"q": {"type": "integer"}, "bad": {"type": "boolean"}}
    ends = []
    for q, bad in ((1, False), (1, True), (2, True), (2, True)):
        given = {"q": q, "bad": bad}
        result = await desk.bench.run(*tasks, agents=[desk.agent()], inputs=inputs, given=given)
        ends.append((result.tasks["a"].attempts, [one.status for one in result.compensated]))
    assert ends == [(1, []), (0, []), (1, ["completed"]), (1, ["completed"])]


async def test_what_can_not_be_forgotten_is_undone_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache, "FOLDER", "../outside")  # which a local storage refuses
    desk.bench.actions["fails"] = lambda agent, given: AgentResponse(success=False, error="no")
    tasks = [TASK | {"compensate": {"action": "take_back"}}, {"name": "b", "action": "fails"}]
    with caplog.at_level(logging.WARNING):
        result = await desk.bench.run(*tasks, agents=[desk.agent()])
    assert [one.status for one in result.compensated] == ["completed"]
    assert "a result that is undone is still kept for others: ValueError" in caplog.text


async def test_a_call_that_can_not_be_told_apart_fails_as_it_would(desk: Desk) -> None:
    agent = {"custom_params": {"user_agent": "{{ inputs.x.y }}"}}
    result = await desk.run(agent=agent, inputs={"x": {"type": "object", "default": {}}})
    assert result.tasks["a"].error_class == "template"


CLASS = """
from leadagent_prefect import AgentResponse, BaseAgent

class Mine(BaseAgent):
    async def execute(self, action, parameters):
        return AgentResponse(success=True, result="{}")
"""


async def test_an_edited_class_is_another_agent(
    prefect_api: PrefectApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = [{"name": "mine", "type": "custom", "custom_params": {"class": "cached_agents:Mine"}}]
    workflow = {"name": "w", "agents": agents, "tasks": [TASK | {"agent_name": "mine"}]}
    monkeypatch.syspath_prepend(str(tmp_path))
    results = []
    for text in ("old", "old", "new one"):
        (tmp_path / "cached_agents.py").write_text(CLASS.format(text))
        sys.modules.pop("cached_agents", None)
        result = await LeadAgent().execute_workflow_from_dict(workflow)
        results.append((result.results["a"], result.tasks["a"].attempts))
    sys.modules.pop("cached_agents")
    assert results == [("old", 1), ("old", 0), ("new one", 1)]


async def test_what_a_task_waits_for_counts_where_it_is_sent(prefect_api: PrefectApi, services: Any) -> None:
    """An HTTP request holds its parameters alone; a question without words holds the results before it."""
    key = {"type": "bearer", "token": "not-a-real-key"}
    agents = [
        {"name": "http", "type": "http_api", "endpoint": services.url},
        {"name": "ai", "type": "ai_agent", "endpoint": f"{services.url}/v1", "authentication": key},
    ]
    tasks: list[dict[str, Any]] = [
        {"name": "get", "agent_name": "http", "action": "GET", "parameters": {"endpoint": "/data"}},
        {
            "name": "ask",
            "agent_name": "ai",
            "action": "chat",
            "parameters": {"model": "m", "prompt": "What?"},
        },
        {"name": "combine", "agent_name": "ai", "action": "combine", "parameters": {"model": "m"}},
    ]
    cached = [task | {"depends_on": ["first"], "cache": {"ttl": 60}} for task in tasks]
    first = {"name": "first", "value": "{{ inputs.x }}"}
    workflow = {
        "name": "w",
        "agents": agents,
        "tasks": [first, *cached],
        "inputs": {"x": {"type": "integer"}},
    }
    attempts = []
    for x, timeout in ((1, 5), (1, 6), (2, 7)):
        cached[0]["parameters"]["timeout"] = timeout
        result = await LeadAgent().execute_workflow_from_dict(workflow, {"x": x})
        assert result.errors == {}
        attempts.append([result.tasks[task["name"]].attempts for task in tasks])
    assert attempts == [[1, 1, 1], [0, 0, 0], [0, 0, 1]]


async def test_storage_that_takes_nothing_costs_nothing_but_a_line_in_the_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache, "FOLDER", "../outside")  # which a local storage refuses
    with caplog.at_level(logging.WARNING):
        assert [(await desk.run()).status for _ in "ab"] == ["completed"] * 2
    assert desk.calls == 2
    assert 'the result of task "a" is not kept for others: ValueError' in caplog.text


@pytest.fixture
def here(prefect_api: PrefectApi) -> Iterator[None]:
    with use_api(prefect_api):
        yield


async def test_all_find_one_key_which_the_first_one_makes(
    here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "BLOCK", "leadagent-cache-key-of-a-test")
    signatures = await asyncio.gather(*(seal.Seal().sign("text") for _ in range(3)))
    assert len({*signatures, await seal.Seal().sign("text")}) == 1
    assert await seal.Seal().sign("another text") not in {*signatures, None}


async def test_without_a_key_calls_are_made_as_without_a_cache(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(seal, "BLOCK", "no such name")  # which Prefect refuses
    with caplog.at_level(logging.WARNING):
        result = await desk.bench.run(TASK, TASK | {"name": "b"}, agents=[desk.agent()])
    assert result.status == "completed"
    assert desk.calls == 2
    assert caplog.text.count("results are neither reused nor kept") == 1
