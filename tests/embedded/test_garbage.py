"""The server's cyclic garbage is collected beside its loop."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from leadagent_prefect.embedded.garbage import collect_aside


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The collector of this process, as it was."""
    yield
    gc.unfreeze()
    gc.enable()


def test_it_is_collected_in_a_thread_of_its_own_until_that_is_over() -> None:
    pauses, threads = iter([False, False, True]), []
    thread = collect_aside(lambda seconds: next(pauses), lambda: threads.append(threading.current_thread()))
    thread.join(10)
    assert not thread.is_alive()
    assert threads == [thread, thread]
    assert not gc.isenabled()


def test_what_was_there_before_is_left_alone() -> None:
    collect_aside(lambda seconds: True).join(10)
    assert gc.get_freeze_count() > 0
