"""Runs of deployed flows on a warm worker: taken at once, each in a process of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from office import alive
from waiting import until

#: A server and a worker start within the first of them.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def errand(office, worker):
    """The deployment of the workflow."""
    return office.deploy(worker.pool)


def test_a_run_is_taken_when_its_event_tells_of_it(office, worker, errand):
    run = office.ended(office.start(errand))
    assert (run.state.name, run.state.message) == ("Completed", "2/2 tasks completed")


def test_a_run_that_is_due_later_starts_when_it_is_due_and_not_before(office, errand):
    run = office.ended(office.start(errand, after=3))
    assert run.state.type.value == "COMPLETED"
    assert run.start_time >= run.expected_start_time


def test_the_environment_of_the_deployment_is_that_of_the_run(office, worker):
    deployment = office.deploy(worker.pool, job_variables={"env": {"ERRAND": "parcel"}})
    run = office.ended(office.start(deployment)).id
    assert office.result(run)["errand"] == "parcel"
    assert office.result(run)["folder"] == str(office.folder)


def test_settings_of_prefect_in_the_environment_of_the_deployment_hold(office, worker, tmp_path):
    home = tmp_path / "home"
    variables = {
        "env": {"PREFECT_HOME": str(home), "PYTHONPATH": str(tmp_path)},
        "working_dir": str(tmp_path),
    }
    run = office.ended(office.start(office.deploy(worker.pool, job_variables=variables)))
    assert run.state.type.value == "COMPLETED"
    assert list((home / "storage").iterdir()) != []


def test_the_run_has_the_process_and_the_worker_it_ran_on(office, errand, tmp_path):
    run = office.start(errand, action="wait", file=str(tmp_path / "go"))
    pid = until(lambda: office.read(run).infrastructure_pid)
    labels = until(lambda: office.read(run).labels.get("prefect.worker.type"))
    (tmp_path / "go").touch()
    office.ended(run)
    assert office.result(run)["pid"] == int(pid)
    assert labels == "leadagent"


def test_a_crash_is_told_with_its_code_and_harms_no_other_run(office, worker, errand, tmp_path):
    other = office.start(errand, action="wait", file=str(tmp_path / "go"))
    office.running(other)
    crashed = [office.start(errand, action=action) for action in ("exit", "die", "exit_well")]
    messages = [office.ended(run).state.message for run in crashed]
    assert [office.state(run) for run in crashed] == ["CRASHED"] * 3
    for message, told in zip(
        messages, ["status code 7", "status code -9", "ended with status 0"], strict=True
    ):
        assert told in message
    (tmp_path / "go").touch()
    assert office.ended(other).state.type.value == "COMPLETED"
    assert worker.process.poll() is None


def test_a_run_that_blocks_its_process_holds_up_no_other(office, errand, tmp_path):
    blocking = office.start(errand, action="block", file=str(tmp_path / "go"))
    office.running(blocking)
    assert office.ended(office.start(errand)).state.type.value == "COMPLETED"
    assert office.state(blocking) == "RUNNING"
    (tmp_path / "go").touch()
    assert office.ended(blocking).state.type.value == "COMPLETED"


def test_retry_in_the_ui_goes_on_from_what_completed(office, worker, errand, tmp_path):
    """What the buttons of Prefect's two UIs send: the first one forces nothing, the second one does."""
    file = tmp_path / "needed"
    run = office.start(errand, action="need", file=str(file))
    assert office.ended(run).state.type.value == "FAILED"
    retry = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
    for force, came_to in ((False, "FAILED"), (True, "COMPLETED")):
        before = office.read(run).state.id
        body = {"state": retry, "force": force}
        answer = office.client._client.post(f"/flow_runs/{run}/set_state", json=body).json()
        assert answer["status"] == "ACCEPT"
        until(lambda before=before: office.read(run).state.id != before)
        assert office.ended(run).state.type.value == came_to
        file.touch()
    assert Path(f"{file}.calls").read_text().split() == ["go", "need", "need", "need"]
    assert office.read(run).run_count == 3
    first, last = (office.result(run, task)["pid"] for task in ("before", "errand"))
    assert first != last


def test_a_workflow_that_is_cancelled_ends_itself(office, worker, errand, tmp_path):
    run = office.start(errand, action="wait", file=str(tmp_path / "cancelled"))
    until(lambda: "waiting for cancelled" in worker.log())
    office.cancel(run)
    assert office.ended(run).state.type.value == "CANCELLED"
    assert office.stored(run)["completed_tasks"] == 1


def test_a_flow_of_another_kind_runs(office, worker, tmp_path):
    deployments = {name: office.deploy(worker.pool, name) for name in ("plain", "counting", "nesting", "odd")}
    given = {"counting": {"file": str(tmp_path / "counted")}}
    runs = {name: office.start(one, **given.get(name, {})) for name, one in deployments.items()}
    assert {name: office.ended(run).state.type.value for name, run in runs.items()} == {
        "plain": "COMPLETED",
        "counting": "COMPLETED",
        "nesting": "COMPLETED",
        "odd": "FAILED",
    }
    assert (tmp_path / "counted").exists()


def test_a_flow_of_another_kind_is_cancelled_as_prefect_does_it(office, worker, tmp_path):
    run = office.start(office.deploy(worker.pool, "plain"), action="wait", file=str(tmp_path / "go"))
    until((tmp_path / "go.started").exists)
    office.cancel(run)
    assert office.ended(run).state.type.value == "CANCELLED"
    until((tmp_path / "go.cancelled").exists)


def test_a_run_whose_flow_is_not_there_crashes_and_says_so(office, worker):
    run = office.ended(office.start(office.deploy(worker.pool, entrypoint="errands.py:nowhere")))
    assert run.state.type.value == "CRASHED"
    until(lambda: "The flow can't be loaded" in worker.log())


def test_pull_steps_of_another_kind_are_run_by_prefect(office, worker, tmp_path):
    steps = [
        {"prefect.deployments.steps.run_shell_script": {"script": f"touch {tmp_path / 'pulled'}"}},
        {"prefect.deployments.steps.set_working_directory": {"directory": str(office.folder)}},
    ]
    run = office.start(office.deploy(worker.pool, pull_steps=steps))
    assert office.ended(run).state.type.value == "COMPLETED"
    assert (tmp_path / "pulled").exists()


def test_a_deployment_with_one_place_lets_a_second_run_wait(office, worker, tmp_path):
    deployment = office.deploy(worker.pool, concurrency_limit=1)
    first = office.start(deployment, action="wait", file=str(tmp_path / "go"))
    office.running(first)
    second = office.start(deployment)
    until(lambda: office.read(second).state.name == "AwaitingConcurrencySlot")
    (tmp_path / "go").touch()
    assert office.ended(first).state.type.value == "COMPLETED"
    office.cancel(second)


def test_runs_go_on_after_the_process_they_are_forked_from_was_killed(office, worker, errand, tmp_path):
    run = office.start(errand, action="wait", file=str(tmp_path / "go"))
    office.running(run)
    pid = int(until(lambda: office.read(run).infrastructure_pid))
    os.kill(worker.fork_server(), signal.SIGKILL)
    assert office.ended(run).state.type.value == "CRASHED"
    assert not alive(pid)
    assert office.ended(office.start(errand)).state.type.value == "COMPLETED"
