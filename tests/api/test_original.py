"""The examples of the original's documentation, with a server of this machine in place of the public one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest
from rest_servers import taken


@pytest.fixture
def client(rest):
    with rest.client() as client:
        yield client


def test_a_workflow_is_created_and_queued_and_its_run_completes(rest, client):
    answer = client.post("/api/v1/workflows", json=rest.workflow())
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"execution_id", "name", "status", "created_at", "total_tasks"}
    assert UUID(body["execution_id"])
    assert (body["name"], body["status"], body["total_tasks"]) == ("simple_test_workflow", "queued", 1)
    assert datetime.fromisoformat(body["created_at"].replace("Z", "+00:00")).tzinfo is not None
    details = rest.ended(client, body["execution_id"])
    assert details["status"] == "completed"
    assert details["results"] == {"fetch_data": {"id": 1, "title": "Test Post", "body": "..."}}
    assert details["tasks"]["fetch_data"]["status"] == "completed"


def test_the_status_tells_progress_and_the_task_under_way(rest, client):
    rest.service.held.clear()
    rest.service.go.clear()
    workflow = rest.workflow()
    workflow["tasks"].append(
        {
            "name": "hold",
            "agent_name": "test_agent",
            "action": "GET",
            "parameters": {"endpoint": "/hold"},
            "depends_on": ["fetch_data"],
        }
    )
    run = taken(client, workflow)
    try:
        assert rest.service.held.wait(60)
        status = {}
        for _ in range(100):  # Prefect writes the states of tasks a moment later
            status = client.get(f"/api/v1/workflows/{run}/status").json()
            if status["progress"] == 50.0 and status["current_task"] == "hold":
                break
        assert status == {
            "execution_id": run,
            "status": "running",
            "progress": 50.0,
            "current_task": "hold",
            "message": "Workflow running",
        }
        running = client.get("/api/v1/workflows", params={"status": "running"}).json()["workflows"]
        assert run in [row["execution_id"] for row in running]
    finally:
        rest.service.go.set()
    assert rest.ended(client, run)["status"] == "completed"
    status = client.get(f"/api/v1/workflows/{run}/status").json()
    assert (status["progress"], status["current_task"]) == (100.0, None)


def test_runs_are_listed_newest_first_by_page_and_status(rest, client):
    runs = [taken(client, rest.workflow()) for _ in range(2)]
    for run in runs:
        rest.ended(client, run)
    page = client.get("/api/v1/workflows?page=1&page_size=2&status=completed").json()
    assert page.keys() == {"workflows", "total", "page", "page_size"}
    assert (page["page"], page["page_size"]) == (1, 2)
    assert page["total"] >= 2
    first = page["workflows"][0]
    assert [row["execution_id"] for row in page["workflows"]] == runs[::-1]
    assert first.keys() == {
        "execution_id", "name", "status", "created_at", "completed_at", "execution_time", "total_tasks",
        "completed_tasks", "results",
    }  # fmt: skip
    assert (first["status"], first["total_tasks"], first["completed_tasks"]) == ("completed", 1, 1)
    assert first["results"]["fetch_data"]["id"] == 1
    second = client.get("/api/v1/workflows?page=2&page_size=1&status=completed").json()["workflows"]
    assert [row["execution_id"] for row in second] == [runs[0]]


def test_an_agent_is_tested_by_one_call(rest, client):
    body = {
        "agent_config": {
            "name": "test_agent",
            "type": "http_api",
            "endpoint": rest.service.url,
            "timeout": 30,
        },
        "test_action": "ping",
        "test_parameters": {"method": "GET", "endpoint": "/posts/1"},
    }
    answer = client.post("/api/v1/agents/test", json=body)
    assert answer.status_code == 200
    found = answer.json()
    assert found.pop("response_time") >= 0
    assert found == {
        "agent_name": "test_agent",
        "success": True,
        "result": {"id": 1, "title": "Test Post", "body": "..."},
        "error": None,
    }


def test_health_and_what_is_here(client):
    health = client.get("/api/v1/health").json()
    assert (health["status"], health["service"], health["prefect"]) == ("healthy", "leadagent", "reachable")
    assert client.get("/api/v1/health/live").json() == {"status": "alive"}
    assert client.get("/api/v1/health/ready").json() == {"status": "ready"}
    assert client.get("/").json()["endpoints"]["workflows"] == "/api/v1/workflows"


def test_a_cancelled_run_reads_as_cancelled_and_cancelling_twice_is_once(rest, client):
    rest.service.held.clear()
    rest.service.go.clear()
    run = taken(client, rest.workflow(path="/hold"))
    try:
        assert rest.service.held.wait(60)
        answer = client.delete(f"/api/v1/workflows/{run}")
        assert answer.status_code == 200
        assert answer.json().keys() == {"execution_id", "status", "message"}
        assert rest.ended(client, run)["status"] == "cancelled"
    finally:
        rest.service.go.set()
    assert client.delete(f"/api/v1/workflows/{run}").json()["status"] == "cancelled"
    done = taken(client, rest.workflow())
    rest.ended(client, done)
    assert client.delete(f"/api/v1/workflows/{done}").status_code == 409


def test_a_run_that_fails_says_why(rest, client):
    run = taken(client, rest.workflow(path="/echo"))
    details = rest.ended(client, run)
    assert details["status"] == "failed"
    assert details["tasks"]["fetch_data"]["error_class"] == "auth"
    assert "fetch_data" in details["errors"]


@pytest.mark.parametrize(
    ("page", "asset"), [("/docs", "swagger-ui-bundle.js"), ("/redoc", "redoc.standalone.js")]
)
def test_the_pages_of_the_api_need_no_other_server(client, page, asset):
    answer = client.get(page)
    text = answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "//cdn" not in text
    assert "fonts.googleapis" not in text
    assert client.get(f"/docs-assets/{asset}").status_code == 200
    assert asset in text
