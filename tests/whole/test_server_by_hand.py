"""A Prefect server that a person started shows the run as it was, and no secret anywhere."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from outside import basic, environment, leadagent

WORKFLOW = """
name: canaries/and arrows
parallel_execution: true
failure_strategy: partial_completion_allowed
inputs:
  key: {type: string}
agents:
  - name: by_secret
    type: http_api
    endpoint: "URL"
    authentication: {type: bearer, token: "{{ secrets.CANARY_SECRET }}"}
    retry_config: {max_attempts: 2, initial_delay: 10ms}
  - name: by_literal
    type: http_api
    endpoint: "URL"
    authentication: {type: api_key, key: canary-literal-2, header: X-Key}
  - name: by_input
    type: http_api
    endpoint: "URL"
    authentication: {type: basic, username: someone, password: "{{ inputs.key }}"}
tasks:
  - {name: first, agent_name: by_secret, action: GET, parameters: {endpoint: /unstable}}
  - name: in the address
    agent_name: by_secret
    action: GET
    parameters: {endpoint: /refuses, params: {api_key: "{{ secrets.CANARY_SECRET }}"}}
  - {name: literal, agent_name: by_literal, action: GET, parameters: {endpoint: /refuses}}
  - {name: given, agent_name: by_input, action: GET, parameters: {endpoint: /fine}}
  - name: last
    agent_name: by_literal
    action: GET
    parameters: {endpoint: /fine, headers: {X-From: "{{ tasks.first.result.to }}"}}
    depends_on: [given]
"""
CANARIES = ["canary/secret+1", "canary-literal-2", "canary=input=3"]


def forms() -> list[str]:
    found = [form for canary in CANARIES for form in (canary, quote(canary, safe=""), basic(canary))]
    return [*dict.fromkeys(found), basic("someone:canary=input=3")]


def test_the_run_is_shown_and_no_canary_is(server_by_hand: Any, leaky_service: str, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(WORKFLOW.replace("URL", leaky_service))
    env = environment(tmp_path / "mine", PREFECT_API_URL=server_by_hand.url, CANARY_SECRET=CANARIES[0])
    ran = leadagent("run", "flow.yaml", "--json", "-i", f"key={CANARIES[2]}", env=env, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert {name: row["status"] for name, row in result["tasks"].items()} == {
        "first": "completed",
        "in the address": "failed",
        "literal": "failed",
        "given": "completed",
        "last": "completed",
    }
    assert result["tasks"]["literal"]["error_class"] == "auth"
    assert '"authorization": "Bearer ***"' in result["errors"]["in the address"]

    runs = task_runs(server_by_hand, result["flow_run_id"], 5)
    flow = server_by_hand.post("/flows/filter", {})[0]
    assert flow["name"] == "canaries-and arrows"
    assert arrows(runs) == {"last": {"first", "given"}}
    states = server_by_hand_states(server_by_hand, runs["first"]["id"])
    assert states == ["Pending", "Running", "AwaitingRetry", "Retrying", "Completed"]
    logs = logs_of(server_by_hand, result["flow_run_id"])
    assert any("Retry 1/1 will start" in line for line in logs)

    shown = {"stdout": ran.stdout, "stderr": ran.stderr, "logs": "\n".join(logs)}
    for home in (server_by_hand.home, tmp_path / "mine"):
        files = [path for path in home.rglob("*") if path.is_file()]
        assert files
        shown |= {str(path): path.read_bytes().decode("utf-8", "ignore") for path in files}
    leaks = [(place, form) for place, text in shown.items() for form in forms() if form in text]
    assert leaks == []


def task_runs(server: Any, flow_run_id: str, count: int) -> dict[str, Any]:
    """As soon as the server has recorded the end of all of them."""
    waited = threading.Event()
    while True:
        found = server.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
        if sum(run["state_type"] in ("COMPLETED", "FAILED") for run in found) == count:
            return {run["name"]: run for run in found}
        waited.wait(0.1)


def arrows(runs: dict[str, Any]) -> dict[str, set[str]]:
    names = {run["id"]: name for name, run in runs.items()}
    inputs = {
        name: {names[source["id"]] for source in run["task_inputs"].get("upstreams", [])}
        for name, run in runs.items()
    }
    return {name: sources for name, sources in inputs.items() if sources}


def server_by_hand_states(server: Any, task_run_id: str) -> list[str]:
    import urllib.request

    with urllib.request.urlopen(f"{server.url}/task_run_states/?task_run_id={task_run_id}") as response:
        return [state["name"] for state in json.load(response)]


def logs_of(server: Any, flow_run_id: str) -> list[str]:
    """Once the last line has come."""
    waited = threading.Event()
    while True:
        asked = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}, "limit": 200}
        lines = [log["message"] for log in server.post("/logs/filter", asked)]
        if any("Finished in state PartiallyCompleted" in line for line in lines):
            return lines
        waited.wait(0.1)
