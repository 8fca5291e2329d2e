"""Of runs that start at the same moment two start at a time."""

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


def test_two_runs_start_at_a_time(home: ServerHome) -> None:
    home.create()
    order: list[str] = []
    first, second, *others = [Admission(EMBEDDED) for _ in range(4)]
    first.enter()
    second.enter()

    def start(admission: Admission) -> None:
        admission.enter()
        order.append("another starts")
        admission.close()

    # They wait at different places: each is enough for one of them.
    threads = [threading.Thread(target=start, args=(admission,)) for admission in others]
    for thread in threads:
        thread.start()
    threads[0].join(0.3)
    order.append("one has started")
    first.close()
    first.close()
    second.close()
    for thread in threads:
        thread.join(30)
    assert order == ["one has started", "another starts", "another starts"]


def test_a_configured_api_admits_everybody(home: ServerHome) -> None:
    for admission in (Admission(CONFIGURED), Admission(CONFIGURED)):
        admission.enter()
    assert not home.folder.exists()


def test_a_start_holds_back_while_runs_are_handed_in_but_not_for_ever(home: ServerHome, monkeypatch) -> None:
    home.create()
    Admission(CONFIGURED).hand_in()
    assert not (home.folder / "handed-in").exists()
    first = Admission(EMBEDDED)
    first.hand_in()
    monkeypatch.setattr(module, "_QUIET", 0.05)
    first.enter()
    assert time.time() - (home.folder / "handed-in").stat().st_mtime >= 0.05
    first.close()
    monkeypatch.setattr(module, "_QUIET", 3600.0)
    monkeypatch.setattr(module, "_AT_MOST", (0.0, 0.0))
    first.enter()
    first.close()
