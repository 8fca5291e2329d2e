"""A run that is executed again: what it has is kept, what failed or was undone is called once more."""

from __future__ import annotations

import base64
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect import AgentResponse
from leadagent_prefect.engine.control import RunControl, current_control
from leadagent_prefect.loader import load
from leadagent_prefect.plan import plan_of

UNDO = {"action": "undo", "parameters": {"was": "{{ result }}"}}


def no(error_class: str) -> Callable[[Any, Any], AgentResponse]:
    return lambda agent, given: AgentResponse(success=False, error="no", error_class=error_class)


class Killed(BaseException):
    """In place of a process that is killed: nothing of the run gets to say anything."""


class Again:
    """Executes the same flow run as often as it is asked to."""

    def __init__(self, bench: Any, recorded: Any) -> None:
        self.bench, self.recorded = bench, recorded
        self.run_id: str | None = None

    async def __call__(self, *tasks: Any, given: Any = None, how: Any = None, **settings: Any) -> Any:
        from prefect.flow_engine import run_flow

        from leadagent_prefect.engine.flow import build_flow

        self.bench.calls.clear()
        plan = plan_of(load(self.bench.workflow(*tasks, **settings)))
        control = RunControl(notify=self.bench.events.append, **(how or {}))
        token = current_control.set(control)
        flow_run = await self.recorded.client.read_flow_run(self.run_id) if self.run_id else None
        try:
            state = await run_flow(
                build_flow(plan), flow_run=flow_run, parameters=given or {}, return_type="state"
            )
        finally:
            current_control.reset(token)
            self.run_id = self.run_id or next(event.run_id for event in self.bench.events)
        return control.result or state

    @property
    def called(self) -> list[str]:
        return [made.call.task for made in self.bench.calls]

    @property
    def keys(self) -> dict[str, str]:
        return {made.call.task: made.call.idempotency_key for made in self.bench.calls}

    def kept(self, name: str = "") -> Path:
        """A file of the run's in the result storage."""
        return Path(os.environ["PREFECT_HOME"], "storage", "leadagent-runs", f"{self.run_id}{name}")


@pytest.fixture
def again(bench: Any, recorded: Any) -> Again:
    bench.actions.update(undo=lambda agent, given: "undone", fail=no("tool_error"))
    return Again(bench, recorded)


async def test_what_completed_is_not_called_again_and_what_failed_is(bench: Any, again: Again) -> None:
    tasks = (
        {"name": "a", "parameters": {"at": "{{ run.started_at }}"}},
        {"name": "v", "value": "{{ run.name }}"},
        {"name": "b", "action": "sometimes", "depends_on": ["a"]},
        {"name": "c", "depends_on": ["b"]},
    )
    bench.actions["sometimes"] = no("tool_error")
    first = await again(*tasks)
    assert (first.status, again.called) == ("failed", ["a", "b"])
    bench.actions["sometimes"] = lambda agent, given: 1
    second = await again(*tasks)
    assert (second.status, again.called) == ("completed", ["b", "c"])
    assert second.flow_run_id == first.flow_run_id
    assert second.results["a"] == first.results["a"]
    assert [second.tasks[name].attempts for name in "avbc"] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("error_class", "same"),
    [("server_error", False), ("tool_error", False), ("timeout", True), ("connection", True)],
)
async def test_the_key_is_the_same_while_no_answer_is_known_and_another_one_after_a_failure(
    again: Again, bench: Any, error_class: str, same: bool
) -> None:
    tasks = {"name": "a", "action": "act"}, {"name": "m", "action": "act", "for_each": [1, 2]}
    bench.actions["act"] = no(error_class)
    settings = {"failure_strategy": "continue_on_failure", "parallel_execution": True}
    await again(*tasks, **settings)
    before = again.keys
    bench.actions["act"] = lambda agent, given: "done"
    second = await again(*tasks, **settings)
    assert second.status == "completed"
    assert {name: key == before[name] for name, key in again.keys.items() if name in before} == dict.fromkeys(
        before, same
    )
    assert len({*before.values(), *again.keys.values()}) == (3 if same else 6) - ("m[1]" not in before)
    await again(*tasks, **settings)
    assert again.called == []


async def test_what_was_undone_is_called_again_under_another_key(again: Again, bench: Any) -> None:
    bench.actions["count"] = lambda agent, given: len(seen)
    seen: list[str] = []
    tasks = (
        {"name": "a", "action": "count", "compensate": UNDO},
        {"name": "m", "action": "count", "for_each": ["x"], "key": "{{ item }}", "compensate": UNDO},
        {"name": "plain"},
        {"name": "z", "action": "fail", "depends_on": ["a", "m", "plain"]},
    )
    keys = []
    for expected in (["a", "m[x]", "plain"], ["a", "m[x]"], ["a", "m[x]"]):
        result = await again(*tasks)
        assert again.called == [*expected, "z", "undo:m[x]", "undo:a"]
        assert [(one.task, one.status) for one in result.compensated] == [
            ("m", "completed"),
            ("a", "completed"),
        ]
        keys += again.keys.values()
        seen.append("once more")
    assert len(set(keys)) == 6 + 5 + 5
    bench.actions["fail"] = lambda agent, given: "well"
    assert (await again(*tasks)).results == {"a": 3, "m": [3], "plain": {"echo": {}}, "z": "well"}
    assert again.called == ["a", "m[x]", "z"]


