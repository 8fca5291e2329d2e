"""Two Prefect servers, three workers, 200 runs, a worker and a server killed: docs/scale-out.md, tried."""

from __future__ import annotations

import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from backends import query
from cluster import PAGE, Cluster
from history import History
from outside import leadagent
from waiting import until

from leadagent_prefect.embedded.profile import CLUSTER_PROFILE

RUNS = 200
WORKERS, AT_ONCE = 3, 4
TASKS = ("fetch", "send")
WORKFLOW = """
name: digest
inputs:
  number: {type: integer}
agents:
  - name: service
    type: http_api
    endpoint: "{{ env.SERVICE }}"
    custom_params: {headers: {X-Worker: "{{ env.WORKER }}"}}
tasks:
  - name: fetch
    agent_name: service
    action: POST
    parameters: {endpoint: "/{{ run.id }}/fetch"}
  - name: send
    agent_name: service
    action: POST
    parameters: {endpoint: "/{{ run.id }}/send", json: "{{ tasks.fetch.result }}"}
outputs:
  number: "{{ inputs.number }}"
"""


@pytest.fixture
def deployment(two_servers: Cluster, history: History) -> str:
    """The id of the deployed workflow, for which three workers wait, on both servers."""
    (two_servers.folder / "digest.yaml").write_text(WORKFLOW)
    command = ["leadagent_prefect", "worker", "--limit", str(AT_ONCE), "--name", "NAME"]
    for number in range(WORKERS):
        two_servers.start_worker(command, two_servers.servers[number % 2], SERVICE=history.url)
    env = {**two_servers.client(two_servers.servers[0]), "SERVICE": history.url, "WORKER": ""}
    done = leadagent("deploy", "digest.yaml", env=env, cwd=two_servers.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: online(two_servers) == WORKERS, 90, lambda: f"{WORKERS} workers to be online")
    (found,) = two_servers.post("/deployments/filter", {})
    return str(found["id"])


def online(cluster: Cluster) -> int:
    asked = {"workers": {"status": {"any_": ["ONLINE"]}}}
    return len(cluster.post("/work_pools/leadagent/workers/filter", asked))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="prefect-redis is for Python 3.11 and newer")
@pytest.mark.long
@pytest.mark.timeout(560)
def test_a_worker_and_a_server_are_killed_and_every_run_ends_right_with_no_completed_step_repeated(
    two_servers: Cluster, history: History, deployment: str
) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda number: create_run(two_servers, deployment, number), range(RUNS)))
    until(lambda: len(history.calls) > RUNS / 4, 120, lambda: f"a quarter of the calls: {numbers()}")
    # Just after the first of a run's two calls, so that it has something in hand.
    doomed = two_servers.workers[0]
    while (history.calls[-1].worker, history.calls[-1].task) != (doomed.name, TASKS[0]):
        time.sleep(0.001)
    doomed.signal(signal.SIGKILL)
    until(lambda: len(history.calls) > RUNS / 2, 120, lambda: f"more calls: {numbers()}")
    two_servers.servers[1].signal(signal.SIGKILL)
    two_servers.restart_server(1)
    until(lambda: ended(two_servers) == RUNS, 400, lambda: f"{RUNS} runs to end: {numbers()}")
    took = time.monotonic() - began

    def numbers() -> str:
        seconds = time.monotonic() - began
        return (
            f"{RUNS} runs, {seconds:.0f} s ({RUNS / seconds:.2f}/s), states {states(two_servers)}, "
            f"{len(history.calls)} calls, runs by worker {history.spread()}, twice {history.duplicates()}"
        )

    found = numbers()
    print(f"{found}; the last one ended after {took:.1f} s")
    assert states(two_servers) == {"Completed": RUNS}, found + two_servers.logs()
    assert history.missing(runs, TASKS) == [], found
    assert history.shared_keys() == [], found
    for (run, _), calls in history.repeated().items():
        first, second = calls  # a third would be one too many
        assert first == history.last_of(doomed.name, run), found  # what it had in hand when it was killed
        assert second.worker != doomed.name, found
        assert second.key == first.key, found
    # The runs of the killed worker alone were begun twice, and no run was by two workers at once.
    begun = dict(query(two_servers.database, "SELECT run_count, count(*) FROM flow_run GROUP BY 1"))
    taken_up = dict(query(two_servers.database, TAKEN_UP))
    assert begun.keys() <= {1, 2}, (begun, found)
    assert begun.get(2, 0) <= len(taken_up) <= AT_ONCE, (begun, taken_up, found)
    assert len(taken_up) > 0, found
    assert set(taken_up.values()) == {1}, (taken_up, found)
    assert len(history.spread()) == WORKERS, found
    assert min(history.spread()[worker.name] for worker in two_servers.workers[1:]) >= RUNS / 6, found
    # The services of both servers write to the same tables, which deadlocked in older versions.
    assert query(two_servers.database, DEADLOCKS) == [(0,)], found
    assert len(list((two_servers.results / "leadagent-runs").glob("*.json"))) == RUNS, found
    assert claims(two_servers) == [], found
    assert complaints(two_servers) == []


#: How often which run was taken up.
TAKEN_UP = """
SELECT flow_run_id::text, count(*) FROM flow_run_state WHERE message LIKE 'Taken up again by %' GROUP BY 1
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def test_the_page_shows_all_that_servers_must_share() -> None:
    shown = PAGE.read_text()
    assert [
        name for name, value in CLUSTER_PROFILE.items() if f"{name}={value.rstrip('.')}" not in shown
    ] == []


def create_run(cluster: Cluster, deployment: str, number: int) -> str:
    body = {"parameters": {"number": number}, "state": {"type": "SCHEDULED"}}
    server = cluster.servers[number % len(cluster.servers)]
    return str(cluster.post(f"/deployments/{deployment}/create_flow_run", body, server)["id"])


def states(cluster: Cluster) -> dict[str, int]:
    return dict(query(cluster.database, "SELECT state_name, count(*) FROM flow_run GROUP BY 1"))


def ended(cluster: Cluster) -> int:
    text = "SELECT count(*) FROM flow_run WHERE state_type IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')"
    return int(query(cluster.database, text)[0][0])


def claims(cluster: Cluster) -> list[str]:
    """What is left of those that workers made for runs that they took up."""
    return [one["name"] for one in cluster.post("/variables/filter", {})]


def complaints(cluster: Cluster) -> list[str]:
    """What doctor has to say against the second server."""
    done = leadagent("doctor", env=cluster.client(cluster.servers[1]), cwd=cluster.folder)
    assert "(configured) answers" in done.stdout
    return [line for line in done.stdout.splitlines() if line.startswith(("warning", "error"))]
