"""What is not taken up again, and what can't be read of an earlier execution."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Failed, Pending

from leadagent_prefect.cli.commands import resume as command
from leadagent_prefect.engine import runner
from leadagent_prefect.engine.control import RunControl
from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.steps import cache
from leadagent_prefect.engine.store import generations, record
from leadagent_prefect.errors import ConfigurationError, InternalError
from leadagent_prefect.runs import resume


def flow_run(**facts: Any) -> FlowRun:
    return FlowRun(id=uuid4(), flow_id=uuid4(), **facts)


class Storage:
    """One that holds the same for every place, and takes nothing."""

    def __init__(self, content: str) -> None:
        self._content = content

    async def read_path(self, place: str) -> bytes:
        return self._content.encode()

    async def write_path(self, place: str, content: bytes) -> None:
        raise OSError("full")


def stored(monkeypatch: pytest.MonkeyPatch, module: Any, content: str) -> None:
    async def storage() -> Storage:
        return Storage(content)

    monkeypatch.setattr(module, "storage", storage)


def test_a_run_that_waits_to_be_started_has_not_ended() -> None:
    run = flow_run(state=Pending())
    with pytest.raises(ConfigurationError, match=f"run {run.id} is pending: it has not ended"):
        resume._refuse_living(run)


async def test_a_part_of_a_run_is_resumed_with_it() -> None:
    with pytest.raises(ConfigurationError, match="is a part of another one, which is to be resumed"):
        await resume._record(flow_run(parent_task_run_id=uuid4()))


async def test_an_interrupted_undoing_is_finished_before_a_task_is_chosen(monkeypatch) -> None:
    async def given(*_: Any) -> Any:
        return SimpleNamespace()

    async def undoing(run_id: str) -> tuple[Any, int]:
        return SimpleNamespace(), 1

    run = flow_run(state=Failed())
    monkeypatch.setattr(resume, "find_run", lambda client, text: given_run())
    monkeypatch.setattr(resume, "_record", given)
    monkeypatch.setattr(resume, "_workflow", lambda *_: None)
    monkeypatch.setattr(resume, "plan_of", lambda _: SimpleNamespace(by_name={"a": 1}))
    monkeypatch.setattr(resume, "read_undoing", undoing)

    async def given_run() -> FlowRun:
        return run

    with pytest.raises(ConfigurationError, match="resume it first without --from"):
        await resume.resumption(None, "x", from_task="a")  # type: ignore[arg-type]  # nobody asks it


@pytest.mark.parametrize("kept", ["{", "[]", json.dumps({"form": 1}), json.dumps({"form": 99})])
async def test_a_record_of_another_form_is_told_of(monkeypatch, kept: str) -> None:
    stored(monkeypatch, record, kept)
    with pytest.raises(ConfigurationError, match="can't be read: leadagent another version wrote it"):
        await record.read_record("r")


async def test_what_a_step_has_left_need_not_be_there_nor_be_kept(monkeypatch, caplog) -> None:
    stored(monkeypatch, generations, "{}")
    call: Any = SimpleNamespace(
        name="a", path=(), levels=(("a",),), generations=(0,), round=None, step=SimpleNamespace(kind="call")
    )
    found = generations.Generations("r", is_again=True)
    assert await found.left(call) is None
    await found.note(call, Outcome("failed", error="no", error_class="timeout"))
    assert 'what became of task "a" is not kept: OSError' in caplog.text


async def test_what_a_call_has_kept_itself_is_not_answered_to_it(monkeypatch) -> None:
    kept = {"stored_at": 0, "expires_at": 9e12, "result": 1, "metadata": {}, "by": "me"}
    monkeypatch.setattr(cache, "_storage", lambda: Storage(json.dumps(kept)))
    task = SimpleNamespace(cache=SimpleNamespace(ttl=9e12))
    call: Any = SimpleNamespace(step=SimpleNamespace(task=task), idempotency_key="me")
    assert await cache._read(call, "place") is None


async def test_what_a_state_refers_to_is_not_read(monkeypatch, prefect_api) -> None:
    from prefect._internal.result_records import ResultRecordMetadata

    from leadagent_prefect.embedded import use_api
    from leadagent_prefect.loader import load
    from leadagent_prefect.plan import plan_of

    state = Failed(message="refused")
    state.data = ResultRecordMetadata(storage_key="kept")

    async def executed(*_: Any) -> Any:
        return state

    monkeypatch.setattr(runner, "_execute", executed)
    plan = plan_of(load({"name": "w", "tasks": [{"name": "a", "value": 1}]}))
    with use_api(prefect_api), pytest.raises(InternalError, match="could not be taken up: refused"):
        await runner._run(plan, {}, RunControl(), prefect_api)


def test_what_is_left_to_undo_is_told_before_it_is_done(capsys) -> None:
    found: Any = SimpleNamespace(
        undoes=True, plan=SimpleNamespace(name="w"), run=SimpleNamespace(id="the-run")
    )
    assert command._tell(found, as_json=False) == 0
    assert capsys.readouterr().out == (
        "w, run the-run\n"
        "  finishes its end: undoing, on_failure and finally; only the next resume goes forward\n"
    )
