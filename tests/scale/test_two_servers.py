"""Two Prefect servers, three workers, 200 runs: docs/scale-out.md, tried."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from backends import query
from cluster import PAGE, Cluster, until
from history import History
from outside import leadagent

from leadagent_prefect.embedded.profile import CLUSTER_PROFILE

RUNS = 200
WORKERS = 3
TASKS = ("fetch", "send")
WORKFLOW = """
name: digest
inputs:
  number: {type: integer}
agents:
  - {name: service, type: http_api, endpoint: "{{ env.SERVICE }}"}
tasks:
  - name: fetch
    agent_name: service
    action: POST
    parameters: {endpoint: "/{{ run.id }}/fetch", headers: &by {X-Worker: "{{ env.WORKER }}"}}
  - name: send
    agent_name: service
    action: POST
    parameters: {endpoint: "/{{ run.id }}/send", headers: *by, json: "{{ tasks.fetch.result }}"}
outputs:
  number: "{{ inputs.number }}"
"""


@pytest.fixture
def deployment(two_servers: Cluster, history: History) -> str:
    """The id of the deployed workflow, for which three workers wait, on both servers."""
    (two_servers.folder / "digest.yaml").write_text(WORKFLOW)
    command = ["leadagent_prefect", "worker", "--limit", "4", "--name", "NAME"]
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


@pytest.mark.timeout(480)
def test_every_run_ends_right_each_step_is_called_once_and_the_work_is_spread(
    two_servers: Cluster, history: History, deployment: str
) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda number: create_run(two_servers, deployment, number), range(RUNS)))
    until(lambda: ended(two_servers) == RUNS, 300, lambda: f"{RUNS} runs to end: {numbers()}")
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
    assert history.duplicates() == {}, found
    assert history.missing(runs, TASKS) == [], found
    assert history.shared_keys() == [], found
    assert len(history.calls) == RUNS * len(TASKS), found
    # No run was begun by two workers, even where only one of them went on.
    assert query(two_servers.database, "SELECT DISTINCT run_count FROM flow_run") == [(1,)], found
    assert len(history.spread()) == WORKERS, found
    assert min(history.spread().values()) >= RUNS / WORKERS / 5, found
    # The services of both servers write to the same tables, which deadlocked in older versions.
    assert query(two_servers.database, DEADLOCKS) == [(0,)], found
    until(lambda: recorded(two_servers) == RECORDED, 60, lambda: f"records: {recorded(two_servers)}; {found}")
    assert results(two_servers) == RUNS * (len(TASKS) + 1), found
    assert complaints(two_servers) == []


#: What the server makes of the events that runs send to it: neither lost nor stuck on the way.
RECORDED = {
    "task runs": {"Completed": RUNS * len(TASKS)},
    "events": {"prefect.flow-run.Completed": RUNS, "prefect.task-run.Completed": RUNS * len(TASKS)},
}
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def recorded(cluster: Cluster) -> dict[str, dict[str, int]]:
    events = "SELECT event, count(*) FROM events WHERE event LIKE 'prefect.%-run.Completed' GROUP BY 1"
    return {
        "task runs": dict(query(cluster.database, "SELECT state_name, count(*) FROM task_run GROUP BY 1")),
        "events": dict(query(cluster.database, events)),
    }


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


def results(cluster: Cluster) -> int:
    """How many results lie in the folder that all workers share."""
    return sum(1 for path in cluster.results.rglob("*") if path.is_file())


def complaints(cluster: Cluster) -> list[str]:
    """What doctor has to say against the second server."""
    done = leadagent("doctor", env=cluster.client(cluster.servers[1]), cwd=cluster.folder)
    assert "(configured) answers" in done.stdout
    return [line for line in done.stdout.splitlines() if line.startswith(("warning", "error"))]
