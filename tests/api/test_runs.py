"""Runs over HTTP: one for each Idempotency-Key, told as they go, and held to what the operator allows."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rest_servers import CANARY, SECRET, taken
from waiting import until

from leadagent_prefect import LeadAgent
from leadagent_prefect.cli import main

WORKFLOWS = "/api/v1/workflows"


@pytest.fixture
def client(keyed):
    with keyed.client(keyed.keys["alice"]) as client:
        yield client


def values(name="values", **more):
    return {
        "name": name,
        "tasks": [{"name": "one", "value": "{{ inputs.n }}"}],
        "inputs": {"n": {"type": "integer", "default": 1}},
        **more,
    }


def test_equal_idempotency_keys_make_one_run(keyed, client):
    key = {"Idempotency-Key": "order-1"}

    def post(_):
        for _ in range(10):
            answer = client.post(WORKFLOWS, json=values(), headers=key)
            if answer.status_code != 503:
                break
            time.sleep(int(answer.headers["Retry-After"]))
        return answer

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["execution_id"] for answer in answers}) == 1
    assert client.post(WORKFLOWS, json=values("other"), headers=key).status_code == 422
    assert (
        client.post(WORKFLOWS, json={"workflow": values(), "inputs": {"n": 2}}, headers=key).status_code
        == 422
    )
    with keyed.client(keyed.keys["bob"]) as bob:
        other = taken(bob, values(), headers=key)
    assert other != answers[0].json()["execution_id"]
    assert client.post(WORKFLOWS, json=values(), headers={"Idempotency-Key": "x" * 256}).status_code == 422


def test_yaml_and_inputs_are_taken_and_a_result_keeps_its_types(keyed, client):
    text = (
        "name: doubled\ninputs:\n  n: {type: integer}\n"
        "tasks:\n- name: twice\n  value: '{{ inputs.n * 2 }}'\n"
        "outputs:\n  out: '{{ tasks.twice.result }}'\n"
    )
    kind = {"Content-Type": "application/yaml"}
    assert client.post(WORKFLOWS, content=text, headers=kind).status_code == 422  # the input is missing
    body = "inputs: {n: 21}\nworkflow:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    run = client.post(WORKFLOWS, content=body, headers=kind).json()["execution_id"]
    assert keyed.ended(client, run)["outputs"] == {"out": 42}


def test_a_workflow_is_validated_without_a_run(client):
    answer = client.post(
        f"{WORKFLOWS}/validate",
        json={"name": "w", "tasks": [{"name": "t", "agent_name": "gone", "action": "GET"}]},
    )
    assert answer.json()["valid"] is False
    assert "unknown-agent" in [row["code"] for row in answer.json()["diagnostics"]]
    assert client.post(f"{WORKFLOWS}/validate", json=values()).json() == {"valid": True, "diagnostics": []}


def test_a_run_is_told_by_its_log_and_its_events(keyed, client):
    run = taken(client, values())
    with client.stream("GET", f"{WORKFLOWS}/{run}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line]
    names = [line[7:] for line in lines if line.startswith("event: ")]
    ids = [line[4:] for line in lines if line.startswith("id: ")]
    assert (names[0], names[-1]) == ("workflow_started", "workflow_finished")
    assert {"task_started", "task_completed"} <= set(names)
    with client.stream("GET", f"{WORKFLOWS}/{run}/events", headers={"Last-Event-ID": ids[-2]}) as stream:
        assert [line[4:] for line in stream.iter_lines() if line.startswith("id: ")] == ids[-1:]
    log = client.get(f"{WORKFLOWS}/{run}/logs?page_size=1").json()
    assert (len(log["logs"]), log["has_more"]) == (1, True)
    assert client.get(f"{WORKFLOWS}/{run}/logs?page=100").json()["logs"] == []
    assert "one" in [line["task"] for line in client.get(f"{WORKFLOWS}/{run}/logs").json()["logs"]]


def test_a_secret_goes_to_its_origin_alone_and_shows_nowhere(keyed, client):
    workflow = keyed.workflow(path="/echo")
    workflow["agents"][0]["authentication"] = {"type": "bearer", "token": f"{{{{ secrets.{SECRET} }}}}"}
    run = taken(client, workflow)
    details = keyed.ended(client, run)
    sent = [headers.get("authorization") for path, headers in keyed.service.requests if path == "/echo"]
    assert f"Bearer {CANARY}" in sent
    told = json.dumps(details) + client.get(f"{WORKFLOWS}/{run}/logs").text
    assert CANARY not in told
    assert "fetch_data" in details["errors"]


def test_requests_go_only_where_the_operator_allows_and_never_to_this_server_or_prefect(
    keyed, client, prefect_api
):
    port = keyed.service.port
    own, prefect = (int(url.rsplit(":", 1)[1].split("/")[0]) for url in (keyed.url, prefect_api.url))
    targets = {
        "own": f"http://127.0.0.1:{own}",
        "own_by_name": f"http://localhost:{own}",
        "prefect": f"http://127.0.0.1:{prefect}",
        "other_loopback": f"http://127.0.0.2:{port}",
        "short": f"http://127.2:{port}",
        "hexadecimal": f"http://0x7f000002:{port}",
        "decimal": f"http://2130706434:{port}",
        "octal": f"http://0177.0.0.2:{port}",
        "mapped": f"http://[::ffff:127.0.0.2]:{port}",
        "zero": f"http://0:{port}",
        "metadata": "http://169.254.169.254",
        "private": "http://10.0.0.1",
    }
    agents = [
        {"name": name, "type": "http_api", "endpoint": url, "timeout": 3} for name, url in targets.items()
    ]
    tasks = [
        {
            "name": name,
            "agent_name": name,
            "action": "GET",
            "parameters": {"endpoint": "/posts/1"},
            "retry_config": {"max_attempts": 1},
        }
        for name in targets
    ]
    before = len(keyed.service.requests)
    body = {
        "name": "ssrf",
        "parallel_execution": True,
        "failure_strategy": "continue_on_failure",
        "agents": agents,
        "tasks": tasks,
    }
    details = keyed.ended(client, taken(client, body))
    assert details["status"] == "failed"
    assert {name: row["error_class"] for name, row in details["tasks"].items()} == dict.fromkeys(
        targets, "configuration"
    )
    assert len(keyed.service.requests) == before


def test_a_test_of_an_agent_is_held_to_the_same(keyed, client):
    def test(endpoint, path="/posts/1", **more):
        config = {"name": "a", "type": "http_api", "endpoint": endpoint, **more}
        body = {"agent_config": config, "test_action": "GET", "test_parameters": {"endpoint": path}}
        return client.post("/api/v1/agents/test", json=body)

    refused = test("http://127.0.0.2:1").json()
    assert (refused["success"], refused["result"]) == (False, None)
    assert "not allowed" in refused["error"]
    large = test(keyed.service.url, "/large").json()
    assert (large["success"], large["result"]) == (False, None)
    assert test("stdio:sh", type="mcp_server").status_code == 422
    assert test(keyed.service.url, timeout="soon").status_code == 422
    assert test(keyed.service.url, timeout=None).status_code == 422
    assert test(keyed.service.url, "/odd", timeout=9).json()["result"]["half"] == "\ufffd"
    secret = {"type": "bearer", "token": f"{{{{ secrets.{SECRET} }}}}"}
    assert (
        test(keyed.service.url, authentication=secret).status_code == 422
    )  # this process has none of that name
    assert client.post("/api/v1/agents/test", json={"agent": {}}).status_code == 422


def test_a_server_that_the_operator_registered_is_called_by_its_name(keyed, client):
    workflow = {
        "name": "clock",
        "agents": [{"name": "clock", "type": "mcp_server", "endpoint": "stdio:time"}],
        "tasks": [{"name": "tools", "agent_name": "clock", "action": "list_tools"}],
    }
    details = keyed.ended(client, taken(client, workflow))
    assert (details["status"], details["errors"]) == ("completed", {})


def test_two_servers_on_one_prefect_agree(rest, keyed):
    with keyed.client(keyed.keys["alice"]) as alice, rest.client() as local:
        run = taken(alice, values())
        details = keyed.ended(alice, run)
        assert local.get(f"{WORKFLOWS}/{run}").json() == details


def test_a_run_that_failed_is_resumed_where_it_stopped(keyed, client):
    workflow = keyed.workflow(path="/posts/resumed")
    gate = {**workflow["tasks"][0], "name": "gate", "retry_config": {"max_attempts": 1}}
    workflow["tasks"].append({**gate, "parameters": {"endpoint": "/gate"}, "depends_on": ["fetch_data"]})
    run = taken(client, workflow)
    assert keyed.ended(client, run)["status"] == "failed"
    with keyed.client(keyed.keys["bob"]) as bob:
        assert bob.post(f"{WORKFLOWS}/{run}/resume").status_code == 404
    kept = next(Path(os.environ["PREFECT_HOME"]).rglob(f"leadagent-runs/{run}.json"))
    assert json.loads(kept.read_text())["source"]["text"] == ""  # nobody resumes it without its limits
    keyed.service.open.set()
    answer = client.post(f"{WORKFLOWS}/{run}/resume")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    details = keyed.ended(client, run)
    assert (details["status"], details["completed_tasks"]) == ("completed", 2)
    assert [path for path, _ in keyed.service.requests].count("/posts/resumed") == 1
    assert client.post(f"{WORKFLOWS}/{run}/resume").status_code == 409


def test_a_run_that_is_resumed_the_moment_it_ends_goes_on(keyed, client):
    """Its process has events to send still then, and a slot of the worker's."""
    workflow = keyed.workflow(path="/broken/again")
    workflow["tasks"][0]["retry_config"] = {"max_attempts": 1}
    run = taken(client, workflow)

    def calls():
        return [path for path, _ in keyed.service.requests].count("/broken/again")

    for count in range(1, 4):
        until(lambda count=count: calls() == count and status_of(client, run) == "failed")
        assert client.post(f"{WORKFLOWS}/{run}/resume").status_code == 200
    until(lambda: calls() == 4 and status_of(client, run) == "failed")


