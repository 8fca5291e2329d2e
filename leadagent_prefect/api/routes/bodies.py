"""Bodies of requests in the OpenAPI document: endpoints read them themselves, and FastAPI knows none."""

from __future__ import annotations

from typing import Any

EXAMPLE: dict[str, Any] = {
    "name": "simple_test_workflow",
    "description": "A simple test workflow",
    "version": "1.0.0",
    "parallel_execution": False,
    "failure_strategy": "stop_on_first_failure",
    "agents": [
        {
            "name": "test_agent",
            "type": "http_api",
            "endpoint": "https://api.example.com",
            "timeout": 30,
        }
    ],
    "tasks": [
        {
            "name": "fetch_data",
            "agent_name": "test_agent",
            "action": "fetch",
            "parameters": {"method": "GET", "endpoint": "/posts/1"},
        }
    ],
}
_HELLO = {
    "name": "hello",
    "tasks": [
        {"name": "greet", "value": "hello"},
        {"name": "shout", "value": "{{ tasks.greet.result | upper }}"},
    ],
}
_WITH_INPUTS = {
    "workflow": {
        "name": "double",
        "inputs": {"n": {"type": "integer"}},
        "tasks": [{"name": "double", "value": "{{ inputs.n * 2 }}"}],
    },
    "inputs": {"n": 21},
}


def workflow_body() -> dict[str, Any]:
    """The request body of a workflow, in JSON or in YAML."""
    schema = {"$ref": "#/components/schemas/Submission"}
    examples = {
        "hello": {"summary": "A workflow that calls nobody", "value": _HELLO},
        "http": {"summary": "One call to an HTTP API", "value": EXAMPLE},
        "inputs": {"summary": "A workflow and its inputs", "value": _WITH_INPUTS},
    }
    content = {
        kind: {"schema": schema, "examples": examples} for kind in ("application/json", "application/yaml")
    }
    return {"requestBody": {"required": True, "content": content}}


def agent_test_body() -> dict[str, Any]:
    """The request body of a call to one agent."""
    task = EXAMPLE["tasks"][0]
    value = {
        "agent_config": EXAMPLE["agents"][0],
        "test_action": task["action"],
        "test_parameters": task["parameters"],
    }
    schema = {"$ref": "#/components/schemas/AgentTest"}
    content = {"application/json": {"schema": schema, "examples": {"call": {"value": value}}}}
    return {"requestBody": {"required": True, "content": content}}
