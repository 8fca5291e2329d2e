"""``on_failure`` and ``finally`` run when all else has ended, see how it ended, and change nothing of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import bodied
import pytest

from leadagent_prefect import AgentResponse
from leadagent_prefect.engine.control import RunControl, current_control
from leadagent_prefect.engine.flow import build_flow
from leadagent_prefect.engine.runner import run_in_thread
from leadagent_prefect.loader import load
from leadagent_prefect.plan import Plan, plan_of

NO = AgentResponse(success=False, error="no", error_class="tool_error")
SEEN = "{{ run.status }}, {{ run.error }}, {{ run.failed_tasks }}"
TELL = {"name": "tell", "value": SEEN}
CLEAN = {"name": "clean", "value": SEEN}


async def hang(agent: Any, given: Any) -> None:
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def actions(bench: Any) -> None:
    bench.actions.update(fail=lambda agent, given: NO, hang=hang, undo=lambda agent, given: "undone")


def planned(bench: Any, *tasks: Any, **settings: Any) -> Plan:
    """Tasks of all lists have the agent "probe", where they say nothing of their kind."""
    for name in {"on_failure", "finally"} & settings.keys():
        settings[name] = bench.workflow(*settings[name])["tasks"]
    return plan_of(load(bench.workflow(*tasks, **settings)))


def start(bench: Any, *tasks: Any, control: RunControl | None = None, **settings: Any) -> Any:
    control = control or RunControl()
    control.notify = bench.events.append
    plan = planned(bench, *tasks, **settings)
    return asyncio.wrap_future(run_in_thread(plan, {}, control, bench.api, lambda: None))


async def test_a_failed_run_undoes_and_then_runs_both(bench: Any, recorded: Any) -> None:
    undo = {"action": "undo"}
    result = await start(
        bench,
        {"name": "a", "compensate": undo},
        {"name": "b", "action": "fail", "continue_on_failure": True},
        {"name": "c", "action": "fail", "depends_on": ["a", "b"]},
        on_failure=[TELL, {"name": "read", "value": "{{ tasks.a.result.echo }} {{ tasks.c.error }}"}],
        **{"finally": [CLEAN, {"name": "call", "parameters": {"told": "{{ tasks.clean.status }}"}}]},
    )
    message = "1/3 tasks completed; failed: c; undone: 1/1"
    seen = f'failed, {message}, ["b","c"]'
    assert result.status == "failed"
    assert {name: result.results[name] for name in ("tell", "read", "clean")} == {
        "tell": seen,
        "read": "{} no",
        "clean": seen,
    }
    assert result.results["call"] == {"echo": {"told": "completed"}}
    assert list(result.tasks) == ["a", "b", "c", "tell", "read", "clean", "call"]
    counts = result.total_tasks, result.completed_tasks, result.failed_tasks, result.skipped_tasks
    assert (counts, result.errors) == ((3, 1, 2, 0), {"b": "no", "c": "no"})
    assert [made.call.task for made in bench.calls] == ["a", "b", "c", "undo:a", "call"]
    assert bench.log == ["open probe", "close probe"]
    assert set(await recorded.task_runs(result, 8)) == {*result.tasks, "undo:a"}
    assert (await recorded.flow_run(result)).state.message == message
    assert bench.event_types("call") == ["task_started", "task_completed"]
    assert bench.events[-1].type == "workflow_finished"


async def test_a_completed_run_runs_finally_alone(bench: Any) -> None:
    result = await start(bench, {"name": "a"}, on_failure=[TELL], **{"finally": [CLEAN]})
    assert result.status == "completed"
    assert result.results["clean"] == "completed, , []"
    assert list(result.tasks) == ["a", "clean"]
    assert (result.total_tasks, result.completed_tasks) == (1, 1)


async def test_partly_is_completed(bench: Any) -> None:
    partly = "partial_completion_allowed"
    result = await start(
        bench,
        {"name": "a"},
        {"name": "b", "action": "fail"},
        failure_strategy=partly,
        on_failure=[TELL],
        **{"finally": [CLEAN]},
    )
    assert result.results["clean"] == 'completed, , ["b"]'
    assert list(result.tasks) == ["a", "b", "clean"]


async def test_what_fails_at_the_end_is_told_and_changes_nothing(bench: Any, recorded: Any) -> None:
    retries = {"max_attempts": 2, "initial_delay": 0, "retry_on": ["any"]}
    result = await start(
        bench,
        {"name": "a"},
        **{
            "finally": [
                {"name": "x", "action": "fail", "retry_config": retries},
                {"name": "y", "depends_on": ["x"]},
                {"name": "z", "for_each": [1, 2], "value": "{{ item / (item - 1) }}"},
                {"name": "late", "action": "hang", "timeout": "50ms"},
                CLEAN,
            ]
        },
    )
    assert (result.status, result.total_tasks, result.failed_tasks) == ("completed", 1, 0)
    assert result.results["clean"] == "completed, , []"
    assert set(result.errors) == {"x", "z", "z[0]", "late"}
    statuses = {name: (row.status, row.attempts) for name, row in result.tasks.items()}
    assert (statuses["x"], statuses["y"]) == (("failed", 2), ("skipped", 0))
    state = (await recorded.flow_run(result)).state
    assert (state.name, state.message) == ("Completed", "1/1 tasks completed; finally failed: x, z, late")


async def test_both_may_fail_of_a_run_that_failed(bench: Any, recorded: Any) -> None:
    bad = [{"name": "x", "fail": "told nobody"}, {"name": "late"}]
    result = await start(
        bench, {"name": "a", "action": "fail"}, on_failure=bad, **{"finally": [{"name": "y", "fail": "dirt"}]}
    )
    assert result.errors == {"a": "no", "x": "told nobody", "y": "dirt"}
    assert result.tasks["late"].status == "skipped"  # `fail` ends its group
    assert (await recorded.flow_run(result)).state.message == (
        "0/1 tasks completed; failed: a; on_failure failed: x; finally failed: y"
    )


@pytest.mark.parametrize(
    ("tasks", "settings", "seen"),
    [
        (
            [{"name": "end", "finish": "enough"}, {"name": "b"}],
            {},
            {"clean": "completed, , []"},
        ),
        (
            [{"name": "a"}],
            {"outputs": {"x": "{{ tasks.a.result.nothing }}"}},
            {"tell": "failed, 1/1 tasks completed; outputs can't be rendered: "},
        ),
        (
            [{"name": "a", "action": "hang"}, {"name": "b"}],
            {"global_timeout": 0.2},
            {
                "tell": "failed, the run took longer than its global_timeout of 0.2 s; 0/2 tasks",
                "clean": "failed, the run took longer than its global_timeout of 0.2 s; 0/2 tasks",
            },
        ),
    ],
)
async def test_however_a_run_ends_they_run(bench: Any, tasks: Any, settings: Any, seen: Any) -> None:
    result = await start(bench, *tasks, on_failure=[TELL], **{"finally": [CLEAN]}, **settings)
    assert result.status == next(iter(seen.values())).partition(",")[0]
    for name, text in seen.items():
        assert result.results[name].startswith(text)
    assert ("tell" in result.tasks) == ("tell" in seen or result.status == "failed")


async def test_the_global_timeout_does_not_bound_them(bench: Any) -> None:
    slow = {"name": "slow", "wait": "300ms"}
    result = await start(bench, {"name": "a"}, global_timeout=0.25, **{"finally": [slow]})
    assert (result.status, result.tasks["slow"].status) == ("completed", "completed")


async def test_a_cancelled_run_runs_finally_alone(bench: Any, recorded: Any) -> None:
    control = RunControl()
    future = start(
        bench,
        {"name": "a", "action": "hang"},
        control=control,
        on_failure=[TELL],
        **{"finally": [CLEAN, {"name": "call"}]},
    )
    await bench.saw("task_started", "a")
    control.token.request("cancelled", "enough")
    result = await future
    assert result.status == "cancelled"
    assert result.results["clean"] == "cancelled, enough; 0/1 tasks completed, []"
    assert [made.call.task for made in bench.calls] == ["a", "call"]
    assert list(result.tasks) == ["a", "clean", "call"]
    assert (await recorded.flow_run(result)).state.type.value == "CANCELLED"


async def test_cancelling_once_more_ends_them(bench: Any) -> None:
    control = RunControl()
    future = start(
        bench,
        {"name": "a", "action": "hang"},
        control=control,
        **{"finally": [{"name": "x", "action": "hang"}, {"name": "y"}]},
    )
    await bench.saw("task_started", "a")
    assert not control.is_undoing
    control.token.request("cancelled", "enough")
    await bench.saw("task_started", "x")
    assert control.is_undoing
    control.token.request("cancelled", "enough!")
    result = await future
    assert not control.is_undoing
    again = "the run was cancelled once more"
    found = {name: (row.status, row.error) for name, row in result.tasks.items()}
    assert found == {
        "a": ("cancelled", "enough"),
        "x": ("cancelled", again),
        "y": ("skipped", again),
    }
    assert (result.status, result.errors) == ("cancelled", {})


async def test_undoing_and_finally_share_the_time_of_a_cancelled_run(bench: Any) -> None:
    """The undoing takes all of it, and nothing is left for what comes last."""
    control = RunControl(undo_seconds=0.3)
    future = start(
        bench,
        {"name": "a", "compensate": {"action": "hang"}},
        {"name": "b", "action": "hang"},
        control=control,
        **{"finally": [{"name": "x", "action": "hang"}]},
    )
    await bench.saw("task_started", "b")
    control.token.request("cancelled", "enough")
    result = await future
    over = "a cancelled run has at most 0.3 s to undo and clean up"
    assert [one.status for one in result.compensated] == ["unknown"]
    assert (result.tasks["x"].status, result.tasks["x"].error) in [("skipped", over), ("cancelled", over)]
    assert [made.call.task for made in bench.calls if made.call.task == "x"] == []


async def test_a_run_that_is_cancelled_when_it_has_ended_has_the_same_time_and_keeps_its_status(
    bench: Any,
) -> None:
    control = RunControl(undo_seconds=0.05)
    future = start(bench, {"name": "a"}, control=control, **{"finally": [{"name": "x", "action": "hang"}]})
    await bench.saw("task_started", "x")
    control.token.request("cancelled", "enough")
    result = await future
    assert (result.status, result.tasks["x"].status) == ("completed", "cancelled")


async def test_what_only_they_need_is_there_from_the_start(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_KEY", "key-of-the-hook")
    agents = [
        {"name": name, "type": "script", "endpoint": f"script://{name}"} for name in ("probe", "messenger")
    ]
    call = {"name": "tell", "agent_name": "messenger", "parameters": {"key": "{{ secrets.HOOK_KEY }}"}}
    settings = {"finally": [call], "agents": agents}
    result = await start(bench, {"name": "a"}, **settings)
    assert bench.calls[-1].parameters == {"key": "key-of-the-hook"}
    assert result.results["tell"] == {"echo": {"key": "***"}}
    monkeypatch.delenv("HOOK_KEY")
    bench.calls.clear()
    with pytest.raises(Exception, match='secret "HOOK_KEY" is missing'):
        await start(bench, {"name": "a"}, on_failure=[call], agents=agents)
    assert bench.calls == []


class Executions:
    """One flow run that is executed again and again."""

    def __init__(self, bench: Any, recorded: Any, plan: Plan) -> None:
        self._bench, self._client, self._flow = bench, recorded.client, build_flow(plan)
        self._run: Any = None
        self.result: Any = None

    async def next(self, *, until: str | None = None) -> list[str]:
        """The tasks that were called; once ``until`` has started, the execution is torn down."""
        from prefect.flow_engine import run_flow

        self._bench.calls.clear()
        self._bench.events.clear()
        if self._run is None:
            self._run = await self._client.create_flow_run(self._flow)
        self._run = await self._client.read_flow_run(self._run.id)
        control = RunControl(notify=self._bench.events.append)
        token = current_control.set(control)
        running = asyncio.ensure_future(
            run_flow(self._flow, flow_run=self._run, parameters={}, return_type="state")
        )
        current_control.reset(token)
        if until is not None:
            await self._bench.saw("task_started", until)
            running.cancel()
        await asyncio.wait({running})
        self.result = control.result
        return [made.call.task for made in self._bench.calls]


async def test_a_run_that_comes_to_its_end_again_runs_them_again(bench: Any, recorded: Any) -> None:
    plan = planned(
        bench,
        {"name": "a"},
        {"name": "b", "action": "fail"},
        on_failure=[{"name": "x"}],
        **{"finally": [{"name": "y"}]},
    )
    runs = Executions(bench, recorded, plan)
    assert await runs.next() == ["a", "b", "x", "y"]
    keys = [made.call.idempotency_key for made in bench.calls]
    assert await runs.next() == ["b", "x", "y"]
    again = [made.call.idempotency_key for made in bench.calls]
    assert len({*keys, *again}) == 7  # all three are other calls now
    bench.actions["fail"] = lambda agent, given: "well"
    assert await runs.next() == ["b", "y"]


async def test_a_run_that_ends_once_more_runs_them_again_though_nothing_was_left_to_do(
    bench: Any, recorded: Any
) -> None:
    outputs = {"x": "{{ tasks.a.result.nothing }}"}
    runs = Executions(
        bench, recorded, planned(bench, {"name": "a"}, outputs=outputs, on_failure=[{"name": "x"}])
    )
    assert await runs.next() == ["a", "x"]
    assert await runs.next() == ["x"]


async def test_what_had_completed_when_a_run_was_interrupted_at_its_end_is_not_done_again(
    bench: Any, recorded: Any
) -> None:
    settings: Any = {"finally": [{"name": "x"}, {"name": "y", "action": "hang"}, {"name": "z"}]}
    runs = Executions(bench, recorded, planned(bench, {"name": "a"}, **settings))
    assert await runs.next(until="y") == ["a", "x", "y"]
    bench.actions["hang"] = lambda agent, given: "well"
    assert await runs.next() == ["y", "z"]


@pytest.mark.parametrize("strategy", ["stop_on_first_failure", "partial_completion_allowed"])
async def test_a_run_that_was_interrupted_at_its_end_goes_on_there_and_never_forward(
    bench: Any, recorded: Any, strategy: str
) -> None:
    hooks = [{"name": "x"}, {"name": "y", "action": "hang"}, {"name": "z"}]
    settings: Any = {"finally": hooks, "failure_strategy": strategy, "on_failure": [{"name": "w"}]}
    settings["outputs"] = {"a": "{{ tasks.a.result }}"}
    tasks = {"name": "a", "compensate": {"action": "undo"}}, {"name": "b", "action": "fail"}
    runs = Executions(bench, recorded, planned(bench, *tasks, **settings))
    partly = strategy == "partial_completion_allowed"
    assert await runs.next(until="y") == ["a", "b", *([] if partly else ["undo:a", "w"]), "x", "y"]
    bench.actions["hang"] = lambda agent, given: "well"
    assert await runs.next() == ["y", "z"]
    assert runs.result.outputs == ({"a": {"echo": {}}} if partly else None)
    assert {name: row.status for name, row in runs.result.tasks.items()}.items() >= {
        ("a", "completed"),
        ("b", "failed"),
        ("y", "completed"),
    }
    bench.actions["fail"] = lambda agent, given: "well"
    # One that has completed, in part, is not executed again.
    assert await runs.next() == ([] if partly else ["a", "b", "x", "y", "z"])


async def test_a_run_that_was_interrupted_when_all_was_done_does_nothing_again(
    bench: Any, recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(bench, {"name": "a"}, {"name": "b", "action": "fail"}, **{"finally": [{"name": "x"}]})
    runs = Executions(bench, recorded, plan)
    with monkeypatch.context() as patch:
        patch.setattr("leadagent_prefect.engine.ending.end_undoing", nothing)
        assert await runs.next() == ["a", "b", "x"]
    assert await runs.next() == []
    assert await runs.next() == ["b", "x"]


async def nothing(run: Any) -> None:
    """In place of what a process that is killed does not come to."""


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (b'{"number"', "that the run has come to its end is not kept: OSError"),
        ((b'{"found"', b'{"count"'), "what the run has come to is not kept: OSError"),
    ],
)
async def test_a_storage_that_keeps_nothing_keeps_nobody_from_running_them(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kept: Any, said: str
) -> None:
    from leadagent_prefect.engine.store.private import PrivateFiles

    write = PrivateFiles.write_path

    async def refuse(self: Any, path: str, content: bytes) -> Any:
        if content.startswith(kept):
            raise OSError("no space left")
        return await write(self, path, content)

    monkeypatch.setattr(PrivateFiles, "write_path", refuse)
    with caplog.at_level(logging.WARNING, "leadagent_prefect.engine"):
        result = await start(bench, {"name": "a"}, **{"finally": [CLEAN]})
    assert result.results["clean"] == "completed, , []"
    assert caplog.messages == [said] * 2


async def test_tasks_at_the_end_may_have_tasks_in_them(bench: Any) -> None:
    inner = [
        {"name": "x", "agent_name": "probe", "action": "echo"},
        {"name": "v", "value": "{{ run.status }}"},
    ]
    each = {"name": "each", "for_each": [1, 2], "tasks": inner, "outputs": {"saw": "{{ tasks.v.result }}"}}
    result = await start(bench, {"name": "a"}, **{"finally": [each]})
    assert result.results["each"] == [{"saw": "completed"}, {"saw": "completed"}]
    assert [made.call.task for made in bench.calls] == ["a", "each[0].x", "each[1].x"]
    assert len({made.call.idempotency_key for made in bench.calls}) == 3


async def test_a_sub_workflow_has_an_end_of_its_own(bench: Any, recorded: Any) -> None:
    """Entered again because its task may have to be undone, it has not ended once more."""
    part = bodied.planned(
        bench,
        {"name": "x", "compensate": {"action": "undo"}},
        name="part",
        **{"finally": [bodied.filled({"name": "c", "parameters": {"was": "{{ run.status }}"}})]},
    )
    plan = bodied.planned(
        bench,
        {"name": "sub", "workflow": "part"},
        {"name": "b", "action": "hang", "agent_name": "probe"},
        {"name": "d"},
        parts={"part": part},
        **{"finally": [bodied.filled({"name": "e"})]},
    )
    runs = Executions(bench, recorded, plan)
    assert await runs.next(until="b") == ["x", "c", "b"]
    assert bench.calls[1].parameters == {"was": "completed"}
    bench.actions["hang"] = lambda agent, given: "well"
    assert await runs.next() == ["b", "d", "e"]


async def test_a_sub_workflow_that_is_tried_again_comes_to_another_end(bench: Any, recorded: Any) -> None:
    part = bodied.planned(
        bench,
        {"name": "x", "action": "fail", "agent_name": "probe"},
        on_failure=[bodied.filled({"name": "c"})],
    )
    sub = {"name": "sub", "workflow": "part", "retry_config": {**bodied.AT_ONCE, "max_attempts": 2}}
    sub["retry_config"]["retry_on"] = ["any"]
    runs = Executions(bench, recorded, bodied.planned(bench, sub, parts={"part": part}))
    assert await runs.next() == ["x", "c", "x", "c"]
    assert len({made.call.idempotency_key for made in bench.calls if made.call.task == "c"}) == 2
