"""Runs that start at the same moment start one after another."""

from __future__ import annotations

import threading
import time

from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.embedded import admission as module
from leadagent_prefect.embedded.admission import Admission
from leadagent_prefect.embedded.home import ServerHome

EMBEDDED = PrefectApi(
    url="http://127.0.0.1:1/api", auth_string=None, embedded=True, ui_url="http://127.0.0.1:1"
)
CONFIGURED = PrefectApi(
    url="http://127.0.0.1:1/api", auth_string=None, embedded=False, ui_url="http://127.0.0.1:1"
)


def test_one_run_starts_at_a_time(home: ServerHome) -> None:
    home.create()
    order: list[str] = []
    first, second = Admission(EMBEDDED), Admission(EMBEDDED)
    first.enter()

    def start_second() -> None:
        second.enter()
        order.append("second starts")
        second.close()

    thread = threading.Thread(target=start_second)
    thread.start()
    order.append("first has started")
    first.close()
    first.close()
    thread.join(30)
    assert order == ["first has started", "second starts"]


def test_a_configured_api_admits_everybody(home: ServerHome) -> None:
    for admission in (Admission(CONFIGURED), Admission(CONFIGURED)):
        admission.enter()
    assert not (home.folder / "starting").exists()


def test_a_start_holds_back_while_runs_are_handed_in_but_not_for_ever(home: ServerHome, monkeypatch) -> None:
    home.create()
    Admission(CONFIGURED).hand_in()
    assert not (home.folder / "starting").exists()
    first = Admission(EMBEDDED)
    first.hand_in()
    monkeypatch.setattr(module, "_QUIET", 0.05)
    first.enter()
    assert time.time() - (home.folder / "starting").stat().st_mtime >= 0.05
    first.close()
    monkeypatch.setattr(module, "_QUIET", 3600.0)
    monkeypatch.setattr(module, "_AT_MOST", 0.0)
    first.enter()
    first.close()
