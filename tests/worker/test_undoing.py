"""What a cancelled run undoes has its own time, but where the worker is to stop."""

from __future__ import annotations

import pytest
from waiting import until

pytestmark = pytest.mark.timeout(300)


def test_what_a_cancelled_run_undoes_may_take_longer_than_it_has_to_end(office, working, tmp_path):
    with working(LEADAGENT_WORKER_KILL_SECONDS="1") as worker:
        deployment = office.deploy(worker.pool, "undoing")
        run = office.start(deployment, action="linger", file=str(tmp_path / "go"))
        until(lambda: "waiting for go" in worker.log())
        office.cancel(run)
        assert office.ended(run).state.type.value == "CANCELLED"
    assert office.stored(run)["compensated"] == [
        {"task": "before", "key": None, "status": "completed", "error": None}
    ]


def test_a_worker_that_is_told_to_stop_waits_for_no_undoing(office, working, tmp_path):
    with working("--drain", "0", LEADAGENT_WORKER_KILL_SECONDS="7") as worker:
        run = office.start(office.deploy(worker.pool, "undoing"), action="wait", file=str(tmp_path / "go"))
        until(lambda: "waiting for go" in worker.log())
        assert worker.stop() == 0
    assert office.state(run) == "CANCELLED"
    (undone,) = office.stored(run)["compensated"]
    assert undone["status"] == "unknown"
    assert "cut short" in undone["error"]
