"""Delivery of events: order, both forms, observers that raise or hang."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from leadagent_prefect.observe import dispatch
from leadagent_prefect.observe.dispatch import Dispatcher, Observer
from leadagent_prefect.observe.events import Event

ONE = Event("task_started", "r", "w", "one")
TWO = Event("task_completed", "r", "w", "two")


def test_every_observer_sees_every_event_in_order() -> None:
    plain: list[Event] = []
    updates: list[tuple[Any, str, Event]] = []

    class Monitor(Observer):
        def update(self, subject: Any, event_type: str, data: Event) -> None:
            updates.append((subject, event_type, data))

    dispatcher = Dispatcher([plain.append, Monitor(), Observer()], subject="the agent")
    dispatcher(ONE)
    dispatcher(TWO)
    dispatcher.close()
    assert plain == [ONE, TWO]
    assert updates == [("the agent", "task_started", ONE), ("the agent", "task_completed", TWO)]


def test_an_observer_that_raises_sees_the_next_event_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    def fragile(event: Event) -> None:
        seen.append(event.name)
        raise ValueError("no")

    with caplog.at_level(logging.WARNING):
        dispatcher = Dispatcher([fragile])
        dispatcher(ONE)
        dispatcher(TWO)
        dispatcher.close()
    assert seen == ["one", "two"]
    assert "observer fragile failed on task_started" in caplog.text


def test_an_observer_that_hangs_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "DRAIN_SECONDS", 0.05)
    release = threading.Event()
    with caplog.at_level(logging.WARNING):
        dispatcher = Dispatcher([lambda event: release.wait()])
        dispatcher(ONE)
        dispatcher.close()
    release.set()
    assert "hangs and is left behind" in caplog.text


def test_an_async_observer_without_a_loop_gets_one_of_its_own() -> None:
    seen: list[Event] = []

    async def record(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    dispatcher = Dispatcher([record])
    dispatcher(ONE)
    dispatcher.close()
    assert seen == [ONE]


async def test_an_async_observer_runs_on_the_callers_loop() -> None:
    loops: list[Any] = []

    async def record(event: Event) -> None:
        loops.append(asyncio.get_running_loop())

    dispatcher = Dispatcher([record], loop=asyncio.get_running_loop())
    dispatcher(ONE)
    await asyncio.to_thread(dispatcher.close)
    assert loops == [asyncio.get_running_loop()]


def test_events_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ONE.name = "other"  # type: ignore[misc]  # that is the point
