"""Whether the process of a run lives."""

from __future__ import annotations

import asyncio
import os
import subprocess
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelling, Completed, Running

from leadagent_prefect.engine.process.liveness import Process, is_dead, labels_of_this_process
from leadagent_prefect.engine.process.stop import StopToken

NOW = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)


def run(state: State[Any] | None, *, seconds: float = 0.0, count: int = 1, **labels: Any) -> FlowRun:
    """A run that was last seen ``seconds`` before `NOW`."""
    seen = NOW - timedelta(seconds=seconds)
    named = {f"leadagent.{name}": value for name, value in labels.items()}
    return FlowRun(
        flow_id=uuid4(),
        state=state,
        run_count=count,
        labels=named,
        created=seen,
        updated=seen,
        start_time=seen,
    )


def here(**changes: Any) -> dict[str, Any]:
    return {
        name.removeprefix("leadagent."): value for name, value in labels_of_this_process().items()
    } | changes


def gone() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("state", [Running(), Cancelling()])
def test_a_run_whose_process_lives_is_never_dead(state):
    assert not is_dead(run(state, seconds=3600, **here()), NOW)


@pytest.mark.parametrize("changes", [{"pid": gone()}, {"process_start": "1"}])
def test_a_run_whose_process_is_gone_is_dead_at_once(changes):
    assert is_dead(run(Running(), **here(**changes)), NOW)


@pytest.mark.parametrize("state", [Completed(), None])
def test_a_run_that_does_not_go_on_is_not_dead(state):
    assert not is_dead(run(state, seconds=3600, **here(pid=gone())), NOW)


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"pid": "none"},
        here(host="elsewhere"),
        here(boot="another"),
        here(boot="", process_start=""),
        here(pid=gone(), execution=1),
    ],
)
def test_from_elsewhere_missing_beats_tell_that_a_run_is_dead(labels):
    labels.pop("beat", None)
    assert not is_dead(run(Running(), seconds=89, count=2, **labels), NOW)
    assert is_dead(run(Running(), seconds=91, count=2, **labels), NOW)


def test_a_beat_is_a_sign_of_life():
    beat = (NOW - timedelta(seconds=30)).isoformat()
    assert not is_dead(run(Running(), seconds=500, host="elsewhere", beat=beat), NOW)


def test_a_run_without_any_time_is_dead():
    assert is_dead(FlowRun(flow_id=uuid4(), state=Running(), created=None, updated=None))


def test_the_process_is_named_as_the_system_names_it():
    process = Process.current()
    assert process.pid == os.getpid()
    assert process.is_here
    assert process.lives


async def test_what_a_signal_has_told_of_is_no_second_request_when_an_event_tells_of_it():
    token = StopToken()
    token.bind()
    token.request("cancelled", "signal")
    token.request("cancelled", "event", source="Prefect")
    await asyncio.sleep(0)
    assert token.asked.is_set()
    assert not token.insisted.is_set()
    token.request("cancelled", "event", source="Prefect")
    await asyncio.sleep(0)
    assert token.insisted.is_set()
    assert token.stop.reason == "signal"