def status_of(client, run):
    return client.get(f"{WORKFLOWS}/{run}/status").json()["status"]


def test_the_command_line_says_where_a_run_of_the_api_is_resumed(keyed, client, capsys):
    run = taken(client, {"name": "by_hand", "tasks": [{"name": "one", "fail": "on purpose"}]})
    keyed.ended(client, run)
    for options in ([], ["--force"], ["--from", "one"], ["--dry-run"]):
        assert main(["resume", run, *options]) == 2
        assert f"/api/v1/workflows/{run}/resume" in capsys.readouterr().err
    assert main(["status", run]) == 0
    assert "by_hand" in capsys.readouterr().out
    assert main(["cancel", run]) == 1
    assert "failed" in capsys.readouterr().out


def test_a_run_made_elsewhere_is_an_admins_to_see(keyed, client):
    failing = {"name": "elsewhere", "tasks": [{"name": "one", "fail": "on purpose"}]}
    run = LeadAgent().execute_workflow_from_dict_sync(failing).flow_run_id
    assert client.get(f"{WORKFLOWS}/{run}").status_code == 404
    with keyed.client(keyed.keys["root"]) as root:
        details = root.get(f"{WORKFLOWS}/{run}").json()
        assert (details["name"], details["status"], details["failed_tasks"]) == ("elsewhere", "failed", 1)
        listed = root.get(WORKFLOWS, params={"page_size": 100}).json()["workflows"]
        assert ("elsewhere", run) in [(row["name"], row["execution_id"]) for row in listed]
        assert root.post(f"{WORKFLOWS}/{run}/resume").status_code == 409  # no worker can take it
        assert root.delete(f"{WORKFLOWS}/{run}").status_code == 409
