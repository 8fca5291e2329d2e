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


@pytest.mark.parametrize(("made", "looked_through"), [(100, [2]), (100_000, [*[1] * 23, 2])])
def test_what_is_new_is_looked_through_in_a_thread_of_its_own_and_all_now_and_then(
    monkeypatch: pytest.MonkeyPatch, made: int, looked_through: list[int]
) -> None:
    monkeypatch.setattr(gc, "get_count", lambda: (made, 0, 0))
    pauses, seen = iter([*[False] * 24, True]), []
    thread = collect_aside(
        lambda seconds: next(pauses), lambda generation: seen.append((threading.current_thread(), generation))
    )
    thread.join(10)
    assert not thread.is_alive()
    assert seen == [(thread, generation) for generation in looked_through]
    assert not gc.isenabled()


def test_what_was_there_before_is_left_alone() -> None:
    collect_aside(lambda seconds: True).join(10)
    assert gc.get_freeze_count() > 0