async def test_an_interrupted_compensation_is_finished_first_and_only_the_next_execution_goes_forward(
    again: Again, bench: Any
) -> None:
    item = {"action": "book", "parameters": {"n": "{{ item }}"}, "compensate": UNDO}
    tasks = (
        {"name": "a", "compensate": UNDO},
        {"name": "m", "for_each": [1, 2, 3, 4], **item},
        {"name": "late", "depends_on": ["m"], "action": "fail"},
        {"name": "why", "parameters": {"e": "{{ tasks.m.error }}"}, "trigger_rule": "one_failed"}
        | {"compensate": {"action": "die"}},
        {"name": "last", "depends_on": ["why"], "compensate": UNDO},
    )
    bench.actions["book"] = lambda agent, given: no("tool_error")(0, 0) if given["n"] == 2 else given["n"]
    bench.actions["die"] = die
    settings = {"failure_strategy": "continue_on_failure", "parallel_execution": True}
    with pytest.raises(Killed):
        await again(*tasks, **settings)
    assert again.called[-2:] == ["undo:last", "undo:why"]
    done = [name for name in again.called if name.startswith("m[")]
    bench.actions["die"] = bench.actions["undo"]
    finished = await again(*tasks, **settings, how={"from_task": None})
    assert finished.status == "failed"
    assert again.called[0] == "undo:why"
    assert set(again.called[1:]) == {f"undo:{name}" for name in done if name != "m[1]"} | {"undo:a"}
    assert {one.status for one in finished.compensated} == {"completed"}
    assert len(finished.compensated) == len(done) - 1 + 3
    assert finished.tasks["late"].error == 'task "m", which it depends on, failed'
    assert (finished.failed_tasks, finished.tasks["m"].items.failed) == (1, 1)
    bench.actions["book"] = lambda agent, given: given["n"]
    bench.actions["fail"] = lambda agent, given: 1
    whole = await again(*tasks, **settings)
    assert whole.status == "completed"
    assert set(again.called) == {"a", "late", "m[0]", "m[1]", "m[2]", "m[3]"}


def die(agent: Any, given: Any) -> None:
    raise Killed


async def test_a_task_and_all_that_depend_on_it_run_again_where_it_is_asked_for(
    again: Again, bench: Any
) -> None:
    tasks = (
        {"name": "a"},
        {"name": "m", "for_each": [1, 2], "depends_on": ["a"]},
        {"name": "b", "value": "{{ tasks.m.result }}"},
        {"name": "c", "parameters": {"b": "{{ tasks.b.result }}"}},
        {"name": "other"},
        {"name": "z", "action": "fail", "depends_on": ["c", "other"]},
    )
    await again(*tasks)
    before = again.keys
    await again(*tasks, how={"from_task": "m"})
    assert again.called == ["m[0]", "m[1]", "c", "z"]
    assert not set(again.keys.values()) & set(before.values())
    await again(*tasks)
    assert again.called == ["z"]


async def test_a_changed_workflow_is_refused_unless_its_changes_are_wanted(again: Again, bench: Any) -> None:
    a, z = {"name": "a"}, {"name": "z", "action": "fail", "depends_on": ["a"]}
    await again(a, z)
    state = await again(a, z, {"name": "more", "value": 1})
    assert (state.name, again.called) == ("Failed", [])
    assert "the workflow was changed after this run had begun" in state.message
    assert f"`leadagent resume {again.run_id}`" in state.message
    first = json.loads(again.kept(".json").read_text())
    changed = await again(
        a, z | {"action": "echo"}, {"name": "more", "value": 1}, how={"takes_changes": True}
    )
    assert (changed.status, again.called) == ("completed", ["z"])
    second = json.loads(again.kept(".json").read_text())
    assert second["source"]["text"] != first["source"]["text"]
    assert {**second, "source": 0, "digest": 0} == {**first, "source": 0, "digest": 0}


class Bomb:
    """Runs a command as soon as it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def result_of(file: Path) -> str:
    try:
        return str(json.loads(file.read_text()).get("result", ""))
    except (OSError, ValueError):
        return ""


def newest(storage: Path, text: str) -> Path:
    """The newest record of a step with this in it."""
    # Others write there too meanwhile: what is half written is not of this run.
    found = [file for file in storage.iterdir() if file.is_file() and text in result_of(file)]
    return max(found, key=lambda file: file.stat().st_mtime)


async def test_a_record_that_is_not_plain_json_is_never_loaded(
    again: Again, bench: Any, tmp_path: Path
) -> None:
    tasks = {"name": "a"}, {"name": "z", "action": "fail", "depends_on": ["a"]}
    await again(*tasks)
    record = newest(again.kept().parents[1], '"result": {"echo": {}}')
    hole = tmp_path / "hole"
    bomb = base64.encodebytes(pickle.dumps(Bomb(f"touch {hole}"))).decode()
    revived = json.dumps({"__class__": "os.system", "data": f"touch {hole}"})
    for serializer, result in (
        ({"type": "pickle"}, bomb),
        ({"type": "json", "jsonlib": "json"}, revived),
        ({"type": "json", "object_encoder": None, "object_decoder": "os.system"}, revived),
    ):
        written = json.loads(record.read_text())
        written["metadata"]["serializer"] = serializer
        record.write_text(json.dumps({**written, "result": result}))
        result = await again(*tasks)
        assert (again.called, result.results) == (["a", "z"], {"a": {"echo": {}}})
        assert not hole.exists()
